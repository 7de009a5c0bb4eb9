package desfire

import (
	"encoding/binary"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

// The options of SetConfiguration. 08, which renames files of the DESFire Light,
// has no constructor here: its layout is not in a public source.
const (
	optionPICC            byte = 0x00
	optionDefaultKey      byte = 0x01
	optionATS             byte = 0x02
	optionSAK             byte = 0x03
	optionSecureMessaging byte = 0x04
	optionCapabilities    byte = 0x05
	optionDFName          byte = 0x06
	optionValueFile       byte = 0x09
	optionFailedAuth      byte = 0x0A
	optionBackModulation  byte = 0x0B
	optionATQA            byte = 0x0C
)

// SetConfiguration is 5C Option(1) ‖ data, with the data enciphered (NT4H2421Gx
// table 50; desfire-facts §8.1). Options cannot be read back, and most of their
// bits can never be cleared again. Options of the card need the PICC master
// key; those of an application, its key 0.
//
// EV1 and D40 sessions pad option 02 with 80 00.., since an ATS has no fixed
// length, and all others with 00.. (desfire-facts §5.4).
func SetConfiguration(option byte, data []byte) Command {
	return Command{
		INS: apdu.INSSetConfiguration, Header: []byte{option}, Data: data, Mode: Full, Frames: 1,
		marked: option == optionATS,
	}
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
	return SetConfiguration(optionPICC, []byte{byte(c)})
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
	return SetConfiguration(optionDefaultKey, data)
}

// SetATS is SetConfiguration option 02: the ATS, TL T0 TA TB TC and historical
// bytes (AN12343 table 6). It shows in the reader's ATR.
func SetATS(ats []byte) Command { return SetConfiguration(optionATS, ats) }

// SetSAK is SetConfiguration option 03: the SAK bytes of both cascade levels.
func SetSAK(sak [2]byte) Command { return SetConfiguration(optionSAK, sak[:]) }

// SecureMessaging are the bits of SetConfiguration option 04.
type SecureMessaging uint16

// The bits of SecureMessaging. NT4H2421Gx defines the third only.
const (
	DisableD40             SecureMessaging = 1 << 0
	DisableEV1             SecureMessaging = 1 << 1
	DisableChainedWritings SecureMessaging = 1 << 2
)

// SetSecureMessaging is SetConfiguration option 04, 2 bytes. No source gives
// their order; LSB first is chosen, as everywhere in native commands, and in
// the other order a card would find reserved bits set and answer 919E. One
// source takes option 04 for the ATQA, which is 0C here (desfire-facts §8.1).
func SetSecureMessaging(m SecureMessaging) Command {
	return SetConfiguration(optionSecureMessaging, binary.LittleEndian.AppendUint16(nil, uint16(m)))
}

// Capabilities are the bytes of PDcap2 that SetConfiguration option 05 can
// change, counted from 1 as NXP does.
type Capabilities struct{ PDCap21, PDCap25, PDCap26 byte }

// SetCapabilities is SetConfiguration option 05: 10 bytes with PDcap2.1 at
// offset 4 and PDcap2.5 and 2.6 at offsets 8 and 9 (NT4H2421Gx table 50; one
// source counts 9 bytes). PDCap21 02 turns LRP on for good, and this package
// does not speak LRP.
func SetCapabilities(c Capabilities) Command {
	return SetConfiguration(optionCapabilities, []byte{4: c.PDCap21, 8: c.PDCap25, 9: c.PDCap26})
}

// SetDFName is SetConfiguration option 06: another DF name, 1 to 16 bytes, for
// the selected application (proxmark3, cmdhfmfdes.c).
func SetDFName(name []byte) Command { return SetConfiguration(optionDFName, name) }

// SetLightValueFile is SetConfiguration option 09 of the DESFire Light, which
// sets its value file up, once: FileNo ‖ Lower(4) ‖ Upper(4) ‖ Value(4) ‖
// LimitedCredit(1) (AN12343 table 5).
func SetLightValueFile(f ValueSettings) Command {
	return SetConfiguration(optionValueFile, f.appendLimits([]byte{f.No}))
}

// FailedAuthentications are the settings of the counter of failed
// authentications that each AES key has (NT4H2421Gx §9, table 50).
type FailedAuthentications struct {
	Enabled bool
	// Limit locks the key when the counter reaches it; 1000 in the factory.
	Limit uint16
	// Decrement is what a success takes off the counter; 10 in the factory.
	Decrement uint16
}

// SetFailedAuthentications is SetConfiguration option 0A: Option(1, bit 0
// enables) ‖ Limit(2) ‖ Decrement(2), LSB first.
func SetFailedAuthentications(f FailedAuthentications) Command {
	b := make([]byte, 1, 5)
	if f.Enabled {
		b[0] = 1
	}
	b = binary.LittleEndian.AppendUint16(b, f.Limit)
	return SetConfiguration(optionFailedAuth, binary.LittleEndian.AppendUint16(b, f.Decrement))
}

// SetBackModulation is SetConfiguration option 0B: the strength of the card's
// answer in the field, as NT4H2421Gx table 50 codes it.
func SetBackModulation(strength byte) Command {
	return SetConfiguration(optionBackModulation, []byte{strength})
}

// SetATQA is SetConfiguration option 0C of EV3: the ATQA in the order in which
// it is sent. One source only.
func SetATQA(atqa [2]byte) Command { return SetConfiguration(optionATQA, atqa[:]) }
