package audit

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// ErrRecord is wrapped by the error for a record that cannot be stored as it
// is: a mistake of the code that made it.
var ErrRecord = errors.New("audit record refused")

// Outcome says how the action ended.
type Outcome string

// The outcomes of actions, and the verdicts of taps (DESIGN §8).
const (
	Started   Outcome = "started"   // the intent of an act that has an end of its own
	Done      Outcome = "done"      // the act is complete
	Failed    Outcome = "failed"    // it broke off
	Refused   Outcome = "refused"   // it was not allowed
	Granted   Outcome = "granted"   // a badge was accepted
	Denied    Outcome = "denied"    // a badge was not accepted
	Undecided Outcome = "undecided" // no verdict: KMS, custody or reader failed
)

func (o Outcome) valid() bool {
	switch o {
	case Started, Done, Failed, Refused, Granted, Denied, Undecided:
		return true
	}
	return false
}

// Actor is who acted: the workload that called (its SPIFFE identity), the
// person behind it if one is known, and the station where it happened.
type Actor struct {
	Workload string
	Person   string
	Station  string
}

// CardWrite is one key written to a card: enough to derive that key again, so
// that the registry can be rebuilt from the log. It names keys and holds none.
type CardWrite struct {
	UID        []byte  // 4, 7 or 10 bytes (ISO/IEC 14443-3)
	AID        [3]byte // as sent on the wire; 000000 is the card level
	Slot       uint8   // DESFire key number, 0 to 13
	Domain     string
	Generation uint32
	Issue      uint16
}

// Record is what a caller wants kept. No field is fit for key material: all of
// them are names, numbers and short texts.
//
// Texts may come from a peer, so they never make a record fail: characters
// that do not print become U+FFFD, and a text longer than 1024 bytes is cut
// and ends in "…". A value in Details that has the form of a DESFire key (32
// or 48 hexadecimal digits) is kept as "[redacted]".
type Record struct {
	// Action is what was asked for, in lower-case words joined by dots, such
	// as "conversation.authenticate". At most 64 characters.
	Action  string
	Outcome Outcome
	// Reason is the Reason of the API in capitals (DESIGN §8), or empty.
	Reason string
	// Count is how many like events the record stands for; 0 means 1. Refusals
	// of one peer that come too fast are told in one record.
	Count int64

	// What follows is in the body, and goes with retention.
	Actor          Actor
	ConversationID string
	Badge          string // badge identifier
	Writes         []CardWrite
	// Details are further facts, by a name of lower-case letters, digits and
	// underscores. At most 32.
	Details map[string]string
}

// Header is the part of a record that is kept for ever.
type Header struct {
	Writer   string
	Seq      int64 // counts the writer's records from 1
	Previous Hash  // leaf hash of the writer's record before; zero for the first
	Time     time.Time
	Action   string
	Outcome  Outcome
	Reason   string
	Count    int64
}

// Body is the part of a record that retention erases.
type Body struct {
	Actor          Actor
	ConversationID string
	Badge          string
	Writes         []CardWrite
	Details        map[string]string
}

var (
	writerForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)
	actionForm = regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)*$`)
	reasonForm = regexp.MustCompile(`^[A-Z0-9_]{0,64}$`)
	detailForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
)

const (
	maxAction  = 64
	maxDetails = 32
	maxSlot    = 13
	// maxCount is the largest integer that every JSON reader holds exactly
	// (RFC 8259 §6).
	maxCount = 1<<53 - 1
)

func checkWriter(name string) error {
	if !writerForm.MatchString(name) {
		return fmt.Errorf("%w: writer %q: use 1 to 64 lower-case letters, digits, dots and dashes", ErrRecord, name)
	}
	return nil
}

func (h Header) check() error {
	if err := checkWriter(h.Writer); err != nil {
		return err
	}
	switch {
	case len(h.Action) > maxAction || !actionForm.MatchString(h.Action):
		return fmt.Errorf("%w: action %q: use lower-case words joined by dots, at most %d characters", ErrRecord, h.Action, maxAction)
	case !h.Outcome.valid():
		return fmt.Errorf("%w: %s: unknown outcome %q", ErrRecord, h.Action, h.Outcome)
	case !reasonForm.MatchString(h.Reason):
		return fmt.Errorf("%w: %s: reason %q is not the name of a Reason", ErrRecord, h.Action, h.Reason)
	case h.Count < 1 || h.Count > maxCount:
		return fmt.Errorf("%w: %s: count %d is out of range", ErrRecord, h.Action, h.Count)
	case h.Seq < 1 || h.Seq > maxCount:
		return fmt.Errorf("%w: %s: sequence number %d is out of range", ErrRecord, h.Action, h.Seq)
	case (h.Seq == 1) != (h.Previous == Hash{}):
		return fmt.Errorf("%w: %s: record %d of writer %q: only the first has no previous record", ErrRecord, h.Action, h.Seq, h.Writer)
	}
	return nil
}

func (b Body) check() error {
	if len(b.Details) > maxDetails {
		return fmt.Errorf("%w: %d details, at most %d fit", ErrRecord, len(b.Details), maxDetails)
	}
	for name := range b.Details {
		if !detailForm.MatchString(name) {
			return fmt.Errorf("%w: detail %q: use lower-case letters, digits and underscores", ErrRecord, name)
		}
	}
	for _, w := range b.Writes {
		if err := w.check(); err != nil {
			return err
		}
	}
	return nil
}

func (w CardWrite) check() error {
	switch len(w.UID) {
	case 4, 7, 10:
	default:
		return fmt.Errorf("%w: card write: UID of %d bytes, want 4, 7 or 10", ErrRecord, len(w.UID))
	}
	if w.Slot > maxSlot {
		return fmt.Errorf("%w: card write: slot %d, the highest is %d", ErrRecord, w.Slot, maxSlot)
	}
	if w.Domain == "" {
		return fmt.Errorf("%w: card write: slot %d names no key domain", ErrRecord, w.Slot)
	}
	return nil
}
