package desfire

import (
	"fmt"

	"badgekms/reader/apdu"
)

// KeyRights is KeySett1 (KS1): what the master key of an application, or of the
// PICC, governs (desfire-facts §3.1).
type KeyRights byte

// The bits of KeyRights. Bits 4 to 7, in applications only, are the ChangeKey
// right: see ChangeKeyRight.
const (
	// MasterKeyChangeable: key 0 may be changed; clear freezes it for good.
	MasterKeyChangeable KeyRights = 1 << 0
	// FreeListing: listing applications or files and reading settings needs no
	// authentication.
	FreeListing KeyRights = 1 << 1
	// FreeCreateDelete: creating needs no authentication.
	FreeCreateDelete KeyRights = 1 << 2
	// RightsChangeable: these rights may be changed; clear freezes them.
	RightsChangeable KeyRights = 1 << 3
)

// Values of ChangeKeyRight that are not key numbers.
const (
	// ChangeWithSameKey: each key changes itself.
	ChangeWithSameKey byte = 0xE
	// ChangeFrozen: no key but key 0 can be changed.
	ChangeFrozen byte = 0xF
)

// ChangeKeyRight is the key number that may change the other keys (0 to 13),
// ChangeWithSameKey or ChangeFrozen.
func (r KeyRights) ChangeKeyRight() byte { return byte(r) >> 4 }

// WithChangeKeyRight returns r with another ChangeKeyRight.
func (r KeyRights) WithChangeKeyRight(right byte) KeyRights {
	return r&0x0F | KeyRights(right<<4)
}

// String gives the byte in hexadecimal and the bits in words.
func (r KeyRights) String() string {
	s := fmt.Sprintf("%02X", byte(r))
	for _, bit := range []struct {
		mask KeyRights
		word string
	}{
		{MasterKeyChangeable, " master-key-changeable"}, {FreeListing, " free-listing"},
		{FreeCreateDelete, " free-create-delete"}, {RightsChangeable, " rights-changeable"},
	} {
		if r&bit.mask != 0 {
			s += bit.word
		}
	}
	return s
}

// KeyType is the type of the keys of an application, the two high bits of
// KeySett2 (KS2).
type KeyType byte

// The key types.
const (
	KeyType2TDEA KeyType = 0
	KeyType3TDEA KeyType = 1
	KeyTypeAES   KeyType = 2
)

// String names the type.
func (t KeyType) String() string {
	switch t {
	case KeyType2TDEA:
		return "DES/2TDEA"
	case KeyType3TDEA:
		return "3TDEA"
	case KeyTypeAES:
		return "AES"
	}
	return fmt.Sprintf("key type %d", byte(t))
}

// KeySets describes the key sets of an EV2 application that has them.
type KeySets struct {
	ActiveVersion byte // AKS version
	Count         byte // 2 to 16
	MaxKeySize    byte // 16 or 24 bytes
	Settings      byte // bits 0 to 2: the key number that may roll, 0 to 7
}

// KeySettings is the answer to GetKeySettings.
type KeySettings struct {
	Rights     KeyRights
	KeyCount   int
	KeyType    KeyType
	ISOFileIDs bool     // files carry ISO file identifiers
	KeySets    *KeySets // nil without key sets
}

// GetKeySettings is 45; ParseKeySettings reads its answer.
func GetKeySettings() Command {
	return Command{INS: apdu.INSGetKeySettings, Mode: MACed, Frames: 1}
}

// ParseKeySettings reads KS1 ‖ KS2, or KS1 ‖ KS2 ‖ AKSVersion ‖ NoKeySets ‖
// MaxKeySize ‖ AppKeySetSettings of an application with key sets. At PICC
// level KS2 is 01 with a DES master key, 81 with an AES one.
func ParseKeySettings(data []byte) (KeySettings, error) {
	if len(data) != 2 && len(data) != 6 {
		return KeySettings{}, lengthError(apdu.INSGetKeySettings, data, "2 or 6")
	}
	k := KeySettings{
		Rights:     KeyRights(data[0]),
		KeyCount:   int(data[1] & 0x0F),
		KeyType:    KeyType(data[1] >> 6),
		ISOFileIDs: data[1]&ks2ISOFileIDs != 0,
	}
	if k.KeyType > KeyTypeAES {
		return KeySettings{}, fmt.Errorf("%s: %w: key type bits 11 are reserved", apdu.INSGetKeySettings, ErrAnswer)
	}
	if len(data) == 6 {
		k.KeySets = &KeySets{ActiveVersion: data[2], Count: data[3], MaxKeySize: data[4], Settings: data[5]}
	}
	return k, nil
}

// ChangeKeySettings is 54 KS1(1), enciphered.
func ChangeKeySettings(r KeyRights) Command {
	return Command{INS: apdu.INSChangeKeySettings, Data: []byte{byte(r)}, Mode: Full, Frames: 1}
}

// GetKeyVersion is 64 KeyNo(1); ParseKeyVersion reads its answer. Without a
// session the answer is a hint only.
func GetKeyVersion(keyNo byte) Command {
	return Command{INS: apdu.INSGetKeyVersion, Header: []byte{keyNo}, Mode: MACed, Frames: 1}
}

// ParseKeyVersion reads the one byte that GetKeyVersion answers.
func ParseKeyVersion(data []byte) (byte, error) {
	if len(data) != 1 {
		return 0, lengthError(apdu.INSGetKeyVersion, data, "1")
	}
	return data[0], nil
}

const (
	// keyNoInSet marks a KeyNo that a KeySetNo follows.
	keyNoInSet = 1 << 6
	// allKeySets asks for the versions in all key sets.
	allKeySets = 0x80
)

// GetKeyVersionInSet is 64 KeyNo|40 ‖ KeySetNo: the version of a key in a key
// set; ParseKeyVersion reads its answer.
func GetKeyVersionInSet(set, keyNo byte) Command {
	return Command{INS: apdu.INSGetKeyVersion, Header: []byte{keyNo | keyNoInSet, set}, Mode: MACed, Frames: 1}
}

// GetKeyVersions is 64 KeyNo|40 ‖ 80: the versions of all key sets, active set
// first; ParseKeyVersions reads its answer.
func GetKeyVersions(keyNo byte) Command {
	return Command{INS: apdu.INSGetKeyVersion, Header: []byte{keyNo | keyNoInSet, allKeySets}, Mode: MACed, Frames: 1}
}

// ParseKeyVersions reads the list that GetKeyVersions answers, one byte for each
// key set.
func ParseKeyVersions(data []byte) ([]byte, error) {
	if len(data) < 1 || len(data) > maxKeySets {
		return nil, lengthError(apdu.INSGetKeyVersion, data, "1 to 16")
	}
	return data, nil
}
