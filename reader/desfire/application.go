package desfire

import (
	"encoding/binary"

	"badgekms/reader/apdu"
)

// The bits of KS2 below the key type.
const (
	ks2ISOFileIDs = 1 << 5
	maxKeys       = 14
	maxDFName     = 16
)

// Application is what CreateApplication freezes about an application.
type Application struct {
	AID      AID
	Rights   KeyRights
	KeyCount int // 1 to 14
	KeyType  KeyType
	// ISOFileID, if not zero, is the application's ISO file identifier. Every
	// file created in it then needs one too.
	ISOFileID uint16
	// DFName, if not empty, is the ISO DF name, 1 to 16 bytes.
	DFName []byte
}

// CreateApplication is CA AID(3) KS1 KS2 [ISOFID(2, LSB first)] [DFname]. Its
// keys are born as the card's default key, zero if none was set. A KeyCount or
// a DFName out of range is the card's to refuse (919E or 917E).
func CreateApplication(a Application) Command {
	ks2 := byte(a.KeyCount)&0x0F | byte(a.KeyType)<<6
	if a.ISOFileID != 0 {
		ks2 |= ks2ISOFileIDs
	}
	b := append(make([]byte, 0, 7+len(a.DFName)), a.AID[:]...)
	b = append(b, byte(a.Rights), ks2)
	if a.ISOFileID != 0 {
		b = binary.LittleEndian.AppendUint16(b, a.ISOFileID)
	}
	return Command{INS: apdu.INSCreateApplication, Header: append(b, a.DFName...), Mode: MACed, Frames: 1}
}

// DeleteApplication is DA AID(3). Only FormatPICC gives its memory back.
func DeleteApplication(a AID) Command {
	return Command{INS: apdu.INSDeleteApplication, Header: a[:], Mode: MACed, Frames: 1}
}
