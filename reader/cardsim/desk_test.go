package cardsim

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"badgekms/reader"

	"github.com/google/go-cmp/cmp"
)

var getVersion = reader.Command{APDU: []byte{0x90, 0x60, 0, 0, 0}, Expect: 0x91AF}

func connect(t *testing.T, d *Desk, name string, s reader.Sharing) reader.Connection {
	t.Helper()
	conn, err := d.Connect(t.Context(), name, s)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestDeskWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDesk("B", "A")
		card, other := simCard(t, ""), simCard(t, "")
		if err := d.Put("A", card); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var got []reader.Event
		done := make(chan error)
		go func() { done <- d.Watch(ctx, func(e reader.Event) { got = append(got, e) }) }()
		synctest.Wait()
		steps := []func() error{
			func() error { return d.Put("A", other) }, // a swap
			func() error { d.Remove("A"); d.Remove("A"); return nil },
			func() error { d.Attach("C"); d.Attach("C"); return nil },
			func() error { return d.Put("C", card) },
			func() error { d.Detach("C"); d.Detach("C"); return nil },
		}
		for _, step := range steps {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Watch ended with %v", err)
		}
		want := []reader.Event{
			{Kind: reader.ReaderAttached, Reader: "A"},
			{Kind: reader.CardInserted, Reader: "A", ATR: ats(defaultATS()).atr()},
			{Kind: reader.ReaderAttached, Reader: "B"},
			{Kind: reader.CardRemoved, Reader: "A"},
			{Kind: reader.CardInserted, Reader: "A", ATR: ats(defaultATS()).atr()},
			{Kind: reader.CardRemoved, Reader: "A"},
			{Kind: reader.ReaderAttached, Reader: "C"},
			{Kind: reader.CardInserted, Reader: "C", ATR: ats(defaultATS()).atr()},
			{Kind: reader.CardRemoved, Reader: "C"},
			{Kind: reader.ReaderDetached, Reader: "C"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if len(d.watchers) != 0 {
			t.Error("the watcher is still subscribed")
		}
	})
}

func TestDeskConnect(t *testing.T) {
	d := NewDesk("A", "empty")
	card := simCard(t, "")
	if err := d.Put("A", card); err != nil {
		t.Fatal(err)
	}
	if err := d.Put("none", card); !errors.Is(err, reader.ErrNoReader) {
		t.Errorf("put on no reader: %v", err)
	}
	if err := d.Put("empty", card); err == nil {
		t.Error("one card lies on two readers")
	}
	for name, want := range map[string]error{"none": reader.ErrNoReader, "empty": reader.ErrNoCard} {
		if _, err := d.Connect(t.Context(), name, reader.Shared); !errors.Is(err, want) {
			t.Errorf("connect to %q: %v, want %v", name, err, want)
		}
	}
	for _, v := range []struct {
		held, asked reader.Sharing
		busy        bool
	}{
		{reader.Shared, reader.Shared, false}, {reader.Shared, reader.Exclusive, true},
		{reader.Exclusive, reader.Shared, true}, {reader.Exclusive, reader.Exclusive, true},
	} {
		held := connect(t, d, "A", v.held)
		second, err := d.Connect(t.Context(), "A", v.asked)
		if errors.Is(err, reader.ErrBusy) != v.busy || v.busy == (err == nil) {
			t.Errorf("%d held, %d asked: %v", v.held, v.asked, err)
		}
		if second != nil {
			second.Close()
		}
		held.Close()
		held.Close()
	}
	conn := connect(t, d, "A", reader.Exclusive)
	uid, err := reader.UID(t.Context(), conn)
	if err != nil || string(uid) != string(card.UID()) {
		t.Errorf("UID %X, %v", uid, err)
	}
	if string(conn.ATR()) != string(ats(defaultATS()).atr()) {
		t.Errorf("ATR %X", conn.ATR())
	}
	conn.Close()
	if _, err := conn.Transmit(t.Context(), []reader.Command{getVersion}); !errors.Is(err, reader.ErrReader) {
		t.Errorf("a closed connection: %v", err)
	}
}

// TestDeskLoss: what a connection says when its card or reader goes away, and
// that it does not come back to life with the next card.
func TestDeskLoss(t *testing.T) {
	for name, v := range map[string]struct {
		lose func(d *Desk, card, other *Card)
		want error
	}{
		"removed":          {func(d *Desk, _, _ *Card) { d.Remove("A") }, reader.ErrRemoved},
		"swapped":          {func(d *Desk, _, other *Card) { d.Put("A", other) }, reader.ErrRemoved},
		"removed and back": {func(d *Desk, card, _ *Card) { d.Remove("A"); d.Put("A", card) }, reader.ErrRemoved},
		"unplugged":        {func(d *Desk, _, _ *Card) { d.Detach("A") }, reader.ErrReader},
		"torn off":         {func(_ *Desk, card, _ *Card) { card.TearAt(1, After) }, reader.ErrRemoved},
	} {
		t.Run(name, func(t *testing.T) {
			d, card := NewDesk("A"), simCard(t, "")
			if err := d.Put("A", card); err != nil {
				t.Fatal(err)
			}
			conn := connect(t, d, "A", reader.Shared)
			run := []reader.Command{getVersion}
			if rs, err := conn.Transmit(t.Context(), run); err != nil || len(rs) != 1 {
				t.Fatalf("%v, %v", rs, err)
			}
			v.lose(d, card, simCard(t, ""))
			for range 2 {
				if _, err := conn.Transmit(t.Context(), run); !errors.Is(err, v.want) {
					t.Errorf("%v, want %v", err, v.want)
				}
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			d.Attach("A")
			if err := d.Put("A", card); err != nil {
				t.Fatal(err)
			}
			if _, err := connect(t, d, "A", reader.Exclusive).Transmit(t.Context(), run); err != nil {
				t.Errorf("the next connection: %v", err)
			}
		})
	}
}

// TestDeskCloseEndsSession: the next program must not find an open session.
func TestDeskCloseEndsSession(t *testing.T) {
	d, c := NewDesk("A"), newClient(t)
	c.app(0x0F, 1)
	if err := d.Put("A", c.card); err != nil {
		t.Fatal(err)
	}
	a, b := connect(t, d, "A", reader.Shared), connect(t, d, "A", reader.Shared)
	c.selectApp(1, 2, 3)
	c.mustAuth(0, zeroKey)
	a.Close()
	c.must(modeFull, 0, 0x51)
	b.Close()
	c.s = nil
	c.refused(statusAuthentication, modePlain, 0, 0x51)
}

// TestDeskRace lets everything happen at once, for the race detector.
func TestDeskRace(t *testing.T) {
	d, cards := NewDesk("A"), []*Card{simCard(t, ""), simCard(t, "")}
	ctx, cancel := context.WithCancel(t.Context())
	var watch, work sync.WaitGroup
	watch.Go(func() { d.Watch(ctx, func(reader.Event) {}) })
	for i := range 4 {
		work.Go(func() {
			for range 200 {
				d.Put("A", cards[i%2])
				if conn, err := d.Connect(ctx, "A", reader.Sharing(i%2)); err == nil {
					conn.Transmit(ctx, []reader.Command{getVersion})
					conn.Close()
				}
				d.Remove("A")
			}
		})
	}
	work.Wait()
	cancel()
	watch.Wait()
}

func TestTransmitStops(t *testing.T) {
	c := simCard(t, "")
	rs, err := c.Transmit(t.Context(), []reader.Command{getVersion, {APDU: []byte{0x90, 0xAF, 0, 0, 0}, Expect: 0x9100}, getVersion})
	if err != nil || len(rs) != 2 {
		t.Errorf("%d answers, %v: the run goes on after an unexpected status", len(rs), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Exchange(ctx, getVersion.APDU); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context: %v", err)
	}
}
