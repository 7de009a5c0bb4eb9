package server

import (
	"log/slog"

	"badgekms/kms/procedure"
	"badgekms/kms/reason"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/desfire"
)

// verdict begins an Outcome with verdict and reason of what a procedure
// returned.
func verdict(err error) *badgekmsv1.Outcome {
	r := badgekmsv1.Reason_REASON_UNSPECIFIED
	if err != nil {
		r = reason.Of(err)
	}
	return &badgekmsv1.Outcome{Verdict: reason.Verdict(r), Reason: r}
}

// level makes the log stand out where somebody may be attacking: a card that is
// not what it claims to be.
func level(r badgekmsv1.Reason) slog.Level {
	switch r {
	case badgekmsv1.Reason_REASON_KEY_REFUSED, badgekmsv1.Reason_REASON_PROTOCOL_DOWNGRADED,
		badgekmsv1.Reason_REASON_UID_MISMATCH, badgekmsv1.Reason_REASON_CARD_NOT_GENUINE:
		return slog.LevelWarn
	case badgekmsv1.Reason_REASON_INTERNAL:
		return slog.LevelError
	}
	return slog.LevelInfo
}

func tapOutcome(t procedure.Tap, err error) *badgekmsv1.Outcome {
	o := verdict(err)
	o.BadgeId, o.HolderId, o.Generation = t.BadgeID, t.HolderID, t.Generation
	return o
}

func provisionOutcome(p procedure.Provisioned, err error) *badgekmsv1.Outcome {
	o := verdict(err)
	o.BadgeId, o.HolderId, o.Generation = p.BadgeID, p.HolderID, p.Generation
	if err == nil {
		o.Result = &badgekmsv1.Outcome_Provisioned{Provisioned: &badgekmsv1.Provisioned{
			CredentialNumber: p.CredentialNumber, Resumed: p.Resumed, RepeatedRequest: p.Repeated, Product: p.Product,
		}}
	}
	return o
}

func inspectOutcome(i procedure.Inspection, err error) *badgekmsv1.Outcome {
	o := verdict(err)
	if err != nil {
		return o
	}
	o.BadgeId, o.HolderId = i.BadgeID, i.HolderID
	v := i.Version
	least, _ := v.Hardware.Storage.Bytes()
	m := &badgekmsv1.Inspection{
		Product: v.String(), Uid: v.UID[:], StorageBytes: uint32(least), ApplicationsHidden: i.ApplicationsHidden,
		Originality: originality(i.Originality), ProductionWeek: uint32(v.Week), ProductionYear: uint32(v.Year), Batch: v.Batch[:],
		Encodable: i.NotEncodable == nil, BadgeState: string(i.BadgeState),
	}
	for _, a := range i.Applications {
		m.ApplicationIds = append(m.ApplicationIds, a[:])
	}
	if i.NotEncodable != nil {
		m.NotEncodableReason = reason.Of(i.NotEncodable)
	}
	if i.FreeBytes != nil {
		m.FreeBytes = new(uint32(*i.FreeBytes))
	}
	if i.KeyVersion != nil {
		m.PiccKeyVersion = new(uint32(*i.KeyVersion))
	}
	if i.Settings != nil {
		m.PiccKeySettings = new(uint32(i.Settings.Rights))
		m.PiccKeyType = keyType(i.Settings.KeyType)
	}
	o.Result = &badgekmsv1.Outcome_Inspection{Inspection: m}
	return o
}

func keyType(t desfire.KeyType) badgekmsv1.PiccKeyType {
	switch t {
	case desfire.KeyType2TDEA:
		return badgekmsv1.PiccKeyType_PICC_KEY_TYPE_TDEA2
	case desfire.KeyType3TDEA:
		return badgekmsv1.PiccKeyType_PICC_KEY_TYPE_TDEA3
	case desfire.KeyTypeAES:
		return badgekmsv1.PiccKeyType_PICC_KEY_TYPE_AES128
	}
	return badgekmsv1.PiccKeyType_PICC_KEY_TYPE_UNSPECIFIED
}

func originality(o procedure.Originality) badgekmsv1.Originality {
	switch o {
	case procedure.OriginalityNXP:
		return badgekmsv1.Originality_ORIGINALITY_NXP
	case procedure.OriginalityTest:
		return badgekmsv1.Originality_ORIGINALITY_SIMULATOR
	case procedure.OriginalityInvalid:
		return badgekmsv1.Originality_ORIGINALITY_INVALID
	}
	return badgekmsv1.Originality_ORIGINALITY_UNSPECIFIED
}
