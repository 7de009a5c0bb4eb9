package relay

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
)

// Caller holds whole conversations with one KMS: it runs the opening script,
// which it fetches once per procedure, opens, and carries. It may serve many
// goroutines.
type Caller struct {
	client badgekmsv1.ConversationServiceClient

	mu      sync.Mutex
	scripts map[badgekmsv1.Procedure]*badgekmsv1.Script
}

// NewCaller returns a Caller with an empty cache of scripts.
func NewCaller(client badgekmsv1.ConversationServiceClient) *Caller {
	return &Caller{client: client, scripts: make(map[badgekmsv1.Procedure]*badgekmsv1.Script)}
}

// Timings tells where the time of a conversation went.
type Timings struct {
	// Script is the time of the opening script, on the card.
	Script time.Duration
	// Card is the time of the runs of the KMS, on the card.
	Card time.Duration
	// Server is the time in the KMS by its own word, the card's excluded.
	Server time.Duration
	// Total is the whole, the network included.
	Total time.Duration
}

// Call holds one conversation about card. open says what for and about whom;
// Call fills in its script and relay version. A refusal because the script is
// stale is no error the first time: the current script is kept, and the
// conversation starts anew from the card. Errors are those of Converse, of
// RunScript and of the call that fetches a script.
func (c *Caller) Call(ctx context.Context, card reader.Card, open *badgekmsv1.Open,
	onProgress func(*badgekmsv1.Progress)) (*badgekmsv1.Outcome, Timings, error) {
	if _, ok := ctx.Deadline(); !ok {
		return nil, Timings{}, ErrNoDeadline
	}
	start := time.Now()
	var t Timings
	outcome, err := c.attempt(ctx, card, open, onProgress, &t)
	if current := StaleScript(err); current != nil {
		c.keep(open.GetProcedure(), current)
		outcome, err = c.attempt(ctx, card, open, onProgress, &t)
	}
	t.Total = time.Since(start)
	t.Server = time.Duration(outcome.GetKmsMicroseconds()) * time.Microsecond
	return outcome, t, err
}

// attempt holds one conversation with the script at hand.
func (c *Caller) attempt(ctx context.Context, card reader.Card, open *badgekmsv1.Open,
	onProgress func(*badgekmsv1.Progress), t *Timings) (*badgekmsv1.Outcome, error) {
	script, err := c.script(ctx, open.GetProcedure())
	if err != nil {
		return nil, err
	}
	open = proto.CloneOf(open)
	start := time.Now()
	err = RunScript(ctx, card, script, open)
	t.Script = time.Since(start)
	if err != nil {
		return nil, err
	}
	watch := &stopwatch{card: card}
	outcome, err := Converse(ctx, c.client, watch, open, onProgress)
	t.Card = watch.elapsed
	return outcome, err
}

// script returns the cached script of procedure, or fetches it.
func (c *Caller) script(ctx context.Context, procedure badgekmsv1.Procedure) (*badgekmsv1.Script, error) {
	c.mu.Lock()
	script := c.scripts[procedure]
	c.mu.Unlock()
	if script != nil {
		return script, nil
	}
	response, err := c.client.GetScript(ctx, &badgekmsv1.GetScriptRequest{Procedure: procedure})
	if err != nil {
		return nil, fmt.Errorf("fetch the opening script: %w", unanswered(err))
	}
	script = response.GetScript()
	if script == nil {
		return nil, invalid("GetScriptResponse.script is missing")
	}
	c.keep(procedure, script)
	return script, nil
}

// keep caches the current script of procedure.
func (c *Caller) keep(procedure badgekmsv1.Procedure, script *badgekmsv1.Script) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scripts[procedure] = script
}

// Prefetch fetches the script of procedure if it is not cached, so that the
// first tap does not pay for it.
func (c *Caller) Prefetch(ctx context.Context, procedure badgekmsv1.Procedure) error {
	_, err := c.script(ctx, procedure)
	return err
}

// stopwatch adds up the time that a card takes.
type stopwatch struct {
	card    reader.Card
	elapsed time.Duration
}

// Transmit implements reader.Card.
func (s *stopwatch) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	start := time.Now()
	defer func() { s.elapsed += time.Since(start) }()
	return s.card.Transmit(ctx, run)
}
