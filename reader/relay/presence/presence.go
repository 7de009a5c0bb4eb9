// Package presence follows the field of one PC/SC reader, over what a
// reader.Watcher reports: it hands out each presentation of a card once.
package presence

import (
	"context"
	"sync"
	"time"

	"badgekms/reader"
)

// returnWindow is how soon after its reader came back a card that never left
// it is seen again.
const returnWindow = 3 * time.Second

// Insertion is one presentation of a card.
type Insertion struct {
	// Number counts the presentations from 1.
	Number uint64
	// ATR is the answer to reset.
	ATR []byte
	// Returned: the reader was gone while a card lay on it, and came back
	// with one. It may be the same card, never lifted.
	Returned bool
}

// Field is the field of one reader.
type Field struct {
	name   string
	notify func(reader.Event)
	now    func() time.Time

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at every change
	current  Insertion
	present  bool
	laid     bool      // a card lay there when the reader went away
	attached time.Time // when the reader came
	err      error
}

// Follow watches the reader called name until ctx ends. notify, if not nil, is
// told every event of that reader, on the watcher's goroutine.
func Follow(ctx context.Context, readers reader.Watcher, name string, notify func(reader.Event)) *Field {
	f := newField(name, notify, time.Now)
	go func() { f.end(readers.Watch(ctx, f.handle)) }()
	return f
}

func newField(name string, notify func(reader.Event), now func() time.Time) *Field {
	if notify == nil {
		notify = func(reader.Event) {}
	}
	return &Field{name: name, notify: notify, now: now, changed: make(chan struct{})}
}

// Next waits until a card is present whose number is above after, and returns
// it. Of several presentations that were missed it returns the last, if that
// card is still there. It fails when ctx or the watcher ends.
func (f *Field) Next(ctx context.Context, after uint64) (Insertion, error) {
	for {
		insertion, found, changed, err := f.look(after)
		if found || err != nil {
			return insertion, err
		}
		select {
		case <-ctx.Done():
			return Insertion{}, ctx.Err()
		case <-changed:
		}
	}
}

func (f *Field) look(after uint64) (Insertion, bool, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.present && f.current.Number > after {
		return f.current, true, nil, nil
	}
	return Insertion{}, false, f.changed, f.err
}

// handle takes in one event of the watcher.
func (f *Field) handle(e reader.Event) {
	if e.Reader != f.name {
		return
	}
	f.notify(e)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch e.Kind {
	case reader.ReaderAttached:
		f.attached = f.now()
	case reader.ReaderDetached:
		f.laid = f.laid || f.present
		f.present = false
	case reader.CardInserted:
		returned := f.laid && f.now().Sub(f.attached) <= returnWindow
		f.current = Insertion{Number: f.current.Number + 1, ATR: e.ATR, Returned: returned}
		f.present, f.laid = true, false
	case reader.CardRemoved:
		f.present = false
	}
	f.signal()
}

func (f *Field) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	f.signal()
}

// signal runs with the lock held.
func (f *Field) signal() {
	close(f.changed)
	f.changed = make(chan struct{})
}
