//go:build linux && cgo

package pcsc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"badgekms/reader"
	"badgekms/test/pcscd"

	"github.com/google/go-cmp/cmp"
)

// rig is a private pcscd with the library that talks to it.
type rig struct {
	*pcscd.Daemon
	readers          *Readers
	names, addresses []string // of each slot
}

// daemon is the one that this process talks to: libpcsclite looks once where
// the service is. TestPCSCD starts it and TestMain stops it.
var daemon *pcscd.Daemon

func TestMain(m *testing.M) {
	status := m.Run()
	if daemon != nil {
		if err := daemon.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop pcscd:", err)
			status = 1
		}
	}
	os.Exit(status)
}

func startRig(t *testing.T) rig {
	t.Helper()
	if daemon == nil {
		pcscd.Require(t)
		d, err := pcscd.Start(t.Context(), pcscd.Options{})
		if err != nil {
			t.Fatal(err)
		}
		daemon = d
	}
	t.Setenv("PCSCLITE_CSOCK_NAME", daemon.SocketPath())
	return rig{daemon, New(Options{}), daemon.ReaderNames(), daemon.VPCDAddress()}
}

// lay puts a card on a slot. With the test it is taken away again.
func (g rig) lay(t *testing.T, slot int, uid []byte) *vpcdCard {
	t.Helper()
	c, err := dial(g.addresses[slot], uid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.remove(); g.emptied(t, slot) })
	return c
}

// connect connects as soon as pcscd has noticed the card.
func (g rig) connect(t *testing.T, slot int, sharing reader.Sharing) reader.Connection {
	t.Helper()
	var c reader.Connection
	eventually(t, func() (err error) {
		c, err = g.readers.Connect(t.Context(), g.names[slot], sharing)
		return err
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// emptied waits until pcscd has seen that there is no card on the slot.
func (g rig) emptied(t *testing.T, slot int) {
	t.Helper()
	ctx := context.Background() // used by cleanups, when t's is over
	eventually(t, func() error {
		c, err := g.readers.Connect(ctx, g.names[slot], reader.Shared)
		switch {
		case errors.Is(err, reader.ErrNoCard):
			return nil
		case err != nil:
			return err
		}
		_, err = c.Transmit(ctx, []reader.Command{echo}) // fails, so that Close resets nothing
		_ = c.Close()
		return fmt.Errorf("there is a card: %w", err)
	})
}

// eventually tries until it succeeds or patience is at its end.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return
		}
		if pause(ctx, 10*time.Millisecond) != nil {
			t.Fatalf("still after %v: %v", patience, err)
		}
	}
}

// patience is how long a test waits for what a pcscd that polls its readers
// three times a second must have seen long ago.
const patience = 20 * time.Second

// realWatch is a Watch against the private pcscd.
type realWatch struct {
	t      *testing.T
	events chan reader.Event
	cancel context.CancelFunc
	done   chan error
}

// watch starts a watch whose handler calls also, if it is not nil, after it
// has passed an event on.
func (g rig) watch(t *testing.T, also func(reader.Event)) *realWatch {
	ctx, cancel := context.WithCancel(t.Context())
	w := &realWatch{t: t, events: make(chan reader.Event, 100), cancel: cancel, done: make(chan error, 1)}
	go func() {
		w.done <- g.readers.Watch(ctx, func(e reader.Event) {
			w.events <- e
			if also != nil {
				also(e)
			}
		})
	}()
	t.Cleanup(w.stop)
	return w
}

// watchEmpty starts a watch of readers without cards.
func (g rig) watchEmpty(t *testing.T) *realWatch {
	t.Helper()
	w := g.watch(t, nil)
	for _, name := range g.names {
		w.next(attached(name))
	}
	return w
}

// next takes the next events, which must be the given ones.
func (w *realWatch) next(want ...reader.Event) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.take(len(want))); diff != "" {
		w.t.Fatalf("events (-want +got):\n%s", diff)
	}
}

// nextByReader is next for events whose order counts within a reader only:
// pcscd takes its readers down one by one.
func (w *realWatch) nextByReader(want ...reader.Event) {
	w.t.Helper()
	got := w.take(len(want))
	byReader := func(a, b reader.Event) int { return strings.Compare(a.Reader, b.Reader) }
	slices.SortStableFunc(got, byReader)
	slices.SortStableFunc(want, byReader)
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Fatalf("events (-want +got):\n%s", diff)
	}
}

// take waits for n events.
func (w *realWatch) take(n int) []reader.Event {
	w.t.Helper()
	var got []reader.Event
	for len(got) < n {
		select {
		case e := <-w.events:
			got = append(got, e)
		case err := <-w.done:
			w.t.Fatalf("Watch ended: %v", err)
		case <-time.After(patience):
			w.t.Fatalf("%d events, want %d: %v", len(got), n, got)
		}
	}
	return got
}

// stop may be called more than once.
func (w *realWatch) stop() {
	w.cancel()
	select {
	case err := <-w.done:
		if !errors.Is(err, context.Canceled) {
			w.t.Errorf("Watch returned %v", err)
		}
		w.done <- err
	case <-time.After(patience):
		w.t.Error("Watch does not end")
	}
}

// context opens a context for the length of the test.
func (g rig) context(t *testing.T) session {
	t.Helper()
	s, err := systemService{}.establish()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.release() })
	return s
}

func (g rig) restart(t *testing.T) {
	t.Helper()
	if err := g.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}
