package desfire

import (
	"encoding/binary"

	"badgekms/reader/apdu"
)

// The bits of KS2 below the key type, and those of KS3 (desfire-facts §3.2 and
// §3.3; one source swaps the last two of KS3 for delegated applications).
const (
	ks2KS3        = 1 << 4
	ks2ISOFileIDs = 1 << 5

	ks3KeySets      = 1 << 0
	ks3VCKeys       = 1 << 1
	ks3Capabilities = 1 << 2
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
	// KeySets, if not nil, gives the application key sets (EV2 and later).
	KeySets *KeySets
	// VCKeys gives it virtual card and proximity keys of its own, and
	// OwnCapabilities capability data of its own (EV2 and later).
	VCKeys, OwnCapabilities bool
}

// CreateApplication is CA AID(3) KS1 KS2 [KS3 [AKSVersion NoKeySets MaxKeySize
// AppKeySetSettings]] [ISOFID(2, LSB first)] [DFname]. Its keys are born as the
// card's default key, zero if none was set. A KeyCount or a DFName out of range
// is the card's to refuse (919E or 917E).
//
// Sources disagree on the order of the ISO file identifier; LSB first is what
// AN12343 and most libraries show (desfire-facts §2).
func CreateApplication(a Application) Command {
	b := a.appendSettings(append(make([]byte, 0, 12+len(a.DFName)), a.AID[:]...))
	return Command{INS: apdu.INSCreateApplication, Header: b, Mode: MACed, Frames: 1}
}

// appendSettings appends KS1 and what follows it.
func (a *Application) appendSettings(b []byte) []byte {
	ks2 := byte(a.KeyCount)&0x0F | byte(a.KeyType)<<6
	if a.ISOFileID != 0 {
		ks2 |= ks2ISOFileIDs
	}
	ks3 := a.ks3()
	if ks3 != 0 {
		ks2 |= ks2KS3
	}
	b = append(b, byte(a.Rights), ks2)
	if ks3 != 0 {
		b = append(b, ks3)
	}
	if k := a.KeySets; k != nil {
		b = append(b, k.ActiveVersion, k.Count, k.MaxKeySize, k.Settings)
	}
	if a.ISOFileID != 0 {
		b = binary.LittleEndian.AppendUint16(b, a.ISOFileID)
	}
	return append(b, a.DFName...)
}

func (a *Application) ks3() (ks3 byte) {
	if a.KeySets != nil {
		ks3 |= ks3KeySets
	}
	if a.VCKeys {
		ks3 |= ks3VCKeys
	}
	if a.OwnCapabilities {
		ks3 |= ks3Capabilities
	}
	return ks3
}

// DeleteApplication is DA AID(3). Only FormatPICC gives its memory back.
func DeleteApplication(a AID) Command {
	return Command{INS: apdu.INSDeleteApplication, Header: a[:], Mode: MACed, Frames: 1}
}
