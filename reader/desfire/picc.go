package desfire

import (
	"encoding/binary"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

// UID is the identifier of a DESFire card, 7 bytes (ISO/IEC 14443-3 double
// size).
type UID [7]byte

// GetCardUID is 51; its answer, enciphered in a session, is the 7-byte UID,
// also of a card that shows random identifiers to readers. ParseUID reads it.
func GetCardUID() Command {
	return Command{INS: apdu.INSGetCardUID, Mode: Full, Frames: 1}
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

// SetConfiguration is 5C Option(1) ‖ data, with the data enciphered (NT4H2421Gx
// table 50; desfire-facts §8.1). Options cannot be read back, and most of their
// bits can never be cleared again.
func SetConfiguration(option byte, data []byte) Command {
	return Command{INS: apdu.INSSetConfiguration, Header: []byte{option}, Data: data, Mode: Full, Frames: 1}
}

// PICCConfiguration are the bits of SetConfiguration option 00. A card never
// lets a bit be cleared that was set.
type PICCConfiguration byte

// The bits of PICCConfiguration.
const (
	DisableFormat         PICCConfiguration = 1 << 0
	RandomUID             PICCConfiguration = 1 << 1
	RequireProximityCheck PICCConfiguration = 1 << 2
	RequireVCAuth         PICCConfiguration = 1 << 3
)

// SetPICCConfiguration is SetConfiguration option 00, one byte of bits.
func SetPICCConfiguration(c PICCConfiguration) Command {
	return SetConfiguration(0x00, []byte{byte(c)})
}

// defaultKeyLen is the room for the default key, which a three-key triple DES
// key would fill; an AES key is padded with zeros.
const defaultKeyLen = 24

// SetDefaultKey is SetConfiguration option 01: Key(24, zero padded) ‖
// Version(1). Applications created later are born with this key in all slots.
func SetDefaultKey(k key.AES128, version byte) Command {
	data := make([]byte, defaultKeyLen+1)
	b := k.Reveal()
	copy(data, b[:])
	clear(b[:])
	data[defaultKeyLen] = version
	return SetConfiguration(0x01, data)
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
