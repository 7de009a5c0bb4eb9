package cardsim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"badgekms/reader"
)

// Desk is a set of simulated readers in this process, each with room for one
// card. It implements reader.Readers as a PC/SC service does, and is safe for
// use by several goroutines. It starts none of its own.
type Desk struct {
	mu       sync.Mutex
	readers  map[string]*slot
	watchers map[*watch]bool
}

// slot is the field of one reader.
type slot struct {
	name        string
	card        *Card // nil when the field is empty
	connections map[*connection]bool
}

var _ reader.Readers = (*Desk)(nil)

// NewDesk makes a desk with empty readers of those names.
func NewDesk(names ...string) *Desk {
	d := &Desk{readers: map[string]*slot{}, watchers: map[*watch]bool{}}
	for _, name := range names {
		d.Attach(name)
	}
	return d
}

// Attach plugs in an empty reader. A name that is attached already stays as it is.
func (d *Desk) Attach(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.readers[name] != nil {
		return
	}
	d.readers[name] = &slot{name: name, connections: map[*connection]bool{}}
	d.tell(reader.Event{Kind: reader.ReaderAttached, Reader: name})
}

// Detach unplugs a reader with what is on it: its connections fail with
// reader.ErrReader.
func (d *Desk) Detach(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.readers[name]
	if s == nil {
		return
	}
	d.lift(s, fmt.Errorf("%w: %s", reader.ErrReader, name))
	delete(d.readers, name)
	d.tell(reader.Event{Kind: reader.ReaderDetached, Reader: name})
}

// Put lays a card on a reader. A card that lies there is swapped for it. It
// fails with reader.ErrNoReader, or if the card lies on another reader.
func (d *Desk) Put(name string, c *Card) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.readers[name]
	if s == nil {
		return fmt.Errorf("%w: %q", reader.ErrNoReader, name)
	}
	for _, other := range d.readers {
		if other != s && other.card == c {
			return fmt.Errorf("put a card on %q: it lies on %q: remove it there first", name, other.name)
		}
	}
	d.lift(s, removed(name))
	c.Reset()
	s.card = c
	d.tell(reader.Event{Kind: reader.CardInserted, Reader: name, ATR: c.ATR()})
	return nil
}

// Remove takes the card off a reader, if there is one: its connections fail
// with reader.ErrRemoved.
func (d *Desk) Remove(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.readers[name]; s != nil {
		d.lift(s, removed(name))
	}
}

func removed(name string) error { return fmt.Errorf("%w: %s", reader.ErrRemoved, name) }

// lift empties a field; connections on it fail with cause from now on.
func (d *Desk) lift(s *slot, cause error) {
	if s.card == nil {
		return
	}
	for conn := range s.connections {
		conn.dead = cause
	}
	clear(s.connections)
	s.card.Reset()
	s.card = nil
	d.tell(reader.Event{Kind: reader.CardRemoved, Reader: s.name})
}

// Connect implements reader.Connector. Exclusive asks to be the only
// connection, and keeps others out until it is closed.
func (d *Desk) Connect(ctx context.Context, name string, sharing reader.Sharing) (reader.Connection, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.readers[name]
	switch {
	case s == nil:
		return nil, fmt.Errorf("%w: %q", reader.ErrNoReader, name)
	case s.card == nil:
		return nil, fmt.Errorf("%w: %q", reader.ErrNoCard, name)
	case s.busy(sharing):
		return nil, fmt.Errorf("%w: %q", reader.ErrBusy, name)
	}
	conn := &connection{desk: d, slot: s, card: s.card, sharing: sharing}
	s.connections[conn] = true
	return conn, nil
}

func (s *slot) busy(want reader.Sharing) bool {
	if want == reader.Exclusive {
		return len(s.connections) > 0
	}
	for conn := range s.connections {
		if conn.sharing == reader.Exclusive {
			return true
		}
	}
	return false
}

// Watch implements reader.Watcher.
func (d *Desk) Watch(ctx context.Context, handle func(reader.Event)) error {
	w := d.subscribe()
	defer d.unsubscribe(w)
	for {
		for _, e := range d.take(w) {
			if err := ctx.Err(); err != nil {
				return err
			}
			handle(e)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.more:
		}
	}
}

// watch is the queue of one Watch call. It is not bounded: a change must
// neither be lost nor wait for a slow handler.
type watch struct {
	queue []reader.Event
	more  chan struct{} // holds one token while the queue may have events
}

// subscribe starts a queue with what there is now.
func (d *Desk) subscribe() *watch {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := &watch{more: make(chan struct{}, 1)}
	for _, name := range slices.Sorted(maps.Keys(d.readers)) {
		w.queue = append(w.queue, reader.Event{Kind: reader.ReaderAttached, Reader: name})
		if c := d.readers[name].card; c != nil {
			w.queue = append(w.queue, reader.Event{Kind: reader.CardInserted, Reader: name, ATR: c.ATR()})
		}
	}
	d.watchers[w] = true
	return w
}

func (d *Desk) unsubscribe(w *watch) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.watchers, w)
}

func (d *Desk) take(w *watch) []reader.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	events := w.queue
	w.queue = nil
	return events
}

// tell queues an event for every Watch. The caller holds the lock.
func (d *Desk) tell(e reader.Event) {
	for w := range d.watchers {
		w.queue = append(w.queue, e)
		select {
		case w.more <- struct{}{}:
		default:
		}
	}
}
