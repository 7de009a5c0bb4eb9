package enrollcli

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"badgekms/cmd/internal/client"
	"badgekms/enroll"
	"badgekms/enroll/text"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/relay/reason"
)

func (a *app) inspect() *cobra.Command {
	var f client.ReaderFlags
	c := a.Leaf(&cobra.Command{
		Use:   "inspect [--reader NAME]",
		Short: a.Language.Say(text.InspectShort),
		Long:  a.Language.Say(text.InspectLong),
	}, func(ctx context.Context) error {
		return a.atStation(ctx, f, func(s *enroll.Station, _ client.Connection) error {
			outcome, err := s.Inspect(ctx)
			if err != nil {
				return err
			}
			i := outcome.GetInspection()
			return a.ResultLines(newInspection(outcome), a.inspectionLines(i))
		})
	})
	f.Add(c.Flags(), a.Language)
	return c
}

// inspectionJSON is version 1 of an inspected card in JSON.
type inspectionJSON struct {
	V                  int      `json:"v"`
	Verdict            string   `json:"verdict"`
	Product            string   `json:"product"`
	UID                string   `json:"uid"`
	StorageBytes       uint32   `json:"storage_bytes"`
	FreeBytes          *uint32  `json:"free_bytes,omitempty"`
	Applications       []string `json:"applications"`
	ApplicationsHidden bool     `json:"applications_hidden"`
	KeySettings        string   `json:"picc_key_settings,omitempty"`
	KeyType            string   `json:"picc_key_type,omitempty"`
	KeyVersion         *uint32  `json:"picc_key_version,omitempty"`
	Originality        string   `json:"originality,omitempty"`
	ProductionWeek     uint32   `json:"production_week,omitempty"`
	ProductionYear     uint32   `json:"production_year,omitempty"`
	Batch              string   `json:"batch,omitempty"`
	Encodable          bool     `json:"encodable"`
	Reason             string   `json:"not_encodable_reason,omitempty"`
	BadgeState         string   `json:"badge_state,omitempty"`
	Conversation       string   `json:"conversation,omitempty"`
}

func newInspection(o *badgekmsv1.Outcome) inspectionJSON {
	i := o.GetInspection()
	r := inspectionJSON{
		V: 1, Verdict: reason.VerdictName(o.GetVerdict()), Product: i.GetProduct(), UID: hex.EncodeToString(i.GetUid()),
		StorageBytes: i.GetStorageBytes(), FreeBytes: i.FreeBytes, Applications: applications(i),
		ApplicationsHidden: i.GetApplicationsHidden(), KeyType: keyType(i.GetPiccKeyType()), KeyVersion: i.PiccKeyVersion,
		Originality: originalityName(i.GetOriginality()), ProductionWeek: i.GetProductionWeek(), ProductionYear: i.GetProductionYear(),
		Batch: hex.EncodeToString(i.GetBatch()), Encodable: i.GetEncodable(), Reason: reason.Name(i.GetNotEncodableReason()),
		BadgeState: i.GetBadgeState(), Conversation: o.GetConversation(),
	}
	if i.PiccKeySettings != nil {
		r.KeySettings = fmt.Sprintf("%02X", i.GetPiccKeySettings())
	}
	return r
}

func (a *app) inspectionLines(i *badgekmsv1.Inspection) []client.Line {
	l := a.Language
	return []client.Line{
		{Label: text.LabelProduct, Value: i.GetProduct()},
		{Label: text.LabelUID, Value: strings.ToUpper(hex.EncodeToString(i.GetUid()))},
		{Label: text.LabelStorage, Value: l.Say(text.Bytes, i.GetStorageBytes())},
		{Label: text.LabelFree, Value: a.optionalBytes(i.FreeBytes)},
		{Label: text.LabelApplications, Value: a.applicationsValue(i)},
		{Label: text.LabelCardKey, Value: a.cardKeyValue(i)},
		{Label: text.LabelOriginality, Value: a.originalityValue(i.GetOriginality())},
		{Label: text.LabelProduced, Value: a.producedValue(i)},
		{Label: text.LabelBatch, Value: strings.ToUpper(hex.EncodeToString(i.GetBatch()))},
		{Label: text.LabelState, Value: l.State(i.GetBadgeState())},
		{Label: text.LabelEncodable, Value: a.encodableValue(i)},
	}
}

func (a *app) optionalBytes(n *uint32) string {
	if n == nil {
		return a.Language.Say(text.Unknown)
	}
	return a.Language.Say(text.Bytes, *n)
}

// applications are the identifiers in the order of the wire.
func applications(i *badgekmsv1.Inspection) []string {
	ids := make([]string, 0, len(i.GetApplicationIds()))
	for _, id := range i.GetApplicationIds() {
		ids = append(ids, strings.ToUpper(hex.EncodeToString(id)))
	}
	return ids
}

func (a *app) applicationsValue(i *badgekmsv1.Inspection) string {
	switch ids := applications(i); {
	case i.GetApplicationsHidden():
		return a.Language.Say(text.Hidden)
	case len(ids) == 0:
		return a.Language.Say(text.None)
	default:
		return strings.Join(ids, " ")
	}
}

// keyType is the name of a cipher; "" if it is not known.
func keyType(t badgekmsv1.PiccKeyType) string {
	switch t {
	case badgekmsv1.PiccKeyType_PICC_KEY_TYPE_TDEA2:
		return "2TDEA"
	case badgekmsv1.PiccKeyType_PICC_KEY_TYPE_TDEA3:
		return "3TDEA"
	case badgekmsv1.PiccKeyType_PICC_KEY_TYPE_AES128:
		return "AES-128"
	}
	return ""
}

func (a *app) cardKeyValue(i *badgekmsv1.Inspection) string {
	name := keyType(i.GetPiccKeyType())
	if name == "" {
		return a.Language.Say(text.Unknown)
	}
	if i.PiccKeyVersion == nil {
		return name
	}
	return a.Language.Say(text.CardKeyLine, name, i.GetPiccKeyVersion())
}

// originalityName is the value for --json.
func originalityName(o badgekmsv1.Originality) string {
	if o == badgekmsv1.Originality_ORIGINALITY_UNSPECIFIED {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(o.String(), "ORIGINALITY_"))
}

func (a *app) originalityValue(o badgekmsv1.Originality) string {
	switch o {
	case badgekmsv1.Originality_ORIGINALITY_NXP:
		return a.Language.Say(text.OriginalityNXP)
	case badgekmsv1.Originality_ORIGINALITY_SIMULATOR:
		return a.Language.Say(text.OriginalitySimulator)
	case badgekmsv1.Originality_ORIGINALITY_INVALID:
		return a.Language.Say(text.OriginalityInvalid)
	}
	return a.Language.Say(text.OriginalityUnknown)
}

func (a *app) producedValue(i *badgekmsv1.Inspection) string {
	if i.GetProductionYear() == 0 {
		return ""
	}
	return a.Language.Say(text.Week, i.GetProductionWeek(), i.GetProductionYear())
}

func (a *app) encodableValue(i *badgekmsv1.Inspection) string {
	if i.GetEncodable() {
		return a.Language.Say(text.Yes)
	}
	return a.Language.Say(text.No, a.Language.Reason(i.GetNotEncodableReason()).Text)
}
