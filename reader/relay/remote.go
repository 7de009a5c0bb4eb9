package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
)

// Stream is the KMS's end of a conversation; the generated gRPC server stream
// is one. Recv must fail once the conversation's handler has returned, as
// gRPC's does.
type Stream interface {
	Send(*badgekmsv1.ConverseResponse) error
	Recv() (*badgekmsv1.ConverseRequest, error)
}

// Options limits a Remote. Zero values stand for the relay's rules.
type Options struct {
	// Silence is how long to wait for each message of the caller.
	Silence time.Duration
	// MaxCommands limits the commands of a run.
	MaxCommands int
	// MaxBytes limits the sum of the lengths of a message's APDUs.
	MaxBytes int
	// Log receives INS bytes, lengths and status words at level debug; nil
	// discards them.
	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Silence <= 0 {
		o.Silence = Silence
	}
	if o.MaxCommands <= 0 {
		o.MaxCommands = MaxCommands
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = MaxBytes
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Remote is the card at the caller's end of a conversation.
//
// The first error ends the conversation for good: every later call returns
// it, because a run may still be on its way to the card. One goroutine
// receives for the stream's life and ends with it.
type Remote struct {
	stream  Stream
	options Options
	opening chan *badgekmsv1.Open
	answers chan *badgekmsv1.Results
	ended   chan struct{}

	turn sync.Mutex // one run in flight
	send sync.Mutex // gRPC allows one Send at a time

	mu       sync.Mutex // guards what follows
	opened   bool
	waiting  bool
	err      error
	seq      uint32
	waited   time.Duration
	cardTime time.Duration
}

// NewRemote takes over the receiving side of stream, from its first message
// on: call Open next.
func NewRemote(stream Stream, options Options) *Remote {
	r := &Remote{
		stream:  stream,
		options: options.withDefaults(),
		opening: make(chan *badgekmsv1.Open, 1),
		answers: make(chan *badgekmsv1.Results, 1),
		ended:   make(chan struct{}),
	}
	go r.receive()
	return r
}

// Open waits for the caller's first message and checks its form: relay
// version, sizes and numbers of what it carries. What it says of the card is
// still a claim. It fails as Transmit does.
func (r *Remote) Open(ctx context.Context) (*badgekmsv1.Open, error) {
	open, err := await(ctx, r, r.opening)
	if err != nil {
		return nil, fmt.Errorf("wait for the opening: %w", err)
	}
	if err := checkOpen(open, r.options); err != nil {
		return nil, r.fail(err)
	}
	return open, nil
}

// Transmit implements reader.Card: it sends one Run and waits for its Results.
//
// It fails with reader.ErrRemoved or reader.ErrReader where the caller says
// so, ErrSilent, ErrClosed, ErrDisconnected, a *ProtocolError, or the
// context's error; the responses that came before a loss are returned with it.
// A run above the limits is an error of the program; nothing is sent then.
func (r *Remote) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	r.turn.Lock()
	defer r.turn.Unlock()
	if len(run) == 0 {
		return nil, r.failure()
	}
	if err := checkRun(run, r.options); err != nil {
		return nil, err
	}
	results, err := r.exchange(ctx, run)
	if err != nil {
		return nil, fmt.Errorf("relay a run of %d commands: %w", len(run), err)
	}
	responses, err := readResults(run, results, r.options)
	logRun(ctx, r.options.Log, run, responses)
	if err != nil {
		return responses, fmt.Errorf("relay a run of %d commands: %w", len(run), r.fail(err))
	}
	return responses, nil
}

// exchange sends run and waits for the Results that carry its number.
func (r *Remote) exchange(ctx context.Context, run []reader.Command) (*badgekmsv1.Results, error) {
	seq, err := r.begin()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	err = r.transmit(&badgekmsv1.ConverseResponse{Message: &badgekmsv1.ConverseResponse_Run{Run: encodeRun(seq, run)}})
	if err != nil {
		return nil, err
	}
	results, err := await(ctx, r, r.answers)
	r.account(time.Since(start), results)
	if err != nil {
		return nil, err
	}
	if results.GetSeq() != seq {
		return nil, r.fail(outOfOrder("Results.seq is %d where %d is awaited", results.GetSeq(), seq))
	}
	return results, nil
}

// begin takes the next number and lets its answer come in.
func (r *Remote) begin() (uint32, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return 0, r.err
	}
	r.seq++
	r.waiting = true
	return r.seq, nil
}

// account adds a round trip's time; what the caller says of the card's share
// is believed up to the whole.
func (r *Remote) account(waited time.Duration, results *badgekmsv1.Results) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waited += waited
	if limit := uint64(waited.Microseconds()); results.GetMicroseconds() < limit {
		r.cardTime += time.Duration(results.GetMicroseconds()) * time.Microsecond
	} else if results != nil {
		r.cardTime += waited
	}
}

// Progress tells the caller that step (from 1) of so many has begun.
func (r *Remote) Progress(step, of int, stage badgekmsv1.Stage) error {
	return r.transmit(&badgekmsv1.ConverseResponse{Message: &badgekmsv1.ConverseResponse_Progress{
		Progress: &badgekmsv1.Progress{Step: uint32(step), Of: uint32(of), Stage: stage},
	}})
}

// Conclude sends the outcome. Further runs may follow only if it says so.
func (r *Remote) Conclude(outcome *badgekmsv1.Outcome) error {
	return r.transmit(&badgekmsv1.ConverseResponse{Message: &badgekmsv1.ConverseResponse_Outcome{Outcome: outcome}})
}

// RoundTrips counts the round trips so far: the opening, which the KMS answers
// with its first Run or with the Outcome, and one for each Run.
func (r *Remote) RoundTrips() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return 1 + int(r.seq)
}

// Waited is the time spent so far waiting for answers to runs: the network,
// the reader and the card.
func (r *Remote) Waited() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waited
}

// CardTime is the part of Waited that, by the caller's word, the reader and
// the card took.
func (r *Remote) CardTime() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cardTime
}

func (r *Remote) transmit(message *badgekmsv1.ConverseResponse) error {
	r.send.Lock()
	defer r.send.Unlock()
	if err := r.stream.Send(message); err != nil {
		return r.fail(fmt.Errorf("%w: %w", ErrDisconnected, err))
	}
	return nil
}

// receive hands every message to whoever waits for it, until the stream or
// the conversation ends. It never blocks on a reader that is gone.
func (r *Remote) receive() {
	for {
		message, err := r.stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			err = ErrClosed
		case err != nil:
			err = fmt.Errorf("%w: %w", ErrDisconnected, err)
		default:
			err = r.deliver(message)
		}
		if err != nil {
			_ = r.fail(err)
			return
		}
	}
}

// deliver refuses what came when it was not its turn.
func (r *Remote) deliver(message *badgekmsv1.ConverseRequest) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch m := message.GetMessage().(type) {
	case *badgekmsv1.ConverseRequest_Open:
		if r.opened {
			return outOfOrder("a second Open")
		}
		r.opened = true
		r.opening <- m.Open
	case *badgekmsv1.ConverseRequest_Results:
		if !r.waiting {
			return outOfOrder("Results where no Run is in flight")
		}
		r.waiting = false
		r.answers <- m.Results
	case *badgekmsv1.ConverseRequest_Close:
		return closed(m.Close.GetReason())
	default:
		return invalid("a message that is neither Open, Results nor Close")
	}
	return nil
}

// fail ends the conversation with err, unless it has ended before, and returns
// what ended it.
func (r *Remote) fail(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
		close(r.ended)
	}
	return r.err
}

func (r *Remote) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// await takes the next message out of messages. One that came before the
// conversation's end counts.
func await[M any](ctx context.Context, r *Remote, messages <-chan M) (M, error) {
	silence := time.NewTimer(r.options.Silence)
	defer silence.Stop()
	var none M
	select {
	case m := <-messages:
		return m, nil
	case <-r.ended:
		select {
		case m := <-messages:
			return m, nil
		default:
			return none, r.failure()
		}
	case <-ctx.Done():
		return none, r.fail(ctx.Err())
	case <-silence.C:
		return none, r.fail(fmt.Errorf("%w for %v", ErrSilent, r.options.Silence))
	}
}
