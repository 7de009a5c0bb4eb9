package pcsc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"badgekms/reader"

	"github.com/google/go-cmp/cmp"
)

// withCard is a fake whose reader A holds a card.
func withCard() *fakeService {
	f := newFake("A", "B")
	f.insert("A", testATR)
	return f
}

// checkReleased fails if anything of PC/SC is still held.
func checkReleased(t *testing.T, f *fakeService) {
	t.Helper()
	if f.sessions != 0 || f.handles != 0 || f.card.locked != 0 {
		t.Errorf("left open: %d contexts, %d handles, %d transactions", f.sessions, f.handles, f.card.locked)
	}
}

func TestConnect(t *testing.T) {
	for _, sharing := range []reader.Sharing{reader.Shared, reader.Exclusive} {
		f := withCard()
		c, err := newReaders(f, Options{}).Connect(t.Context(), "A", sharing)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(testATR, c.ATR()); diff != "" {
			t.Errorf("ATR (-want +got):\n%s", diff)
		}
		if got, want := f.card.locked == 1, sharing == reader.Exclusive; got != want {
			t.Errorf("sharing %d: transaction %v, want %v", sharing, got, want)
		}
		for range 2 {
			if err := c.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		checkReleased(t, f)
		if f.card.resets != 1 {
			t.Errorf("sharing %d: %d resets, want 1", sharing, f.card.resets)
		}
	}
}

func TestConnectFailures(t *testing.T) {
	none := func(*fakeService) {}
	fail := func(call string, errs ...error) func(*fakeService) {
		return func(f *fakeService) { f.fail[call] = errs }
	}
	cases := []struct {
		name   string
		reader string
		spoil  func(*fakeService)
		want   error
		says   string
	}{
		{"no service", "A", fail("establish", codeNoService), reader.ErrUnavailable, "SCARD_E_NO_SERVICE"},
		{"not allowed", "A", fail("establish", codeSecurityViolation), reader.ErrUnavailable, "polkit"},
		{"built without", "A", func(f *fakeService) { f.down = errNotBuilt }, reader.ErrUnavailable, "built without PC/SC"},
		{"no such reader", "C", none, reader.ErrNoReader, `attached are "A", "B"`},
		{"no reader at all", "C", func(f *fakeService) { f.list = nil }, reader.ErrNoReader, "no reader is attached"},
		{"no card", "B", none, reader.ErrNoCard, "SCARD_E_NO_SMARTCARD"},
		{"mute card", "A", fail("connect", codeUnresponsiveCard), reader.ErrNoCard, "lay it flat"},
		{"removed in the middle", "A", fail("connect", codeRemovedCard), reader.ErrRemoved, "SCARD_W_REMOVED_CARD"},
		{"reader failed", "A", fail("connect", codeReaderUnavailable), reader.ErrReader, "SCARD_E_READER_UNAVAILABLE"},
		{"neither protocol", "A", fail("connect", codeProtoMismatch, codeProtoMismatch), reader.ErrReader, "PROTO_MISMATCH"},
		{"unknown code", "A", fail("connect", code(0x80109999)), reader.ErrReader, "80109999"},
		{"no protocol agreed", "A", func(f *fakeService) { f.card.protocol = 0 }, reader.ErrReader, "protocol"},
		{"ATR", "A", fail("atr", codeResetCard), reader.ErrRemoved, "SCARD_W_RESET_CARD"},
		{"transaction", "A", fail("begin", codeReaderUnavailable), reader.ErrReader, "READER_UNAVAILABLE"},
		{"service stops in the middle", "A", fail("begin", codeServiceStopped), reader.ErrUnavailable, "SERVICE_STOPPED"},
		{"even disconnecting fails", "A", func(f *fakeService) {
			f.fail["begin"] = []error{codeCommError}
			f.fail["disconnect"] = []error{codeCommError}
			f.fail["release"] = []error{codeCommError}
		}, reader.ErrUnavailable, "COMM_ERROR"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := withCard()
			c.spoil(f)
			conn, err := newReaders(f, Options{}).Connect(t.Context(), c.reader, reader.Exclusive)
			if conn != nil || !errors.Is(err, c.want) {
				t.Fatalf("got %v, %v; want %v", conn, err, c.want)
			}
			for _, says := range []string{c.says, fmt.Sprintf("%q", c.reader)} {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q does not say %q", err, says)
				}
			}
			checkReleased(t, f)
			if f.card.resets != 0 {
				t.Error("a card that was never used was reset")
			}
		})
	}
}

func TestConnectFallsBackToT0(t *testing.T) {
	f := withCard()
	f.fail["connect"] = []error{codeProtoMismatch}
	c, err := newReaders(f, Options{}).Connect(t.Context(), "A", reader.Shared)
	if err != nil {
		t.Fatal(err)
	}
	if f.calls["connect"] != 2 {
		t.Errorf("%d calls of SCardConnect, want 2", f.calls["connect"])
	}
	_ = c.Close()
	checkReleased(t, f)
}

func TestConnectWaitsForABusyReader(t *testing.T) {
	busy := slices.Repeat([]error{codeSharingViolation}, 1000)
	cases := []struct {
		name     string
		failures []error
		deadline time.Duration
		want     error
		took     time.Duration
	}{
		{"a probe of an instant", busy[:4], time.Minute, nil, 4 * busyPause},
		{"for good", busy, time.Minute, reader.ErrBusy, busyPatience},
		{"until the deadline", busy, time.Second, context.DeadlineExceeded, time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.deadline)
				defer cancel()
				f := withCard()
				f.fail["connect"] = c.failures
				begun := time.Now()
				conn, err := newReaders(f, Options{}).Connect(ctx, "A", reader.Exclusive)
				if !errors.Is(err, c.want) || errors.Is(err, reader.ErrBusy) != (c.want != nil) {
					t.Fatalf("got %v, want %v", err, c.want)
				}
				if took := time.Since(begun); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
				if conn != nil {
					_ = conn.Close()
				}
				checkReleased(t, f)
			})
		})
	}
}

func TestTransmit(t *testing.T) {
	selectApp := []byte{0x90, 0x5A, 0, 0, 3, 1, 2, 3, 0}
	read := []byte{0x90, 0xAD, 0, 0, 0}
	ok := reader.Response{SW: 0x9100}
	cases := []struct {
		name    string
		answers [][]byte
		fail    []error
		status  error // of the SCardStatus after a failure
		run     [][]byte
		sent    int
		want    []reader.Response
		err     error
	}{
		{name: "a run", answers: [][]byte{{0x91, 0}, {1, 2, 0x91, 0}}, run: [][]byte{selectApp, read}, sent: 2,
			want: []reader.Response{ok, {Data: []byte{1, 2}, SW: 0x9100}}},
		{name: "stops at an unexpected status", answers: [][]byte{{0x91, 0xA0}}, run: [][]byte{selectApp, read}, sent: 1,
			want: []reader.Response{{SW: 0x91A0}}},
		{name: "empty answer", answers: [][]byte{{}}, run: [][]byte{read}, sent: 1, err: reader.ErrRemoved},
		{name: "empty answer is malformed too", answers: [][]byte{{}}, run: [][]byte{read}, sent: 1, err: reader.ErrMalformed},
		{name: "empty answer, reader unplugged", answers: [][]byte{{}}, status: codeReaderUnavailable,
			run: [][]byte{read}, sent: 1, err: reader.ErrReader},
		{name: "answer of one byte", answers: [][]byte{{0x91, 0}, {0x91}}, run: [][]byte{selectApp, read}, sent: 2,
			want: []reader.Response{ok}, err: reader.ErrMalformed},
		{name: "card removed", fail: []error{nil, codeRemovedCard}, answers: [][]byte{{0x91, 0}},
			run: [][]byte{selectApp, read}, sent: 1, want: []reader.Response{ok}, err: reader.ErrRemoved},
		{name: "card reset by another program", fail: []error{codeResetCard}, run: [][]byte{read}, err: reader.ErrRemoved},
		{name: "no card", fail: []error{codeNoSmartcard}, run: [][]byte{read}, err: reader.ErrRemoved},
		{name: "unpowered", fail: []error{codeUnpoweredCard}, run: [][]byte{read}, err: reader.ErrRemoved},
		{name: "reader unplugged", fail: []error{codeReaderUnavailable}, run: [][]byte{read}, err: reader.ErrReader},
		{name: "not transacted, card pulled", fail: []error{codeNotTransacted}, status: codeRemovedCard,
			run: [][]byte{read}, err: reader.ErrRemoved},
		{name: "not transacted, card seems there", fail: []error{codeNotTransacted},
			run: [][]byte{read}, err: reader.ErrRemoved},
		{name: "not transacted, reader unplugged", fail: []error{codeNotTransacted}, status: codeReaderUnavailable,
			run: [][]byte{read}, err: reader.ErrReader},
		{name: "data lost, service stopped", fail: []error{codeCommDataLost}, status: codeServiceStopped,
			run: [][]byte{read}, err: reader.ErrUnavailable},
		{name: "service stopped", fail: []error{codeNoService}, run: [][]byte{read}, err: reader.ErrUnavailable},
		{name: "locked by another program", fail: []error{codeSharingViolation}, run: [][]byte{read}, err: reader.ErrBusy},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := withCard()
			conn, err := newReaders(f, Options{}).Connect(t.Context(), "A", reader.Shared)
			if err != nil {
				t.Fatal(err)
			}
			f.card.answers = c.answers
			f.fail["transmit"] = c.fail
			f.fail["atr"] = []error{c.status}
			var run []reader.Command
			for _, apdu := range c.run {
				run = append(run, reader.Command{APDU: apdu, Expect: 0x9100})
			}
			got, err := conn.Transmit(t.Context(), run)
			if !errors.Is(err, c.err) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if err != nil && !strings.Contains(err.Error(), `reader "A"`) {
				t.Errorf("%q does not name the reader", err)
			}
			if len(got) != len(c.want) || (len(got) > 0 && !cmp.Equal(c.want, got)) {
				t.Errorf("responses (-want +got):\n%s", cmp.Diff(c.want, got))
			}
			if !slices.EqualFunc(f.card.received, c.run[:c.sent], bytes.Equal) {
				t.Errorf("the card received % X", f.card.received)
			}
			if err := conn.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			checkReleased(t, f)
		})
	}
}

// TestTransmitDeadline: a deadline that passes between two commands keeps the
// second one from the card.
func TestTransmitDeadline(t *testing.T) {
	f := withCard()
	conn, err := newReaders(f, Options{}).Connect(t.Context(), "A", reader.Shared)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := conn.Transmit(ctx, []reader.Command{{APDU: []byte{0x90, 0x60, 0, 0, 0}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if len(f.card.received) != 0 {
		t.Error("a command was sent after the context had ended")
	}
}

func TestTransmitRefusesWhatIsNoCommand(t *testing.T) {
	f := withCard()
	conn, err := newReaders(f, Options{}).Connect(t.Context(), "A", reader.Shared)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for n := range minCommand {
		if _, err := conn.Transmit(t.Context(), []reader.Command{{APDU: make([]byte, n)}}); err == nil {
			t.Errorf("%d bytes were accepted", n)
		}
	}
	if len(f.card.received) != 0 {
		t.Errorf("the card received % X", f.card.received)
	}
}

func TestTransmitAfterClose(t *testing.T) {
	conn, err := newReaders(withCard(), Options{}).Connect(t.Context(), "A", reader.Shared)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if _, err := reader.UID(t.Context(), conn); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("error %v, want fs.ErrClosed", err)
	}
}

// TestCloseReleasesEverything: a failing step does not keep the next ones from
// being done, and only a failure that a person can act on is reported.
func TestCloseReleasesEverything(t *testing.T) {
	strange := code(0x80100001) // SCARD_F_INTERNAL_ERROR
	for _, call := range []string{"end", "disconnect", "release"} {
		for _, c := range []struct {
			code   code
			silent bool
		}{{codeRemovedCard, true}, {codeReaderUnavailable, true}, {codeNoService, true}, {codeInvalidHandle, true},
			{codeSharingViolation, false}, {strange, false}} {
			f := withCard()
			conn, err := newReaders(f, Options{}).Connect(t.Context(), "A", reader.Exclusive)
			if err != nil {
				t.Fatal(err)
			}
			f.fail[call] = []error{c.code}
			if err := conn.Close(); (err == nil) != c.silent {
				t.Errorf("%s fails with %v: Close says %v", call, c.code, err)
			}
			if err := conn.Close(); err != nil {
				t.Errorf("second Close: %v", err)
			}
			checkReleased(t, f)
		}
	}
}

// TestCloseResetsOnlyACardThatIsThere: see farewell.
func TestCloseResetsOnlyACardThatIsThere(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(*fakeService)
		want  int
	}{
		{"there", func(*fakeService) {}, 1},
		{"an unexpected status word", func(f *fakeService) { f.card.answers = [][]byte{{0x91, 0xAE}} }, 1},
		{"lost in a command", func(f *fakeService) { f.fail["transmit"] = []error{codeNotTransacted} }, 0},
		{"gone since", func(f *fakeService) { f.fail["atr"] = []error{codeRemovedCard} }, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := withCard()
			conn, err := newReaders(f, Options{}).Connect(t.Context(), "A", reader.Shared)
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(f)
			_, _ = conn.Transmit(t.Context(), []reader.Command{{APDU: []byte{0x90, 0x60, 0, 0, 0}}})
			if err := conn.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if f.card.resets != c.want {
				t.Errorf("%d resets, want %d", f.card.resets, c.want)
			}
			checkReleased(t, f)
		})
	}
}

func TestList(t *testing.T) {
	cases := []struct {
		name     string
		fake     func(*fakeService)
		want     []string
		sentinel error
	}{
		{"two", func(*fakeService) {}, []string{"A", "B"}, nil},
		{"none", func(f *fakeService) { f.list = nil }, nil, nil},
		{"one plugged in meanwhile", func(f *fakeService) {
			f.fail["readers"] = []error{codeInsufficientBuffer}
		}, []string{"A", "B"}, nil},
		{"no service", func(f *fakeService) { f.down = codeNoService }, nil, reader.ErrUnavailable},
		{"service fails", func(f *fakeService) { f.fail["readers"] = []error{codeCommError} }, nil, reader.ErrUnavailable},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFake("A", "B")
			c.fake(f)
			got, err := newReaders(f, Options{}).List(t.Context())
			if !errors.Is(err, c.sentinel) {
				t.Errorf("error %v, want %v", err, c.sentinel)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("readers (-want +got):\n%s", diff)
			}
			checkReleased(t, f)
		})
	}
}

// TestLogHoldsNoBodies: what is logged of an APDU is its INS, lengths and
// status word.
func TestLogHoldsNoBodies(t *testing.T) {
	var log bytes.Buffer
	f := withCard()
	r := newReaders(f, Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	conn, err := r.Connect(t.Context(), "A", reader.Exclusive)
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte("0123456789abcdef")
	f.card.answers = [][]byte{append(slices.Clone(secret), 0x91, 0x00)}
	run := []reader.Command{{APDU: append([]byte{0x90, 0xC4, 0, 0, 16}, secret...), Expect: 0x9100}}
	for range 2 { // the second one fails
		_, _ = conn.Transmit(t.Context(), run)
		f.fail["transmit"] = []error{codeRemovedCard}
	}
	_ = conn.Close()
	for _, want := range []string{"ins=C4", "sent=21", "received=18", "sw=9100", "SCARD_W_REMOVED_CARD", `reader=A`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %s:\n%s", want, &log)
		}
	}
	for _, body := range []string{string(secret), fmt.Sprintf("%x", secret[:4]), fmt.Sprintf("%X", secret[:4]),
		fmt.Sprintf("% x", secret[:4]), fmt.Sprint(secret[:3])[1:8]} {
		if strings.Contains(log.String(), body) {
			t.Errorf("the log holds the body (%q):\n%s", body, &log)
		}
	}
}

// TestCodes: every code has a name and a sentinel of package reader.
func TestCodes(t *testing.T) {
	sentinels := []error{reader.ErrRemoved, reader.ErrReader, reader.ErrNoReader, reader.ErrNoCard,
		reader.ErrBusy, reader.ErrUnavailable}
	for c, m := range meanings {
		if m.name == "" || !slices.Contains(sentinels, m.sentinel) {
			t.Errorf("%08X: %+v", uint32(c), m)
		}
		err := sentinel(fmt.Errorf("wrapped: %w", c))
		if !errors.Is(err, m.sentinel) || !isCode(err, c) || !strings.Contains(err.Error(), m.name) {
			t.Errorf("%08X becomes %v", uint32(c), err)
		}
	}
}

func TestMissingSaysWhatToDo(t *testing.T) {
	for goos, want := range map[string]string{"linux": "libpcsclite-dev", "darwin": "darwin"} {
		if got := missing(goos); !strings.Contains(got, want) {
			t.Errorf("%s: %q does not say %s", goos, got, want)
		}
	}
}
