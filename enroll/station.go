// Package enroll is the badge office's workplace: the flows by which people
// inspect, issue and hand over badges, over the API badgekms.v1. It knows the
// KMS by that API only and holds no key and no card logic: a card is relayed
// (reader/relay), taken exclusively, so that no other program can break a
// session that is open on it.
//
// Flows report what happens as Events and return results; printing them is
// the caller's business.
package enroll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/relay"
	"badgekms/reader/relay/presence"
	"badgekms/reader/relay/reason"
)

// Limit is how long one conversation may take.
const Limit = 60 * time.Second

// The KMS ends a conversation that broke off within its silence limit; until
// then the card is busy, and is tried again this often.
const (
	busyPause   = 500 * time.Millisecond
	busyRetries = 6
)

// ErrNoCardCame is returned when nobody presented a card in time.
var ErrNoCardCame = errors.New("no card was presented in time")

// Refusal is the error of a conversation that the KMS concluded without doing
// what was asked.
type Refusal struct {
	// Outcome is the KMS's word: DENIED or UNDECIDED, with a reason.
	Outcome *badgekmsv1.Outcome
}

// Error implements error.
func (e *Refusal) Error() string {
	return fmt.Sprintf("the KMS answered %s, reason %s (conversation %s)",
		reason.VerdictName(e.Outcome.GetVerdict()), reason.Name(e.Outcome.GetReason()), e.Outcome.GetConversation())
}

// EventKind tells what an Event reports.
type EventKind int

// The kinds of Event.
const (
	// WaitingForCard: somebody has to put a card on the reader.
	WaitingForCard EventKind = iota + 1
	// CardSeen: a card is there and is being read.
	CardSeen
	// Inspected: Inspection tells what it is.
	Inspected
	// Step: Progress tells which step has begun.
	Step
	// PutBack: the card was lost for Reason; the same one has to be put back.
	PutBack
	// OtherCard: what was put back is another card.
	OtherCard
	// Busy: the KMS has not yet let go of the card; it is tried again.
	Busy
)

// Event is something that happens in a flow.
type Event struct {
	Kind       EventKind
	Inspection *badgekmsv1.Inspection
	Progress   *badgekmsv1.Progress
	Reason     badgekmsv1.Reason
}

// Config is what a Station needs. Readers, ReaderName and Client are required.
type Config struct {
	// Readers gives access to the reader.
	Readers reader.Readers
	// ReaderName is its exact name.
	ReaderName string
	// Client reaches the KMS.
	Client badgekmsv1.ConversationServiceClient
	// Notify is told what happens, in order; nil discards. It must not block
	// for long: a card is in the field.
	Notify func(Event)
	// Limit is how long one conversation may take; 0 stands for Limit.
	Limit time.Duration
	// Wait is how long to wait for each presentation; 0 means for ever.
	Wait time.Duration
}

// Station is an enrolment workplace with its reader.
type Station struct {
	config    Config
	caller    *relay.Caller
	busyPause time.Duration
}

// NewStation prepares a Station.
func NewStation(c Config) *Station {
	if c.Limit <= 0 {
		c.Limit = Limit
	}
	if c.Notify == nil {
		c.Notify = func(Event) {}
	}
	return &Station{config: c, caller: relay.NewCaller(c.Client), busyPause: busyPause}
}

// follow watches the reader, which must be attached (reader.ErrNoReader names
// those that are).
func (s *Station) follow(ctx context.Context) (*presence.Field, error) {
	names, err := presence.List(ctx, s.config.Readers)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, s.config.ReaderName) {
		attached := "none is attached"
		if len(names) > 0 {
			attached = "attached: " + strings.Join(names, ", ")
		}
		return nil, fmt.Errorf("%w: %q (%s)", reader.ErrNoReader, s.config.ReaderName, attached)
	}
	return presence.Follow(ctx, s.config.Readers, s.config.ReaderName, nil), nil
}

// next waits for the presentation after the given one.
func (s *Station) next(ctx context.Context, field *presence.Field, after uint64) (presence.Insertion, error) {
	if s.config.Wait <= 0 {
		return field.Next(ctx, after)
	}
	waiting, cancel := context.WithTimeoutCause(ctx, s.config.Wait, ErrNoCardCame)
	defer cancel()
	insertion, err := field.Next(waiting, after)
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(waiting), ErrNoCardCame) {
		return presence.Insertion{}, fmt.Errorf("%w (%v)", ErrNoCardCame, s.config.Wait)
	}
	return insertion, err
}

// present is one card on the station's reader.
type present struct {
	station *Station
	card    reader.Connection
	uid     []byte
	atr     []byte
}

// connect takes the card exclusively and asks the reader for its UID.
func (s *Station) connect(ctx context.Context, insertion presence.Insertion) (*present, error) {
	card, err := s.config.Readers.Connect(ctx, s.config.ReaderName, reader.Exclusive)
	if err != nil {
		return nil, err
	}
	uid, err := reader.UID(ctx, card)
	if err != nil {
		return nil, errors.Join(err, card.Close())
	}
	return &present{station: s, card: card, uid: uid, atr: insertion.ATR}, nil
}

// converse holds one conversation about the card, and turns an outcome that is
// not GRANTED into a *Refusal.
func (p *present) converse(ctx context.Context, open *badgekmsv1.Open) (*badgekmsv1.Outcome, relay.Timings, error) {
	ctx, cancel := context.WithTimeout(ctx, p.station.config.Limit)
	defer cancel()
	open.Reader, open.Atr, open.Uid = p.station.config.ReaderName, p.atr, p.uid
	outcome, timings, err := p.station.caller.Call(ctx, p.card, open, func(progress *badgekmsv1.Progress) {
		p.station.config.Notify(Event{Kind: Step, Progress: progress})
	})
	if err != nil {
		return nil, timings, err
	}
	if outcome.GetVerdict() != badgekmsv1.Verdict_VERDICT_GRANTED {
		return nil, timings, &Refusal{Outcome: outcome}
	}
	return outcome, timings, nil
}

// inspect asks the KMS what the card is.
func (p *present) inspect(ctx context.Context) (*badgekmsv1.Outcome, error) {
	outcome, _, err := p.converse(ctx, &badgekmsv1.Open{
		Procedure: badgekmsv1.Procedure_PROCEDURE_INSPECT,
		RequestId: uuid.NewString(),
	})
	if err == nil && outcome.GetInspection() == nil {
		err = incomplete("the Outcome of INSPECT holds no inspection")
	}
	return outcome, err
}

// Inspect waits for a card and tells what it is, without changing it. The
// outcome's inspection is set. It fails with a *Refusal, ErrNoCardCame, or an
// error that package reason knows.
func (s *Station) Inspect(ctx context.Context) (*badgekmsv1.Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	field, err := s.follow(ctx)
	if err != nil {
		return nil, err
	}
	s.config.Notify(Event{Kind: WaitingForCard})
	insertion, err := s.next(ctx, field, 0)
	if err != nil {
		return nil, err
	}
	s.config.Notify(Event{Kind: CardSeen})
	card, err := s.connect(ctx, insertion)
	if err != nil {
		return nil, err
	}
	defer card.card.Close()
	return card.inspect(ctx)
}

// incomplete is the error for an answer of the KMS that lacks what it must
// hold.
func incomplete(detail string) error {
	return &relay.ProtocolError{Reason: badgekmsv1.Reason_REASON_MESSAGE_INVALID, Detail: detail}
}

// ReasonOf says what the error of a flow means.
func ReasonOf(err error) badgekmsv1.Reason {
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
		return refusal.Outcome.GetReason()
	}
	return reason.Of(err)
}

// VerdictOf says how the error of a flow is to be understood: the KMS's own
// verdict where it concluded, else what the reason stands for.
func VerdictOf(err error) badgekmsv1.Verdict {
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
		return refusal.Outcome.GetVerdict()
	}
	if errors.Is(err, ErrNoCardCame) {
		return badgekmsv1.Verdict_VERDICT_UNDECIDED
	}
	return reason.Verdict(reason.Of(err))
}
