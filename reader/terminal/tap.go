package terminal

import (
	"encoding/json"
	"time"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/relay"
	"badgekms/reader/relay/reason"
)

// Tap is what one presentation of a card came to. Only a GRANTED one may open
// anything; DENIED is the KMS's own word and nobody else's; everything that
// failed on the way is UNDECIDED.
type Tap struct {
	// Time is when the card was presented.
	Time time.Time
	// Reader is the reader's name.
	Reader string
	// Verdict is GRANTED, DENIED or UNDECIDED.
	Verdict badgekmsv1.Verdict
	// Reason says why, unless GRANTED.
	Reason badgekmsv1.Reason
	// BadgeID and HolderID are empty where they are not known.
	BadgeID, HolderID string
	// Generation is that of the key that the badge proved; 0: none.
	Generation uint32
	// Conversation is its id in the audit log; empty if the KMS did not
	// answer.
	Conversation string
	// RoundTrips is how many the conversation took, by the KMS's count.
	RoundTrips uint32
	// Assertion is the KMS's signed verdict (JWS, compact form), for relying
	// parties; empty if the KMS does not sign.
	Assertion string
	// Timings tells where the time went.
	Timings relay.Timings
	// Err is the fault behind an UNDECIDED tap, for logs; it never holds a
	// full UID.
	Err error
}

// decide fills in the verdict: the KMS's if there is one, else UNDECIDED for
// the reason that err means.
func (t *Tap) decide(outcome *badgekmsv1.Outcome, err error) {
	t.Err = err
	t.Verdict = outcome.GetVerdict()
	t.Reason = outcome.GetReason()
	t.BadgeID = outcome.GetBadgeId()
	t.HolderID = outcome.GetHolderId()
	t.Generation = outcome.GetGeneration()
	t.Conversation = outcome.GetConversation()
	t.RoundTrips = outcome.GetRoundTrips()
	t.Assertion = outcome.GetAssertion()
	switch t.Verdict {
	case badgekmsv1.Verdict_VERDICT_GRANTED, badgekmsv1.Verdict_VERDICT_DENIED, badgekmsv1.Verdict_VERDICT_UNDECIDED:
		return
	}
	t.Verdict = badgekmsv1.Verdict_VERDICT_UNDECIDED
	t.Reason = badgekmsv1.Reason_REASON_INTERNAL
	if err != nil {
		t.Reason = reason.Of(err)
	}
}

// tapJSON is version 1 of a tap in JSON.
type tapJSON struct {
	V            int         `json:"v"`
	Time         time.Time   `json:"time"`
	Reader       string      `json:"reader"`
	Verdict      string      `json:"verdict"`
	Reason       string      `json:"reason,omitempty"`
	Badge        string      `json:"badge,omitempty"`
	Holder       string      `json:"holder,omitempty"`
	Generation   uint32      `json:"generation,omitempty"`
	Conversation string      `json:"conversation,omitempty"`
	Assertion    string      `json:"assertion,omitempty"`
	RoundTrips   uint32      `json:"round_trips,omitempty"`
	Timings      timingsJSON `json:"timings_us"`
}

// timingsJSON is in microseconds.
type timingsJSON struct {
	Script int64 `json:"script"`
	Card   int64 `json:"card"`
	KMS    int64 `json:"kms"`
	Total  int64 `json:"total"`
}

// MarshalJSON gives the tap as one object with "v":1: time (RFC 3339), reader,
// verdict ("granted", "denied", "undecided"), reason (a Reason without its
// prefix), badge, holder, generation, conversation, assertion, round_trips and
// timings_us {script, card, kms, total} in microseconds. What is empty is left
// out.
func (t Tap) MarshalJSON() ([]byte, error) {
	return json.Marshal(tapJSON{
		V:            1,
		Time:         t.Time.UTC(),
		Reader:       t.Reader,
		Verdict:      reason.VerdictName(t.Verdict),
		Reason:       reason.Name(t.Reason),
		Badge:        t.BadgeID,
		Holder:       t.HolderID,
		Generation:   t.Generation,
		Conversation: t.Conversation,
		Assertion:    t.Assertion,
		RoundTrips:   t.RoundTrips,
		Timings: timingsJSON{
			Script: t.Timings.Script.Microseconds(),
			Card:   t.Timings.Card.Microseconds(),
			KMS:    t.Timings.Server.Microseconds(),
			Total:  t.Timings.Total.Microseconds(),
		},
	})
}
