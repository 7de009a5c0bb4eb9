package relaytest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"badgekms/reader"
)

// Desk is a set of readers. It implements reader.Readers.
type Desk struct {
	mu      sync.Mutex
	readers map[string]*slot
	log     []reader.Event
	changed chan struct{} // closed and replaced at every event
	open    int
	opened  []reader.Sharing
	busy    error
}

// slot is one reader's field: nil where it is empty.
type slot struct{ card *presented }

// presented is one presentation of a card; gone is closed when it ends.
type presented struct {
	card reader.Card
	atr  []byte
	gone chan struct{}
	loss error
}

var _ reader.Readers = (*Desk)(nil)

// NewDesk attaches readers of these names.
func NewDesk(names ...string) *Desk {
	d := &Desk{readers: make(map[string]*slot), changed: make(chan struct{})}
	for _, n := range names {
		d.Attach(n)
	}
	return d
}

// Attach plugs a reader in.
func (d *Desk) Attach(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.readers[name] = &slot{}
	d.report(reader.Event{Kind: reader.ReaderAttached, Reader: name})
}

// Detach unplugs a reader, with the card that lies on it.
func (d *Desk) Detach(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.readers[name]; s.card != nil {
		s.card.end(reader.ErrReader)
	}
	delete(d.readers, name)
	d.report(reader.Event{Kind: reader.ReaderDetached, Reader: name})
}

// Put lays card on a reader.
func (d *Desk) Put(name string, card reader.Card) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &presented{card: card, atr: []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80}, gone: make(chan struct{})}
	d.readers[name].card = p
	d.report(reader.Event{Kind: reader.CardInserted, Reader: name, ATR: p.atr})
}

// Take lifts the card off a reader.
func (d *Desk) Take(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.readers[name].card.end(reader.ErrRemoved)
	d.readers[name].card = nil
	d.report(reader.Event{Kind: reader.CardRemoved, Reader: name})
}

func (p *presented) end(loss error) {
	p.loss = loss
	close(p.gone)
}

// SetConnectError makes every Connect fail with err, until it is nil.
func (d *Desk) SetConnectError(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.busy = err
}

// Open is the number of connections that are not closed.
func (d *Desk) Open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open
}

// Opened lists the sharing of every connection so far.
func (d *Desk) Opened() []reader.Sharing {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.opened)
}

// report runs with the lock held.
func (d *Desk) report(e reader.Event) {
	d.log = append(d.log, e)
	close(d.changed)
	d.changed = make(chan struct{})
}

// Watch implements reader.Watcher.
func (d *Desk) Watch(ctx context.Context, handle func(reader.Event)) error {
	d.mu.Lock()
	pending, seen := d.present(), len(d.log)
	d.mu.Unlock()
	for {
		for _, e := range pending {
			handle(e)
		}
		d.mu.Lock()
		pending, seen = slices.Clone(d.log[seen:]), len(d.log)
		changed := d.changed
		d.mu.Unlock()
		if len(pending) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// present runs with the lock held.
func (d *Desk) present() []reader.Event {
	var events []reader.Event
	for name, s := range d.readers {
		events = append(events, reader.Event{Kind: reader.ReaderAttached, Reader: name})
		if s.card != nil {
			events = append(events, reader.Event{Kind: reader.CardInserted, Reader: name, ATR: s.card.atr})
		}
	}
	return events
}

// List implements presence.Lister.
func (d *Desk) List(context.Context) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.readers)), nil
}

// Connect implements reader.Connector.
func (d *Desk) Connect(_ context.Context, name string, sharing reader.Sharing) (reader.Connection, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.readers[name]
	switch {
	case d.busy != nil:
		return nil, fmt.Errorf("reader %q: %w", name, d.busy)
	case s == nil:
		return nil, fmt.Errorf("reader %q: %w", name, reader.ErrNoReader)
	case s.card == nil:
		return nil, fmt.Errorf("reader %q: %w", name, reader.ErrNoCard)
	}
	d.open++
	d.opened = append(d.opened, sharing)
	return &connection{desk: d, presented: s.card}, nil
}

// connection is one Connect; it outlives its card and then reports the loss.
type connection struct {
	desk      *Desk
	presented *presented
	once      sync.Once
}

// Transmit implements reader.Card.
func (c *connection) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	select {
	case <-c.presented.gone:
		return nil, c.presented.loss
	default:
		return c.presented.card.Transmit(ctx, run)
	}
}

// ATR implements reader.Connection.
func (c *connection) ATR() []byte { return c.presented.atr }

// Close implements reader.Connection.
func (c *connection) Close() error {
	c.once.Do(func() {
		c.desk.mu.Lock()
		defer c.desk.mu.Unlock()
		c.desk.open--
	})
	return nil
}
