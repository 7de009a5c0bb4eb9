package presence

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"badgekms/reader"
)

const (
	attached = reader.ReaderAttached
	detached = reader.ReaderDetached
	inserted = reader.CardInserted
	removed  = reader.CardRemoved
)

// TestNext replays events and looks at what a caller that has served the
// presentation `after` gets next; 0 stands for nothing.
func TestNext(t *testing.T) {
	tests := map[string]struct {
		events   []reader.EventKind
		pause    time.Duration // before the last event
		after    uint64
		want     uint64
		returned bool
	}{
		"empty":                {events: []reader.EventKind{attached}},
		"inserted":             {events: []reader.EventKind{attached, inserted}, want: 1},
		"left lying":           {events: []reader.EventKind{attached, inserted}, after: 1},
		"lifted":               {events: []reader.EventKind{attached, inserted, removed}},
		"put back":             {events: []reader.EventKind{attached, inserted, removed, inserted}, after: 1, want: 2},
		"missed one":           {events: []reader.EventKind{attached, inserted, removed, inserted}, want: 2},
		"reader gone":          {events: []reader.EventKind{attached, inserted, detached}},
		"reader back":          {events: []reader.EventKind{attached, inserted, detached, attached, inserted}, after: 1, want: 2, returned: true},
		"service gone twice":   {events: []reader.EventKind{attached, inserted, detached, attached, detached, attached, inserted}, after: 1, want: 2, returned: true},
		"reader back, later":   {events: []reader.EventKind{attached, inserted, detached, attached, inserted}, pause: time.Minute, after: 1, want: 2},
		"lifted before detach": {events: []reader.EventKind{attached, inserted, removed, detached, attached, inserted}, after: 1, want: 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(0, 0)
			f := newField("A", nil, func() time.Time { return now })
			for i, kind := range test.events {
				if i == len(test.events)-1 {
					now = now.Add(test.pause)
				}
				f.handle(reader.Event{Kind: kind, Reader: "A"})
				f.handle(reader.Event{Kind: inserted, Reader: "another"})
			}
			got, found, _, err := f.look(test.after)
			if err != nil || found != (test.want != 0) || got.Number != test.want || got.Returned != test.returned {
				t.Errorf("%+v, %v, %v", got, found, err)
			}
		})
	}
}

type watcher func(ctx context.Context, handle func(reader.Event)) error

func (w watcher) Watch(ctx context.Context, handle func(reader.Event)) error { return w(ctx, handle) }

func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var seen int
		f := Follow(ctx, watcher(func(ctx context.Context, handle func(reader.Event)) error {
			time.Sleep(time.Minute)
			handle(reader.Event{Kind: inserted, Reader: "A", ATR: []byte{0x3B}})
			<-ctx.Done()
			return ctx.Err()
		}), "A", func(reader.Event) { seen++ })
		start := time.Now()
		got, err := f.Next(ctx, 0)
		if err != nil || len(got.ATR) != 1 || time.Since(start) != time.Minute || seen != 1 {
			t.Errorf("%+v, %v after %v, %d events", got, err, time.Since(start), seen)
		}
		short, stop := context.WithTimeout(ctx, time.Second)
		defer stop()
		if _, err := f.Next(short, got.Number); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the context's error", err)
		}
		cancel()
		synctest.Wait()
		if _, err := f.Next(t.Context(), got.Number); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want the watcher's error", err)
		}
	})
}

func TestNextWithoutPCSC(t *testing.T) {
	f := Follow(t.Context(), watcher(func(context.Context, func(reader.Event)) error { return reader.ErrUnavailable }), "A", nil)
	if _, err := f.Next(t.Context(), 0); !errors.Is(err, reader.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}

type lister struct {
	watcher
	names []string
	err   error
}

func (l lister) List(context.Context) ([]string, error) { return l.names, l.err }

func TestList(t *testing.T) {
	watch := watcher(func(ctx context.Context, handle func(reader.Event)) error {
		for _, e := range []reader.Event{{Kind: attached, Reader: "B"}, {Kind: attached, Reader: "C"}, {Kind: attached, Reader: "A"}, {Kind: detached, Reader: "C"}} {
			handle(e)
		}
		<-ctx.Done()
		return ctx.Err()
	})
	unavailable := watcher(func(context.Context, func(reader.Event)) error { return reader.ErrUnavailable })
	tests := map[string]struct {
		readers reader.Watcher
		want    string
		err     error
	}{
		"lister":              {lister{names: []string{"B", "A"}}, "A B", nil},
		"lister without PCSC": {lister{err: reader.ErrUnavailable}, "", reader.ErrUnavailable},
		"watcher":             {watch, "A B", nil},
		"watcher without":     {unavailable, "", reader.ErrUnavailable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, err := List(t.Context(), test.readers)
				if !errors.Is(err, test.err) || strings.Join(got, " ") != test.want {
					t.Errorf("%v, %v", got, err)
				}
			})
		})
	}
}
