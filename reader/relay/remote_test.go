package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
)

// pair is an in-memory stream: the test plays the caller.
type pair struct {
	toCaller   chan *badgekmsv1.ConverseResponse
	fromCaller chan *badgekmsv1.ConverseRequest
	broken     chan error
}

func newPair(t *testing.T) *pair {
	p := &pair{
		toCaller:   make(chan *badgekmsv1.ConverseResponse, 64),
		fromCaller: make(chan *badgekmsv1.ConverseRequest, 64),
		broken:     make(chan error, 1),
	}
	t.Cleanup(func() { p.breakWith(io.EOF) })
	return p
}

func (p *pair) breakWith(err error) {
	select {
	case p.broken <- err:
	default:
	}
}

func (p *pair) Send(m *badgekmsv1.ConverseResponse) error {
	p.toCaller <- m
	return nil
}

func (p *pair) Recv() (*badgekmsv1.ConverseRequest, error) {
	select {
	case m := <-p.fromCaller:
		return m, nil
	default:
	}
	select {
	case m := <-p.fromCaller:
		return m, nil
	case err := <-p.broken:
		return nil, err
	}
}

func (p *pair) open(o *badgekmsv1.Open) {
	p.fromCaller <- &badgekmsv1.ConverseRequest{Message: &badgekmsv1.ConverseRequest_Open{Open: o}}
}

func (p *pair) results(r *badgekmsv1.Results) {
	p.fromCaller <- &badgekmsv1.ConverseRequest{Message: &badgekmsv1.ConverseRequest_Results{Results: r}}
}

func (p *pair) close(r badgekmsv1.Reason) {
	p.fromCaller <- &badgekmsv1.ConverseRequest{Message: &badgekmsv1.ConverseRequest_Close{Close: &badgekmsv1.Close{Reason: r}}}
}

// answerNext answers the next Run by what reply makes of it.
func (p *pair) answerNext(reply func(*badgekmsv1.Run)) {
	go func() { reply((<-p.toCaller).GetRun()) }()
}

var (
	ok     = []byte{0x91, 0x00}
	failed = []byte{0x91, 0xAE}
	two    = []reader.Command{
		{APDU: []byte{0x90, 0x5A, 0, 0, 0}, Expect: 0x9100},
		{APDU: []byte{0x90, 0xC4, 0, 0, 0}, Expect: 0x9100},
	}
)

func TestRemoteTransmit(t *testing.T) {
	const (
		done    = badgekmsv1.Stop_STOP_DONE
		status  = badgekmsv1.Stop_STOP_STATUS
		removed = badgekmsv1.Stop_STOP_REMOVED
		broke   = badgekmsv1.Stop_STOP_READER
	)
	tests := []struct {
		name      string
		responses [][]byte
		stop      badgekmsv1.Stop
		want      []reader.SW
		err       error
	}{
		{"all done", [][]byte{ok, ok}, done, []reader.SW{0x9100, 0x9100}, nil},
		{"stopped by a status", [][]byte{failed}, status, []reader.SW{0x91AE}, nil},
		{"last status unexpected", [][]byte{ok, failed}, status, []reader.SW{0x9100, 0x91AE}, nil},
		{"a relay that went on after the unexpected status", [][]byte{failed, ok}, done, []reader.SW{0x91AE}, nil},
		{"card removed", [][]byte{ok}, removed, []reader.SW{0x9100}, reader.ErrRemoved},
		{"card removed at once", nil, removed, []reader.SW{}, reader.ErrRemoved},
		{"reader failed", nil, broke, []reader.SW{}, reader.ErrReader},
		{"more responses than commands", [][]byte{ok, ok, ok}, done, nil, ErrProtocol},
		{"done, with a response missing", [][]byte{ok}, done, []reader.SW{0x9100}, ErrProtocol},
		{"status, with none unexpected", [][]byte{ok}, status, []reader.SW{0x9100}, ErrProtocol},
		{"no stop", [][]byte{ok, ok}, badgekmsv1.Stop_STOP_UNSPECIFIED, []reader.SW{0x9100, 0x9100}, ErrProtocol},
		{"a stop of the future", [][]byte{ok, ok}, 99, []reader.SW{0x9100, 0x9100}, ErrProtocol},
		{"half a status word", [][]byte{ok, {0x91}}, done, nil, ErrProtocol},
		{"too many bytes", [][]byte{make([]byte, MaxBytes), ok}, done, nil, ErrProtocol},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPair(t)
			r := NewRemote(p, Options{})
			p.answerNext(func(run *badgekmsv1.Run) {
				p.results(&badgekmsv1.Results{Seq: run.GetSeq(), Responses: test.responses, Stop: test.stop})
			})
			got, err := r.Transmit(t.Context(), two)
			if !errors.Is(err, test.err) {
				t.Fatalf("Transmit: %v, want %v", err, test.err)
			}
			if diff := cmp.Diff(test.want, words(got)); diff != "" {
				t.Errorf("status words (-want +got):\n%s", diff)
			}
			_, again := r.Transmit(t.Context(), two[:0])
			if !errors.Is(again, test.err) {
				t.Errorf("the failed conversation went on: %v", again)
			}
		})
	}
}

func words(responses []reader.Response) []reader.SW {
	if responses == nil {
		return nil
	}
	sw := make([]reader.SW, len(responses))
	for i, r := range responses {
		sw[i] = r.SW
	}
	return sw
}

func TestRemoteHostileCaller(t *testing.T) {
	done := func(seq uint32) *badgekmsv1.Results {
		return &badgekmsv1.Results{Seq: seq, Responses: [][]byte{ok, ok}, Stop: badgekmsv1.Stop_STOP_DONE}
	}
	tests := []struct {
		name   string
		reply  func(*pair, *badgekmsv1.Run)
		err    error
		reason badgekmsv1.Reason
	}{
		{"another run's results", func(p *pair, run *badgekmsv1.Run) { p.results(done(run.GetSeq() + 1)) },
			ErrProtocol, badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER},
		{"a second Open", func(p *pair, _ *badgekmsv1.Run) { p.open(&badgekmsv1.Open{RelayVersion: 1}) },
			ErrProtocol, badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER},
		{"an empty message", func(p *pair, _ *badgekmsv1.Run) { p.fromCaller <- &badgekmsv1.ConverseRequest{} },
			ErrProtocol, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		{"no results in the message", func(p *pair, _ *badgekmsv1.Run) { p.results(nil) },
			ErrProtocol, badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER},
		{"closed", func(p *pair, _ *badgekmsv1.Run) { p.close(0) }, ErrClosed, 0},
		{"closed for the card", func(p *pair, _ *badgekmsv1.Run) { p.close(badgekmsv1.Reason_REASON_CARD_REMOVED) }, reader.ErrRemoved, 0},
		{"closed for the reader", func(p *pair, _ *badgekmsv1.Run) { p.close(badgekmsv1.Reason_REASON_READER_FAILED) }, reader.ErrReader, 0},
		{"half-closed", func(p *pair, _ *badgekmsv1.Run) { p.breakWith(io.EOF) }, ErrClosed, 0},
		{"broken", func(p *pair, _ *badgekmsv1.Run) { p.breakWith(errors.New("reset")) }, ErrDisconnected, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPair(t)
			r := NewRemote(p, Options{})
			p.open(&badgekmsv1.Open{RelayVersion: 1})
			if _, err := r.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.answerNext(func(run *badgekmsv1.Run) { test.reply(p, run) })
			got, err := r.Transmit(t.Context(), two)
			if !errors.Is(err, test.err) || got != nil {
				t.Fatalf("Transmit: %v, %v, want %v", got, err, test.err)
			}
			var broken *ProtocolError
			if errors.As(err, &broken) && broken.Reason != test.reason {
				t.Errorf("reason %v, want %v", broken.Reason, test.reason)
			}
			if _, again := r.Transmit(t.Context(), two); !errors.Is(again, test.err) {
				t.Errorf("the failed conversation went on: %v", again)
			}
		})
	}
}

// TestRemoteUnaskedResults: results sent before a run, or twice for one, end
// the conversation instead of being taken for the next run's.
func TestRemoteUnaskedResults(t *testing.T) {
	good := func(seq uint32) *badgekmsv1.Results {
		return &badgekmsv1.Results{Seq: seq, Responses: [][]byte{ok, ok}, Stop: badgekmsv1.Stop_STOP_DONE}
	}
	t.Run("before", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			defer p.breakWith(io.EOF)
			r := NewRemote(p, Options{})
			p.results(good(1))
			synctest.Wait()
			if _, err := r.Transmit(t.Context(), two); !errors.Is(err, ErrProtocol) {
				t.Errorf("Transmit: %v, want ErrProtocol", err)
			}
		})
	})
	t.Run("twice", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t)
			defer p.breakWith(io.EOF)
			r := NewRemote(p, Options{})
			p.answerNext(func(run *badgekmsv1.Run) { p.results(good(1)); p.results(good(2)) })
			if _, err := r.Transmit(t.Context(), two); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if _, err := r.Transmit(t.Context(), two); !errors.Is(err, ErrProtocol) {
				t.Errorf("Transmit: %v, want ErrProtocol", err)
			}
		})
	})
}

func TestRemoteSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.breakWith(io.EOF)
		r := NewRemote(p, Options{})
		start := time.Now()
		_, err := r.Transmit(t.Context(), two)
		if !errors.Is(err, ErrSilent) || time.Since(start) != Silence {
			t.Errorf("Transmit: %v after %v, want ErrSilent after %v", err, time.Since(start), Silence)
		}
		p.results(&badgekmsv1.Results{Seq: 1, Responses: [][]byte{ok, ok}, Stop: badgekmsv1.Stop_STOP_DONE})
		synctest.Wait()
		if _, err := r.Transmit(t.Context(), two); !errors.Is(err, ErrSilent) {
			t.Errorf("late results revived the conversation: %v", err)
		}
		if _, err := NewRemote(newPair(t), Options{Silence: time.Minute}).Open(t.Context()); !errors.Is(err, ErrSilent) {
			t.Errorf("Open: %v, want ErrSilent", err)
		}
	})
}

func TestRemoteContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		defer p.breakWith(io.EOF)
		r := NewRemote(p, Options{Silence: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Transmit(ctx, two); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Transmit: %v, want DeadlineExceeded", err)
		}
	})
}

// TestRemoteTime: synctest's bubble also fails if the receiving goroutine
// outlives its stream.
func TestRemoteTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t)
		r := NewRemote(p, Options{})
		for _, claimed := range []uint64{30_000, 999_999_999_999} {
			p.answerNext(func(run *badgekmsv1.Run) {
				time.Sleep(100 * time.Millisecond)
				p.results(&badgekmsv1.Results{Seq: run.GetSeq(), Responses: [][]byte{ok, ok},
					Stop: badgekmsv1.Stop_STOP_DONE, Microseconds: claimed})
			})
			if _, err := r.Transmit(t.Context(), two); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := r.RoundTrips(), 3; got != want {
			t.Errorf("RoundTrips %d, want %d", got, want)
		}
		if got, want := r.Waited(), 200*time.Millisecond; got != want {
			t.Errorf("Waited %v, want %v", got, want)
		}
		if got, want := r.CardTime(), 130*time.Millisecond; got != want {
			t.Errorf("CardTime %v, want %v (a claim is believed up to the whole)", got, want)
		}
		p.breakWith(io.EOF)
		synctest.Wait()
	})
}

func TestRemoteRefusesRunsBeyondTheLimits(t *testing.T) {
	long := make([]reader.Command, MaxCommands+1)
	for i := range long {
		long[i] = two[0]
	}
	for name, run := range map[string][]reader.Command{
		"commands": long,
		"bytes":    {{APDU: make([]byte, MaxBytes+1)}},
		"header":   {{APDU: []byte{0x90, 0x5A}}},
	} {
		p := newPair(t)
		r := NewRemote(p, Options{})
		if _, err := r.Transmit(t.Context(), run); err == nil || !strings.Contains(err.Error(), "internal error") {
			t.Errorf("%s: %v, want an error of the program", name, err)
		}
		if len(p.toCaller) != 0 || r.RoundTrips() != 1 {
			t.Errorf("%s: the run was sent", name)
		}
	}
}

func TestRemoteOpen(t *testing.T) {
	good := &badgekmsv1.Open{RelayVersion: 1, Uid: make([]byte, 7), Atr: make([]byte, 33), ScriptResponses: [][]byte{ok}}
	tests := map[string]struct {
		open  *badgekmsv1.Open
		field string
	}{
		"good":           {good, ""},
		"unknown uid":    {&badgekmsv1.Open{RelayVersion: 1}, ""},
		"version":        {&badgekmsv1.Open{RelayVersion: 2}, "relay_version"},
		"missing":        {nil, "relay_version"},
		"uid":            {&badgekmsv1.Open{RelayVersion: 1, Uid: make([]byte, 5)}, "uid"},
		"atr":            {&badgekmsv1.Open{RelayVersion: 1, Atr: make([]byte, 34)}, "atr"},
		"reader":         {&badgekmsv1.Open{RelayVersion: 1, Reader: strings.Repeat("x", 256)}, "reader"},
		"holder":         {&badgekmsv1.Open{RelayVersion: 1, Provision: &badgekmsv1.ProvisionParameters{HolderId: strings.Repeat("x", 256)}}, "holder_id"},
		"short response": {&badgekmsv1.Open{RelayVersion: 1, ScriptResponses: [][]byte{{1}}}, "script_responses"},
		"responses":      {&badgekmsv1.Open{RelayVersion: 1, ScriptResponses: make([][]byte, 33)}, "script_responses"},
		"bytes":          {&badgekmsv1.Open{RelayVersion: 1, ScriptResponses: [][]byte{make([]byte, MaxBytes+1)}}, "script_responses"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.open(test.open)
			_, err := NewRemote(p, Options{}).Open(t.Context())
			if test.field == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), test.field) {
				t.Errorf("%v, want a ProtocolError that names %s", err, test.field)
			}
		})
	}
}

// TestRemoteLogsNoBody sends a key in a command and in a response.
func TestRemoteLogsNoBody(t *testing.T) {
	secret := bytes.Repeat([]byte{0xA5}, 16)
	var log bytes.Buffer
	p := newPair(t)
	r := NewRemote(p, Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	p.answerNext(func(run *badgekmsv1.Run) {
		p.results(&badgekmsv1.Results{Seq: 1, Responses: [][]byte{append(bytes.Clone(secret), ok...)}, Stop: badgekmsv1.Stop_STOP_DONE})
	})
	run := []reader.Command{{APDU: append([]byte{0x90, 0xC4, 0, 0, 16}, secret...), Expect: 0x9100}}
	if _, err := r.Transmit(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	out := strings.ToLower(log.String())
	if !strings.Contains(out, "ins=c4") || !strings.Contains(out, "sw=9100") {
		t.Errorf("INS and status word are missing: %s", out)
	}
	for _, leak := range []string{"a5a5", fmt.Sprint(secret)[1:8], string(secret[:2]), "pav"} {
		if strings.Contains(out, leak) {
			t.Errorf("the log holds a body (%q): %s", leak, out)
		}
	}
}
