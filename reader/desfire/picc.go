package desfire

import (
	"encoding/binary"

	"badgekms/reader/apdu"
)

// UID is the identifier of a DESFire card, 7 bytes (ISO/IEC 14443-3 double
// size).
type UID [7]byte

// GetCardUID is 51; its answer, enciphered in a session, is the 7-byte UID,
// also of a card that shows random identifiers to readers. ParseUID reads it.
func GetCardUID() Command {
	return Command{INS: apdu.INSGetCardUID, Mode: Full, Frames: 1, AnswerLen: len(UID{})}
}

// ParseUID reads the answer to GetCardUID.
func ParseUID(data []byte) (UID, error) {
	if len(data) != len(UID{}) {
		return UID{}, lengthError(apdu.INSGetCardUID, data, "7")
	}
	return UID(data), nil
}

// FreeMemory is 6E; its answer is the free bytes, 3 bytes LSB first.
// ParseFreeMemory reads it.
func FreeMemory() Command {
	return Command{INS: apdu.INSFreeMemory, Mode: MACed, Frames: 1}
}

// ParseFreeMemory reads the answer to FreeMemory, in bytes.
func ParseFreeMemory(data []byte) (int, error) {
	if len(data) != 3 {
		return 0, lengthError(apdu.INSFreeMemory, data, "3")
	}
	return int(uint24(data)), nil
}

// FormatPICC is FC: it deletes all applications and files and gives their
// memory back. Nothing brings them back.
func FormatPICC() Command {
	return Command{INS: apdu.INSFormatPICC, Mode: MACed, Frames: 1}
}

func uint24(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
}

// appendUint24 appends the 3 low bytes of n, LSB first.
func appendUint24(dst []byte, n uint32) []byte {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], n)
	return append(dst, b[:3]...)
}
