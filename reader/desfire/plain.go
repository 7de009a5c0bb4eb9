package desfire

import (
	"fmt"

	"badgekms/reader/apdu"
)

// PlainSession is a card without authentication: commands and answers travel
// as they are, and nothing that the card says is proved. It has no state, so
// it never ends.
type PlainSession struct{}

// Seal frames c whatever its mode: without a session the card answers what is
// free in clear and refuses the rest. It refuses, with ErrCommand, a command
// whose data must be enciphered.
func (s PlainSession) Seal(c Command) (*Sealed, error) {
	if c.secret() {
		return nil, fmt.Errorf("%s: %w: its data may not travel in clear; authenticate first", c.INS, ErrCommand)
	}
	x := newSealed(c, s)
	if err := x.frameCommand(concat(c.Header, c.Data)); err != nil {
		return nil, err
	}
	return x, nil
}

func (PlainSession) over() bool { return false }

func (PlainSession) open(_ *Sealed, answer []byte, _ apdu.Status) ([]byte, error) {
	return answer, nil
}

func (PlainSession) end() {}

// newSealed is c sealed by a session, without its run.
func newSealed(c Command, by opener) *Sealed {
	x := &Sealed{
		ins: c.INS, mode: c.Mode, ends: c.EndsSession, reads: c.reads(), answerLen: c.AnswerLen,
		success: c.success(), frames: c.Frames, listing: c.listing, by: by,
	}
	if c.twoStep {
		x.cut = len(c.Header)
	}
	return x
}

func concat(a, b []byte) []byte {
	return append(append(make([]byte, 0, len(a)+len(b)), a...), b...)
}

func (PlainSession) refused(_ *Sealed, err *apdu.StatusError) error { return err }
