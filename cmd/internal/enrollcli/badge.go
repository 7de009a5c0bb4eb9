package enrollcli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"badgekms/cmd/internal/client"
	"badgekms/enroll"
	"badgekms/enroll/text"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

func (a *app) badge() *cobra.Command {
	return a.Group(&cobra.Command{Use: "badge", Short: a.Language.Say(text.BadgeShort)}, a.badgeShow(), a.badgeList())
}

type badgeName struct{ id, uid, number string }

func (a *app) badgeShow() *cobra.Command {
	var n badgeName
	c := a.Leaf(&cobra.Command{
		Use:   "show (--id ID | --uid HEX | --number HEX)",
		Short: a.Language.Say(text.BadgeShowShort),
	}, func(ctx context.Context) error {
		by, err := a.badgeRequest(n)
		if err != nil {
			return err
		}
		return a.records(func(o enroll.Office) error {
			badge, err := o.FindBadge(ctx, by)
			if err != nil {
				return err
			}
			return a.printBadge(badge)
		})
	})
	c.Flags().StringVar(&n.id, "id", "", a.Language.Say(text.FlagBadgeID))
	c.Flags().StringVar(&n.uid, "uid", "", a.Language.Say(text.FlagUID))
	c.Flags().StringVar(&n.number, "number", "", a.Language.Say(text.FlagNumber))
	return c
}

// badgeRequest is what n asks for; exactly one of its ways must be given.
func (a *app) badgeRequest(n badgeName) (*badgekmsv1.GetBadgeRequest, error) {
	given := slices.DeleteFunc([]string{n.id, n.uid, n.number}, func(s string) bool { return s == "" })
	if len(given) != 1 {
		return nil, &client.UsageError{Err: errors.New(a.Language.Say(text.NeedOneOf, "--id, --uid, --number"))}
	}
	switch {
	case n.uid != "":
		uid, err := a.hexFlag("uid", n.uid, text.WantsUID, 4, 7, 10)
		return &badgekmsv1.GetBadgeRequest{By: &badgekmsv1.GetBadgeRequest_Uid{Uid: uid}}, err
	case n.number != "":
		number, err := a.hexFlag("number", n.number, text.WantsNumber, 16)
		return &badgekmsv1.GetBadgeRequest{By: &badgekmsv1.GetBadgeRequest_CredentialNumber{CredentialNumber: number}}, err
	}
	return &badgekmsv1.GetBadgeRequest{By: &badgekmsv1.GetBadgeRequest_Id{Id: n.id}}, nil
}

// hexFlag decodes a flag in hexadecimal; colons and blanks may part the bytes.
func (a *app) hexFlag(flag, value string, wants text.Message, lengths ...int) ([]byte, error) {
	b, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "", "-", "").Replace(value))
	if err != nil || !slices.Contains(lengths, len(b)) {
		return nil, &client.UsageError{Err: errors.New(a.Language.Say(text.BadHex, flag, a.Language.Say(wants)))}
	}
	return b, nil
}

func (a *app) badgeList() *cobra.Command {
	var holder string
	c := a.Leaf(&cobra.Command{Use: "list [--holder ID]", Short: a.Language.Say(text.BadgeListShort)}, func(ctx context.Context) error {
		return a.records(func(o enroll.Office) error {
			return printAll(a, o.AllBadges(ctx, holder), func(b *badgekmsv1.Badge) error {
				return a.Result(newBadge(b), fmt.Sprintf("%-26s  %-14s  %s", b.GetId(), b.GetHolderId(), a.Language.State(b.GetState())))
			})
		})
	})
	c.Flags().StringVar(&holder, "holder", "", a.Language.Say(text.FlagOfHolder))
	return c
}

// printAll prints records until the first error.
func printAll[R any](a *app, records iter.Seq2[R, error], print func(R) error) error {
	n := 0
	for r, err := range records {
		if err != nil {
			return err
		}
		if err := print(r); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		a.Say(text.NothingListed)
	}
	return nil
}

// badgeJSON is version 1 of a badge in JSON.
type badgeJSON struct {
	V            int        `json:"v"`
	ID           string     `json:"id"`
	UID          string     `json:"uid"`
	State        string     `json:"state"`
	Product      string     `json:"product,omitempty"`
	Number       string     `json:"credential_number,omitempty"`
	Holder       string     `json:"holder,omitempty"`
	ExpiresAt    *time.Time `json:"expires_at,omitempty"`
	Station      string     `json:"first_station,omitempty"`
	Conversation string     `json:"first_conversation,omitempty"`
	Slots        []slotJSON `json:"slots"`
}

type slotJSON struct {
	AID        string `json:"aid"`
	Number     uint32 `json:"number"`
	Domain     string `json:"domain"`
	Generation uint32 `json:"generation"`
	Issue      uint32 `json:"issue"`
	State      string `json:"state"`
}

func newBadge(b *badgekmsv1.Badge) badgeJSON {
	r := badgeJSON{V: 1, ID: b.GetId(), UID: hex.EncodeToString(b.GetUid()), State: b.GetState(), Product: b.GetProduct(),
		Number: hex.EncodeToString(b.GetCredentialNumber()), Holder: b.GetHolderId(), ExpiresAt: moment(b.GetExpiresAt()),
		Station: b.GetFirstStation(), Conversation: b.GetFirstConversation(), Slots: []slotJSON{}}
	for _, s := range b.GetSlots() {
		r.Slots = append(r.Slots, slotJSON{AID: hex.EncodeToString(s.GetAid()), Number: s.GetNumber(), Domain: s.GetDomain(),
			Generation: s.GetGeneration(), Issue: s.GetIssue(), State: s.GetState()})
	}
	return r
}

func moment(t *timestamppb.Timestamp) *time.Time {
	if t == nil {
		return nil
	}
	at := t.AsTime()
	return &at
}

func (a *app) printBadge(b *badgekmsv1.Badge) error {
	expires := a.Language.Say(text.NeverHandedOver)
	if t := moment(b.GetExpiresAt()); t != nil {
		expires = t.Local().Format(time.DateOnly)
	}
	lines := []client.Line{
		{Label: text.LabelBadge, Value: b.GetId()},
		{Label: text.LabelState, Value: a.Language.State(b.GetState())},
		{Label: text.LabelHolder, Value: b.GetHolderId()},
		{Label: text.LabelExpires, Value: expires},
		{Label: text.LabelNumber, Value: hex.EncodeToString(b.GetCredentialNumber())},
		{Label: text.LabelUID, Value: strings.ToUpper(hex.EncodeToString(b.GetUid()))},
		{Label: text.LabelProduct, Value: b.GetProduct()},
		{Label: text.LabelStation, Value: b.GetFirstStation()},
		{Label: text.LabelConversation, Value: b.GetFirstConversation()},
	}
	for _, s := range b.GetSlots() {
		lines = append(lines, client.Line{Label: text.LabelKeys, Value: a.Language.Say(text.SlotLine,
			hex.EncodeToString(s.GetAid()), s.GetNumber(), s.GetDomain(), s.GetGeneration(), a.Language.State(s.GetState()))})
	}
	return a.ResultLines(newBadge(b), lines)
}
