//go:build linux && cgo

package pcsc

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"

	"badgekms/reader"
	"badgekms/test/pcscd"

	"github.com/google/go-cmp/cmp"
)

// TestPCSCD runs the real client library against a real pcscd.
func TestPCSCD(t *testing.T) {
	g := startRig(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, rig)
	}{
		{"list", testList},
		{"insert, exchange, remove", testExchange},
		{"swap while the handler is busy", testSwap},
		{"exclusive", testExclusive},
		{"reset by another program", testResetByOther},
		{"card yanked in mid-command", testYank},
		{"malformed answer", testMalformed},
		{"nothing to connect to", testNothing},
		{"two watches", testTwoWatches},
		{"two contexts at one reader", testNames},
		{"restart", testRestart},
		{"no descriptor is leaked", testDescriptors},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, g) })
	}
}

var (
	echo      = reader.Command{APDU: []byte{0x90, 0x60, 0, 0, 2, 0xCA, 0xFE, 0}, Expect: 0x9100}
	longEcho  = reader.Command{APDU: append([]byte{0x90, 0x3D, 0, 0, 255}, make([]byte, 256)...), Expect: 0x9100}
	yank      = reader.Command{APDU: []byte{0x90, insYank, 0, 0, 0}, Expect: 0x9100}
	malformed = reader.Command{APDU: []byte{0x90, insShort, 0, 0, 0}, Expect: 0x9100}

	uid4 = []byte{0x08, 1, 2, 3}
	uid7 = []byte{4, 1, 2, 3, 4, 5, 6}
)

func testList(t *testing.T, g rig) {
	got, err := g.readers.List(t.Context())
	if diff := cmp.Diff(g.names, got); err != nil || diff != "" {
		t.Errorf("%v; readers (-want +got):\n%s", err, diff)
	}
}

func testExchange(t *testing.T, g rig) {
	w := g.watchEmpty(t)
	for slot, uid := range [][]byte{uid7, uid4} {
		card := g.lay(t, slot, uid)
		w.next(inserted(g.names[slot]))
		c := g.connect(t, slot, reader.Shared)
		if diff := cmp.Diff(testATR, c.ATR()); diff != "" {
			t.Errorf("ATR (-want +got):\n%s", diff)
		}
		got, err := reader.UID(t.Context(), c)
		if err != nil || !slices.Equal(got, uid) {
			t.Errorf("UID % X, %v; want % X", got, err, uid)
		}
		answers, err := c.Transmit(t.Context(), []reader.Command{echo, longEcho})
		want := []reader.Response{{Data: echo.APDU, SW: 0x9100}, {Data: longEcho.APDU, SW: 0x9100}}
		if diff := cmp.Diff(want, answers); err != nil || diff != "" {
			t.Errorf("%v; echo (-want +got):\n%s", err, diff)
		}
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		card.remove() // and no event for the reset by Close comes before this:
		w.next(removed(g.names[slot]))
		if card.seenResets() != 1 {
			t.Errorf("Close reset the card %d times", card.seenResets())
		}
	}
}

// testSwap: while the handler is held up, one card goes and the next comes.
// pcscd itself must notice both, which a second watch tells.
func testSwap(t *testing.T, g rig) {
	look := g.watchEmpty(t)
	held, release := make(chan struct{}), make(chan struct{})
	first := true
	w := g.watch(t, func(e reader.Event) {
		if e.Kind == reader.CardInserted && first {
			first = false
			close(held)
			<-release
		}
	})
	card := g.lay(t, 0, uid7)
	<-held
	look.next(inserted(g.names[0]))
	card.remove()
	look.next(removed(g.names[0]))
	g.lay(t, 0, uid4)
	look.next(inserted(g.names[0]))
	close(release)
	w.next(attached(g.names[0]), attached(g.names[1]),
		inserted(g.names[0]), removed(g.names[0]), inserted(g.names[0]))
}

func testExclusive(t *testing.T, g rig) {
	g.lay(t, 0, uid7)
	c := g.connect(t, 0, reader.Exclusive)
	for _, sharing := range []reader.Sharing{reader.Shared, reader.Exclusive} {
		ctx, cancel := context.WithTimeout(t.Context(), 3*busyPause)
		if _, err := g.readers.Connect(ctx, g.names[0], sharing); !errors.Is(err, reader.ErrBusy) {
			t.Errorf("sharing %d beside an exclusive connection: %v, want reader.ErrBusy", sharing, err)
		}
		cancel()
	}
	if _, err := c.Transmit(t.Context(), []reader.Command{echo}); err != nil {
		t.Errorf("the exclusive connection does not work: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		shared := g.connect(t, 0, reader.Shared)
		if _, err := shared.Transmit(t.Context(), []reader.Command{echo}); err != nil {
			t.Errorf("two that share: %v", err)
		}
	}
}

func testResetByOther(t *testing.T, g rig) {
	g.lay(t, 0, uid7)
	mine, other := g.connect(t, 0, reader.Shared), g.connect(t, 0, reader.Shared)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := mine.Transmit(t.Context(), []reader.Command{echo}); !errors.Is(err, reader.ErrRemoved) {
		t.Errorf("after a reset: %v, want reader.ErrRemoved", err)
	}
	if err := mine.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	// Nothing of the two is left in pcscd, or this would be refused.
	g.connect(t, 0, reader.Exclusive)
}

// testYank: the card leaves in mid-command and is back before pcscd, which
// polls, can have seen it go. It must be usable again (see farewell).
func testYank(t *testing.T, g rig) {
	for _, sharing := range []reader.Sharing{reader.Shared, reader.Exclusive} {
		g.lay(t, 0, uid7)
		c := g.connect(t, 0, sharing)
		got, err := c.Transmit(t.Context(), []reader.Command{echo, yank, echo})
		if !errors.Is(err, reader.ErrRemoved) || len(got) != 1 {
			t.Errorf("%d responses, %v; want one and reader.ErrRemoved", len(got), err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		card := g.lay(t, 0, uid4)
		eventually(t, func() error {
			c := g.connect(t, 0, sharing)
			defer c.Close()
			_, err := reader.UID(t.Context(), c)
			return err
		})
		card.remove()
		g.emptied(t, 0)
	}
}

func testMalformed(t *testing.T, g rig) {
	g.lay(t, 0, uid7)
	c := g.connect(t, 0, reader.Shared)
	_, err := c.Transmit(t.Context(), []reader.Command{malformed})
	if !errors.Is(err, reader.ErrMalformed) || reader.IsLoss(err) {
		t.Errorf("got %v, want reader.ErrMalformed", err)
	}
	if _, err := c.Transmit(t.Context(), []reader.Command{echo}); err != nil {
		t.Errorf("the connection does not survive: %v", err)
	}
}

func testNothing(t *testing.T, g rig) {
	if _, err := g.readers.Connect(t.Context(), g.names[0], reader.Shared); !errors.Is(err, reader.ErrNoCard) {
		t.Errorf("an empty reader: %v, want reader.ErrNoCard", err)
	}
	if _, err := g.readers.Connect(t.Context(), "Nobody's reader", reader.Shared); !errors.Is(err, reader.ErrNoReader) {
		t.Errorf("got %v, want reader.ErrNoReader", err)
	}
}

func testTwoWatches(t *testing.T, g rig) {
	watches := []*realWatch{g.watchEmpty(t), g.watchEmpty(t)}
	for range 3 {
		card := g.lay(t, 0, uid7)
		for _, w := range watches {
			w.next(inserted(g.names[0]))
		}
		card.remove()
		for _, w := range watches {
			w.next(removed(g.names[0]))
		}
	}
}

// testNames: while one context waits at a reader, another asks for the same
// reader, and the memory of the names that scard no longer holds is used for
// something else. A card elsewhere makes the waiting one compare names: it
// must still know its own (see terminator).
func testNames(t *testing.T, g rig) {
	waiting, asking := g.context(t), g.context(t)
	states, err := snapshot(waiting, g.names[:1])
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- waiting.statusChange(states, patience) }()
	var garbage [][]byte
	for range 50 {
		if _, err := snapshot(asking, g.names[:1]); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		for range 1000 {
			garbage = append(garbage, bytes.Repeat([]byte{'x'}, len(g.names[0])+1))
		}
	}
	g.lay(t, 1, uid7)
	g.connect(t, 1, reader.Shared)
	_ = waiting.cancel()
	if err := <-ended; !isCode(err, codeCancelled) && !isCode(err, codeTimeout) {
		t.Errorf("the wait ended with %v and %+v", err, states)
	}
	runtime.KeepAlive(garbage)
}

func testRestart(t *testing.T, g rig) {
	names := g.names
	w := g.watchEmpty(t)
	g.lay(t, 0, uid7)
	w.next(inserted(names[0]))
	c := g.connect(t, 0, reader.Exclusive)

	g.Kill()
	w.next(removed(names[0]), detached(names[0]), detached(names[1]))
	if _, err := c.Transmit(t.Context(), []reader.Command{echo}); !errors.Is(err, reader.ErrUnavailable) {
		t.Errorf("transmit without a service: %v, want reader.ErrUnavailable", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if _, err := g.readers.Connect(t.Context(), names[0], reader.Shared); !errors.Is(err, reader.ErrUnavailable) {
		t.Errorf("connect without a service: %v, want reader.ErrUnavailable", err)
	}
	if _, err := g.readers.List(t.Context()); !errors.Is(err, reader.ErrUnavailable) {
		t.Errorf("list without a service: %v, want reader.ErrUnavailable", err)
	}

	g.restart(t)
	w.next(attached(names[0]), attached(names[1]))
	g.lay(t, 1, uid4)
	w.next(inserted(names[1]))
	if got, err := reader.UID(t.Context(), g.connect(t, 1, reader.Shared)); err != nil || !slices.Equal(got, uid4) {
		t.Errorf("UID % X, %v", got, err)
	}

	g.restart(t) // an orderly stop this time
	w.nextByReader(removed(names[1]), detached(names[0]), detached(names[1]), attached(names[0]), attached(names[1]))
}

// testDescriptors: every context of libpcsclite is a socket of this process,
// so a context that is not released shows.
func testDescriptors(t *testing.T, g rig) {
	attempt := func() {
		_, _ = g.readers.List(t.Context())
		_, _ = g.readers.Connect(t.Context(), "Nobody's reader", reader.Shared)
		_, _ = g.readers.Connect(t.Context(), g.names[1], reader.Exclusive)
		card := g.lay(t, 0, uid7)
		c := g.connect(t, 0, reader.Exclusive)
		_, _ = c.Transmit(t.Context(), []reader.Command{echo, yank})
		_ = c.Close()
		card.remove()
		g.emptied(t, 0)
		w := g.watchEmpty(t)
		g.restart(t)
		w.nextByReader(detached(g.names[0]), detached(g.names[1]), attached(g.names[0]), attached(g.names[1]))
		w.stop()
	}
	attempt()
	before := descriptors(t)
	for range 3 {
		attempt()
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestPCSCDFull: with as many readers as pcscd serves there is no room for the
// notification in a wait. It runs in a process of its own, since it needs
// another daemon.
func TestPCSCDFull(t *testing.T) {
	const inChild = "BADGEKMS_TEST_PCSC_CHILD" // holds the last slot's address
	if address := os.Getenv(inChild); address != "" {
		watchFull(t, address)
		return
	}
	d := pcscd.StartT(t, pcscd.Options{Readers: maxStates / pcscd.SlotsPerReader})
	addresses := d.VPCDAddress()
	cmd := exec.Command(os.Args[0], "-test.run=^TestPCSCDFull$", "-test.count=1")
	cmd.Env = append(append(os.Environ(), d.Env()...), inChild+"="+addresses[len(addresses)-1])
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func watchFull(t *testing.T, address string) {
	g := rig{readers: New(Options{})}
	var err error
	if g.names, err = g.readers.List(t.Context()); err != nil || len(g.names) != maxStates {
		t.Fatalf("%d readers, %v; want %d", len(g.names), err, maxStates)
	}
	w := g.watchEmpty(t)
	card, err := dial(address, uid7)
	if err != nil {
		t.Fatal(err)
	}
	w.next(inserted(g.names[maxStates-1]))
	card.remove()
	w.next(removed(g.names[maxStates-1]))
}
