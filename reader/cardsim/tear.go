package cardsim

import (
	"fmt"

	"badgekms/reader"
)

// Moment is when the card leaves the field, seen from one command.
type Moment int

const (
	// Before: the command does not reach the card.
	Before Moment = iota
	// After: the command takes effect, its answer is lost.
	After
	// During: power fails while the command takes effect. A write leaves half
	// of its data in a standard file, FormatPICC half of the applications;
	// CreateApplication and DeleteApplication leave one that answers A1,
	// CreateFile commands and DeleteFile a file that answers F1. Everything
	// else is protected by the card and does not happen: commit, keys, key
	// sets, and settings.
	During
)

// tear is an armed tear-off; left is 0 when none is.
type tear struct {
	left   int
	moment Moment
}

// TearAt arms one tear-off: at the n-th frame from now that reaches the card
// (1 is the next one; the reader's own FF CA does not count) the card leaves
// the field, before, while or after the command takes effect. That Exchange fails with
// reader.ErrRemoved and the card is reset. 0 disarms.
func (c *Card) TearAt(n int, m Moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tear = tear{n, m}
}

// throughField carries a frame to the card and back, unless it is torn off.
func (c *Card) throughField(apdu []byte) ([]byte, error) {
	if c.tear.left == 0 {
		return c.respond(apdu), nil
	}
	c.tear.left--
	if c.tear.left > 0 {
		return c.respond(apdu), nil
	}
	c.cut = c.tear.moment == During
	if c.tear.moment != Before {
		c.respond(apdu)
	}
	c.cut = false
	c.powerOn()
	return nil, fmt.Errorf("%w (simulated tear-off)", reader.ErrRemoved)
}
