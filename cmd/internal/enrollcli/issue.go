package enrollcli

import (
	"context"
	"encoding/hex"

	"github.com/spf13/cobra"

	"badgekms/cmd/internal/client"
	"badgekms/enroll"
	"badgekms/enroll/text"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

type issueFlags struct {
	reader           client.ReaderFlags
	holder, evidence string
	noResume         bool
}

func (a *app) issue() *cobra.Command {
	var f issueFlags
	c := a.Leaf(&cobra.Command{
		Use:   "issue --holder ID [--hand-over TEXT]",
		Short: a.Language.Say(text.IssueShort),
		Long:  a.Language.Say(text.IssueLong),
	}, func(ctx context.Context) error {
		if err := a.Settings.Require(a.Language, map[string]string{"holder": f.holder}); err != nil {
			return err
		}
		return a.atStation(ctx, f.reader, func(s *enroll.Station, conn client.Connection) error {
			return a.runIssue(ctx, f, s, office(conn))
		})
	})
	f.reader.Add(c.Flags(), a.Language)
	c.Flags().StringVar(&f.holder, "holder", "", a.Language.Say(text.FlagHolder))
	c.Flags().StringVar(&f.evidence, "hand-over", "", a.Language.Say(text.FlagHandOver))
	c.Flags().BoolVar(&f.noResume, "no-resume", false, a.Language.Say(text.FlagNoResume))
	return c
}

// runIssue encodes the badge, hands it over if that was asked, and prints it.
// A badge whose hand-over failed is printed all the same: it exists.
func (a *app) runIssue(ctx context.Context, f issueFlags, s *enroll.Station, records enroll.Office) error {
	issued, err := s.Issue(ctx, enroll.Order{HolderID: f.holder, Resume: !f.noResume})
	if err != nil {
		return err
	}
	a.Say(text.IssueDone)
	result := newIssue(f.holder, issued)
	badgeID := issued.Outcome.GetBadgeId()
	var failure error
	if f.evidence != "" {
		var badge *badgekmsv1.Badge
		badge, failure = records.HandOver(ctx, badgeID, f.evidence)
		if failure == nil {
			result.State = badge.GetState()
		}
	}
	if err := a.ResultLines(result, a.issueLines(result)); err != nil {
		return err
	}
	switch {
	case failure != nil:
		a.Say(text.HandOverFailed, badgeID)
	case result.State == stateEncoded:
		a.Say(text.NotHandedOver, badgeID)
	}
	return failure
}

// stateEncoded is the state that the KMS gives to a badge that was encoded and
// not handed over.
const stateEncoded = "encoded"

// issueJSON is version 1 of an issued badge in JSON.
type issueJSON struct {
	V             int    `json:"v"`
	Verdict       string `json:"verdict"`
	Badge         string `json:"badge"`
	Holder        string `json:"holder"`
	Number        string `json:"credential_number"`
	Product       string `json:"product,omitempty"`
	State         string `json:"state"`
	Resumed       bool   `json:"resumed"`
	Repeated      bool   `json:"repeated_request"`
	Presentations int    `json:"presentations"`
	Conversation  string `json:"conversation"`
	RoundTrips    uint32 `json:"round_trips"`
	TotalUS       int64  `json:"total_us"`
}

func newIssue(holder string, issued *enroll.Issued) issueJSON {
	o, p := issued.Outcome, issued.Outcome.GetProvisioned()
	if o.GetHolderId() != "" {
		holder = o.GetHolderId()
	}
	return issueJSON{
		V: 1, Verdict: "granted", Badge: o.GetBadgeId(), Holder: holder,
		Number: hex.EncodeToString(p.GetCredentialNumber()), Product: p.GetProduct(), State: stateEncoded,
		Resumed: p.GetResumed(), Repeated: p.GetRepeatedRequest(), Presentations: issued.Presentations,
		Conversation: o.GetConversation(), RoundTrips: o.GetRoundTrips(), TotalUS: issued.Timings.Total.Microseconds(),
	}
}

func (a *app) issueLines(r issueJSON) []client.Line {
	if r.Resumed {
		a.Say(text.IssueResumed)
	}
	if r.Repeated {
		a.Say(text.IssueRepeated)
	}
	return []client.Line{
		{Label: text.LabelBadge, Value: r.Badge},
		{Label: text.LabelNumber, Value: r.Number},
		{Label: text.LabelHolder, Value: r.Holder},
		{Label: text.LabelProduct, Value: r.Product},
		{Label: text.LabelState, Value: a.Language.State(r.State)},
		{Label: text.LabelConversation, Value: r.Conversation},
	}
}
