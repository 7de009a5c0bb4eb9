// Package terminal is what every door and workstation terminal shares: it
// watches one PC/SC reader, relays each badge presented there to the KMS
// (badgekms.v1.ConversationService, procedure AUTHENTICATE) and hands on the
// verdict.
//
// A terminal holds no key and no card logic. It fails closed and honestly: an
// outage is UNDECIDED, never a refused badge, and nothing opens on it. It
// survives an unplugged reader, a restarted PC/SC service and a restarted KMS.
package terminal

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/relay"
	"badgekms/reader/relay/presence"
	"badgekms/reader/relay/reason"
)

// Limit is how long one tap may take.
const Limit = 10 * time.Second

// Config is what a Terminal needs. Readers, ReaderName, Client and OnTap are
// required.
type Config struct {
	// Readers gives access to the reader.
	Readers reader.Readers
	// ReaderName is its exact name.
	ReaderName string
	// Client reaches the KMS.
	Client badgekmsv1.ConversationServiceClient
	// OnTap is told every tap, in order. The next tap waits for it.
	OnTap func(context.Context, Tap)
	// Limit is how long one tap may take; 0 stands for Limit.
	Limit time.Duration
	// Now is the clock of Tap.Time; nil stands for time.Now.
	Now func() time.Time
	// Log receives events of the reader and faults, never a UID; nil
	// discards.
	Log *slog.Logger
}

// Terminal serves one reader.
type Terminal struct {
	config  Config
	caller  *relay.Caller
	decided []byte // UID of the card served last, if its tap was decided
}

// New prepares a Terminal; Run starts it.
func New(c Config) *Terminal {
	if c.Limit <= 0 {
		c.Limit = Limit
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Terminal{config: c, caller: relay.NewCaller(c.Client)}
}

// Run serves taps until ctx ends, and returns its error. A watcher that cannot
// work at all (reader.ErrUnavailable) ends it too. A card that is left lying
// is one tap; the next one needs a removal.
func (t *Terminal) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	field := presence.Follow(ctx, t.config.Readers, t.config.ReaderName, t.logEvent)
	fetched := t.prefetch(ctx)
	defer func() {
		cancel()
		<-fetched
	}()
	var served uint64
	for {
		insertion, err := field.Next(ctx, served)
		if err != nil {
			return err
		}
		served = insertion.Number
		if tap, isNew := t.tap(ctx, insertion); isNew && ctx.Err() == nil {
			t.config.OnTap(ctx, tap)
		}
	}
}

// Once serves one tap and returns it.
func (t *Terminal) Once(ctx context.Context) (Tap, error) {
	ctx, cancel := context.WithCancel(ctx)
	field := presence.Follow(ctx, t.config.Readers, t.config.ReaderName, t.logEvent)
	fetched := t.prefetch(ctx)
	defer func() {
		cancel()
		<-fetched
	}()
	insertion, err := field.Next(ctx, 0)
	if err != nil {
		return Tap{}, err
	}
	tap, _ := t.tap(ctx, insertion)
	if ctx.Err() != nil {
		return Tap{}, ctx.Err()
	}
	return tap, nil
}

// prefetch spares the first tap the fetching of the script; without the KMS
// the first tap tries again. The channel is closed when nothing of it runs any
// more, so that it logs nothing after its caller has returned.
func (t *Terminal) prefetch(ctx context.Context) (done <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, t.config.Limit)
	fetched := make(chan struct{})
	go func() {
		defer close(fetched)
		defer cancel()
		err := t.caller.Prefetch(ctx, badgekmsv1.Procedure_PROCEDURE_AUTHENTICATE)
		if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
			t.config.Log.Warn("the KMS does not answer yet; taps are undecided until it does",
				"reason", reason.Name(reason.Of(err)), "error", err)
		}
	}()
	return fetched
}

// tap serves one presentation. It is not a new tap if it is the card served
// last, never lifted while the reader was away.
func (t *Terminal) tap(ctx context.Context, insertion presence.Insertion) (Tap, bool) {
	ctx, cancel := context.WithTimeout(ctx, t.config.Limit)
	defer cancel()
	tap := Tap{Time: t.config.Now(), Reader: t.config.ReaderName}
	start := time.Now()
	card, uid, err := t.connect(ctx)
	if err == nil {
		defer card.Close()
		if insertion.Returned && bytes.Equal(uid, t.decided) {
			t.config.Log.Info("the same card still lies on the reader", "reader", t.config.ReaderName)
			return Tap{}, false
		}
		t.converse(ctx, card, t.opening(insertion, uid), &tap)
	} else {
		tap.decide(nil, err)
	}
	t.decided = nil
	if tap.Verdict != badgekmsv1.Verdict_VERDICT_UNDECIDED {
		t.decided = uid
	}
	tap.Timings.Total = time.Since(start)
	if tap.Err != nil {
		t.config.Log.Warn("tap failed", "reader", t.config.ReaderName, "reason", reason.Name(tap.Reason),
			"conversation", tap.Conversation, "error", tap.Err)
	}
	return tap, true
}

// connect shares the card with other programs of the workstation, and asks the
// reader for its UID.
func (t *Terminal) connect(ctx context.Context) (reader.Connection, []byte, error) {
	card, err := t.config.Readers.Connect(ctx, t.config.ReaderName, reader.Shared)
	if err != nil {
		return nil, nil, err
	}
	uid, err := reader.UID(ctx, card)
	if err != nil {
		return nil, nil, errors.Join(err, card.Close())
	}
	return card, uid, nil
}

func (t *Terminal) opening(insertion presence.Insertion, uid []byte) *badgekmsv1.Open {
	return &badgekmsv1.Open{
		Procedure: badgekmsv1.Procedure_PROCEDURE_AUTHENTICATE,
		RequestId: uuid.NewString(),
		Reader:    t.config.ReaderName,
		Atr:       insertion.ATR,
		Uid:       uid,
	}
}

// converse holds the conversation and writes what it came to into tap.
func (t *Terminal) converse(ctx context.Context, card reader.Card, open *badgekmsv1.Open, tap *Tap) {
	outcome, timings, err := t.caller.Call(ctx, card, open, nil)
	tap.Timings = timings
	tap.decide(outcome, err)
}

func (t *Terminal) logEvent(e reader.Event) {
	t.config.Log.Info(e.Kind.String(), "reader", e.Reader)
}
