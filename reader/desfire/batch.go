package desfire

import (
	"errors"
	"fmt"

	"badgekms/reader"
	"badgekms/reader/apdu"
)

// Batch collects sealed commands, of one session or of several in order, so
// that they travel in as few runs as their answers allow. The zero value is an
// empty batch.
type Batch struct {
	sealed []*Sealed
	next   int // the first that is not opened
	err    error
}

// CommandError tells which command of a batch failed. The commands before it
// are Done; it and those after it are not.
type CommandError struct {
	// INS is the command that failed; Position counts from 1, Of is the number
	// of commands in the batch.
	INS          apdu.INS
	Position, Of int
	// SessionOver tells that the session ended with it. It is false without a
	// session, and when the command could not be sealed.
	SessionOver bool
	// Err is the cause: an *apdu.StatusError, one of this package's errors, or
	// that of the reader.
	Err error
}

// Error tells the position and the cause, which names the command.
func (e *CommandError) Error() string {
	ended := ""
	if e.SessionOver {
		ended = " failed and ended the session"
	}
	return fmt.Sprintf("card command %d of %d%s: %v", e.Position, e.Of, ended, e.Err)
}

// Unwrap gives the cause.
func (e *CommandError) Unwrap() error { return e.Err }

// Seal seals c in s and adds it. A failure is kept and given by Commands; the
// result is then never Done.
func (b *Batch) Seal(s Session, c Command) *Sealed {
	x, err := s.Seal(c)
	if err != nil {
		b.fail(c.INS, err)
		return &Sealed{ins: c.INS}
	}
	return b.Add(x)
}

// Add adds a command that is sealed already, such as a step of a handshake,
// and returns it.
func (b *Batch) Add(x *Sealed) *Sealed {
	b.sealed = append(b.sealed, x)
	return x
}

func (b *Batch) fail(ins apdu.INS, err error) {
	if b.err == nil {
		n := len(b.sealed) + 1
		b.err = &CommandError{INS: ins, Position: n, Of: n, Err: err}
	}
}

// Commands is the run to transmit now. While an answer is incomplete it asks
// for the rest of that answer only. It fails when a Seal failed, or an Open
// before it: nothing may be sent then.
func (b *Batch) Commands() ([]reader.Command, error) {
	if b.err != nil {
		return nil, b.err
	}
	var run []reader.Command
	for _, x := range b.sealed[b.next:b.sent()] {
		run = append(run, x.Commands()...)
	}
	return run, nil
}

// Done tells whether all answers were opened and found good.
func (b *Batch) Done() bool { return b.err == nil && b.next == len(b.sealed) }

// Open opens the responses to the run of the last Commands, in order. It takes
// both results of reader.Card's Transmit, so that the two calls nest. It stops
// at the first failure, with a *CommandError.
func (b *Batch) Open(rs []reader.Response, transport error) error {
	if b.err != nil {
		return b.err
	}
	for sent := b.sent(); b.next < sent; b.next++ {
		x := b.sealed[b.next]
		used, err := x.Open(rs)
		if err != nil {
			return b.failed(x, err, transport)
		}
		rs = rs[used:]
		if !x.Done() {
			break
		}
	}
	switch {
	case len(rs) > 0:
		return b.surplus(len(rs))
	case transport != nil:
		return b.lost(transport)
	}
	return nil
}

// sent is the index after the last command that the last Commands covered.
func (b *Batch) sent() int {
	if b.next < len(b.sealed) && b.sealed[b.next].seen > 0 {
		return b.next + 1
	}
	return len(b.sealed)
}

func (b *Batch) failed(x *Sealed, err, transport error) error {
	if transport != nil && errors.Is(err, ErrIncomplete) {
		err = fmt.Errorf("%w: %w", err, transport)
	}
	b.err = &CommandError{
		INS: x.ins, Position: min(b.next+1, len(b.sealed)), Of: len(b.sealed), SessionOver: x.by.over(), Err: err,
	}
	return b.err
}

// surplus ends the batch when the reader sent more than the stop rule of
// reader.Card allows: the card may have dropped an open chain.
func (b *Batch) surplus(n int) error {
	return b.lost(fmt.Errorf("%w: %d responses more than the run allows", ErrAnswer, n))
}

// lost ends the batch, and the session that it last used, for a cause that no
// single command has.
func (b *Batch) lost(cause error) error {
	if len(b.sealed) == 0 {
		b.err = cause
		return b.err
	}
	x := b.sealed[min(b.next, len(b.sealed)-1)]
	x.by.end()
	return b.failed(x, fmt.Errorf("%s: %w", x.ins, cause), nil)
}
