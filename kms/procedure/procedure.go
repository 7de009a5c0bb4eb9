// Package procedure is what the KMS does to MIFARE DESFire cards: it
// authenticates badges, provisions blank cards and inspects any card, over
// reader.Card and through the sealed commands of reader/desfire (NXP AN12343
// and NT4H2421Gx for the secure messaging, AN10922 for the keys).
//
// The rules are those of DESIGN.md §7. Before a command that changes a key
// leaves, an intent says durably what the card may hold from then on; evidence
// (an answer whose MAC verifies under a derived key, or a completed mutual
// authentication with the key concerned) closes it, and nothing else does.
// Whatever a procedure learns from an unauthenticated card is a hint.
package procedure

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"badgekms/kms/audit"
	"badgekms/kms/keyring"
	"badgekms/kms/profile"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/desfire"
	"badgekms/reader/key"
)

// Options is what an Engine works with. All fields but Log are needed.
type Options struct {
	Store    registry.Store
	Deriver  *keyring.Deriver
	Profile  *profile.Profile
	SystemID profile.SystemID
	// Instance names this KMS process in intents.
	Instance string
	// InitialKey opens a card that comes from its supplier, and InitialRef
	// names it for the registry: the factory's zero key, or a transport key.
	InitialKey key.TDEA2
	InitialRef registry.KeyRef
	// Originality says which signatures of cards are accepted.
	Originality OriginalityPolicy
	// Alive tells whether a conversation of this process still goes on.
	Alive func(conversation string) bool
	// Now and Random are time.Now and crypto/rand.Reader except in tests.
	Now    func() time.Time
	Random io.Reader
	// Log receives names, lengths and status words; nil discards them.
	Log *slog.Logger
}

// Engine runs procedures. It may run many at once, one for each card.
type Engine struct {
	Options
	scripts map[badgekmsv1.Procedure]Script
}

// New makes an Engine.
func New(o Options) *Engine {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Engine{Options: o, scripts: makeScripts(o.Profile)}
}

// Conversation is one card in one reader field, and who asked.
type Conversation struct {
	ID    string
	Actor audit.Actor
	// RequestID makes a provisioning idempotent; empty: it is not.
	RequestID string
	// UID is what the reader said; a claim.
	UID []byte
	// Card is the card.
	Card reader.Card
	// Opening is what the card answered to the procedure's opening script, as
	// far as it went; a claim.
	Opening []reader.Response
	// Progress is told each step; nil: nobody is.
	Progress func(step, of int, stage badgekmsv1.Stage)
}

func (c Conversation) progress(step, of int, stage badgekmsv1.Stage) {
	if c.Progress != nil {
		c.Progress(step, of, stage)
	}
}

// exchange transmits a batch until every answer is opened.
func exchange(ctx context.Context, card reader.Card, b *desfire.Batch) error {
	for !b.Done() {
		run, err := b.Commands()
		if err != nil {
			return err
		}
		if err := b.Open(card.Transmit(ctx, run)); err != nil {
			return err
		}
	}
	return nil
}

// settleTime bounds what is still written after a conversation ended.
const settleTime = 5 * time.Second

// settle gives a context for what must be written even when the conversation
// has run out of time.
func settle(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settleTime)
}

// notFound turns ErrNotFound into false.
func notFound(err error) (missing bool, other error) {
	if errors.Is(err, registry.ErrNotFound) {
		return true, nil
	}
	return false, err
}
