package desfire

import (
	"encoding/binary"

	"badgekms/reader/apdu"
)

// DelegatedApplication is an application that another party may create on a
// card, with a proof that the card's owner made for it (EV2 and later).
type DelegatedApplication struct {
	Application
	Slot        uint16 // DAM slot
	SlotVersion byte
	Quota       uint16 // memory, in the blocks that the card counts in
	// EncK is the application's initial key, enciphered by the owner of the
	// card, and DAMMAC the owner's MAC over all of this. Both are given, not
	// computed here: the owner's keys belong to the owner.
	EncK   [32]byte
	DAMMAC [macLen]byte
}

// CreateDelegatedApplication is C9 AID(3) DAMSlot(2) SlotVersion(1) Quota(2) KS1
// KS2 [KS3 ..] [ISOFID] [DFname], and then EncK(32) ‖ DAMMAC(8) in a frame of
// its own (proxmark3, cmdhfmfdes.c). All integers are LSB first. In a session
// one MAC follows both parts, as in every chained command; no source shows it.
func CreateDelegatedApplication(d DelegatedApplication) Command {
	b := append(make([]byte, 0, 17+len(d.DFName)), d.AID[:]...)
	b = append(binary.LittleEndian.AppendUint16(b, d.Slot), d.SlotVersion)
	b = d.appendSettings(binary.LittleEndian.AppendUint16(b, d.Quota))
	return Command{
		INS: apdu.INSCreateDelegatedApplication, Header: b, Data: concat(d.EncK[:], d.DAMMAC[:]),
		Mode: MACed, Frames: 1, twoStep: true,
	}
}

// DelegatedInfo is the answer to GetDelegatedInfo.
type DelegatedInfo struct {
	SlotVersion byte
	Quota, Free uint16 // memory, in the blocks that the card counts in
	AID         AID
}

// GetDelegatedInfo is 69 DAMSlot(2, LSB first); ParseDelegatedInfo reads its
// answer.
func GetDelegatedInfo(slot uint16) Command {
	return Command{
		INS: apdu.INSGetDelegatedInfo, Header: binary.LittleEndian.AppendUint16(nil, slot), Mode: MACed, Frames: 1,
	}
}

// ParseDelegatedInfo reads SlotVersion(1) ‖ Quota(2) ‖ Free(2) ‖ AID(3).
func ParseDelegatedInfo(data []byte) (DelegatedInfo, error) {
	if len(data) != 8 {
		return DelegatedInfo{}, lengthError(apdu.INSGetDelegatedInfo, data, "8")
	}
	return DelegatedInfo{
		SlotVersion: data[0], Quota: binary.LittleEndian.Uint16(data[1:]),
		Free: binary.LittleEndian.Uint16(data[3:]), AID: AID(data[5:]),
	}, nil
}
