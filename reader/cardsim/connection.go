package cardsim

import (
	"context"
	"errors"
	"fmt"

	"badgekms/reader"
)

// connection is a Card held through a Desk.
type connection struct {
	desk    *Desk
	slot    *slot
	card    *Card
	sharing reader.Sharing
	dead    error // why it cannot be used any more; guarded by desk.mu
}

var errClosed = fmt.Errorf("%w: the connection is closed", reader.ErrReader)

// ATR implements reader.Connection.
func (c *connection) ATR() []byte { return c.card.ATR() }

// Transmit implements reader.Card.
func (c *connection) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	return reader.Exchange(c.exchange).Transmit(ctx, run)
}

// exchange holds the desk while the card answers, so that a card is either
// there for a whole command or gone before it. A card that tears itself off
// (Card.TearAt) has left the field for everybody.
func (c *connection) exchange(ctx context.Context, apdu []byte) ([]byte, error) {
	if err := c.card.wait(ctx, apdu); err != nil {
		return nil, err
	}
	c.desk.mu.Lock()
	defer c.desk.mu.Unlock()
	if c.dead != nil {
		return nil, c.dead
	}
	raw, err := c.card.exchange(ctx, apdu)
	if errors.Is(err, reader.ErrRemoved) {
		c.desk.lift(c.slot, removed(c.slot.name))
	}
	return raw, err
}

// Close implements reader.Connection. The last one to let go of a card resets
// it, so that no session waits for the next program.
func (c *connection) Close() error {
	c.desk.mu.Lock()
	defer c.desk.mu.Unlock()
	if c.dead != nil {
		return nil
	}
	c.dead = errClosed
	delete(c.slot.connections, c)
	if len(c.slot.connections) == 0 {
		c.card.Reset()
	}
	return nil
}
