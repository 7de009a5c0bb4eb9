package terminal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/relay"
	"badgekms/reader/relay/reason"
	"badgekms/reader/relay/relaytest"
	"badgekms/reader/terminal"
)

const door = "Door 1"

var uid = relaytest.Hex("04782E21801D80")

// kms answers every opening by verdict, after one run.
type kms struct {
	badgekmsv1.UnimplementedConversationServiceServer
	verdict func(*badgekmsv1.Open) (*badgekmsv1.Outcome, error)
}

func (k *kms) GetScript(context.Context, *badgekmsv1.GetScriptRequest) (*badgekmsv1.GetScriptResponse, error) {
	return &badgekmsv1.GetScriptResponse{Script: &badgekmsv1.Script{Version: "v1",
		Commands: []*badgekmsv1.Command{{Apdu: []byte{0x90, 0x5A, 0, 0, 0}, ExpectedSw: 0x9100}}}}, nil
}

func (k *kms) Converse(s grpc.BidiStreamingServer[badgekmsv1.ConverseRequest, badgekmsv1.ConverseResponse]) error {
	remote := relay.NewRemote(s, relay.Options{})
	open, err := remote.Open(s.Context())
	if err != nil {
		return err
	}
	_, err = remote.Transmit(s.Context(), []reader.Command{{APDU: []byte{0x90, 0xAF, 0, 0, 0}, Expect: 0x9100}})
	if reader.IsLoss(err) {
		return remote.Conclude(&badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_UNDECIDED, Reason: reason.Of(err)})
	}
	if err != nil {
		return err
	}
	outcome, err := k.verdict(open)
	if err != nil {
		return err
	}
	return remote.Conclude(outcome)
}

func granted(*badgekmsv1.Open) (*badgekmsv1.Outcome, error) {
	return &badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_GRANTED, BadgeId: "B-1", HolderId: "H-1",
		Generation: 1, Conversation: "c-1", RoundTrips: 2, KmsMicroseconds: 1500}, nil
}

// bench is a terminal at a desk, with a KMS behind it.
type bench struct {
	endpoint *relaytest.Endpoint
	desk     *relaytest.Desk
	kms      *kms
	log      lockedBuffer
	taps     chan terminal.Tap
	terminal *terminal.Terminal
}

// lockedBuffer keeps a log and hands out its lines as they come.
type lockedBuffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	lines chan string
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines <- string(p)
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newBench(t *testing.T) *bench {
	b := &bench{kms: &kms{verdict: granted}, desk: relaytest.NewDesk(door, "Door 2"), taps: make(chan terminal.Tap, 16)}
	b.log.lines = make(chan string, 10_000)
	b.endpoint = relaytest.Serve(t, func(s *grpc.Server) { badgekmsv1.RegisterConversationServiceServer(s, b.kms) })
	b.terminal = terminal.New(terminal.Config{
		Readers:    b.desk,
		ReaderName: door,
		Client:     badgekmsv1.NewConversationServiceClient(b.endpoint.Dial(t)),
		OnTap:      func(_ context.Context, tap terminal.Tap) { b.taps <- tap },
		Now:        func() time.Time { return time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC) },
		Log:        slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	return b
}

// run serves taps until the test ends, and then checks that nothing is held.
func (b *bench) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.terminal.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		if n := b.desk.Open(); n != 0 {
			t.Errorf("%d connections were left open", n)
		}
	})
}

func (b *bench) next(t *testing.T) terminal.Tap {
	t.Helper()
	select {
	case tap := <-b.taps:
		return tap
	case <-time.After(10 * time.Second):
		t.Fatalf("no tap; log:\n%s", b.log.String())
		return terminal.Tap{}
	}
}

func TestVerdicts(t *testing.T) {
	refusal, err := status.New(codes.PermissionDenied, "not this terminal").
		WithDetails(&errdetails.ErrorInfo{Domain: "badgekms", Reason: "PERMISSION_DENIED"})
	if err != nil {
		t.Fatal(err)
	}
	lost := func(err error) reader.Card {
		return relaytest.Card(uid, func(_ context.Context, apdu []byte) ([]byte, error) {
			if apdu[1] == 0xAF {
				return nil, err
			}
			return []byte{0x91, 0x00}, nil
		})
	}
	answer := func(o *badgekmsv1.Outcome, err error) func(*badgekmsv1.Open) (*badgekmsv1.Outcome, error) {
		return func(*badgekmsv1.Open) (*badgekmsv1.Outcome, error) { return o, err }
	}
	tests := map[string]struct {
		verdict func(*badgekmsv1.Open) (*badgekmsv1.Outcome, error)
		card    reader.Card
		connect error
		want    string
	}{
		"granted":          {verdict: granted, want: "granted "},
		"denied":           {verdict: answer(&badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_DENIED, Reason: badgekmsv1.Reason_REASON_BADGE_LOST}, nil), want: "denied BADGE_LOST"},
		"custody down":     {verdict: answer(&badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_UNDECIDED, Reason: badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE}, nil), want: "undecided CUSTODY_UNAVAILABLE"},
		"no verdict":       {verdict: answer(&badgekmsv1.Outcome{}, nil), want: "undecided INTERNAL"},
		"future verdict":   {verdict: answer(&badgekmsv1.Outcome{Verdict: 9}, nil), want: "undecided INTERNAL"},
		"call refused":     {verdict: answer(nil, refusal.Err()), want: "undecided PERMISSION_DENIED"},
		"KMS stops":        {verdict: answer(nil, status.Error(codes.Unavailable, "stopping")), want: "undecided KMS_UNREACHABLE"},
		"card removed":     {verdict: granted, card: lost(reader.ErrRemoved), want: "undecided CARD_REMOVED"},
		"reader failed":    {verdict: granted, card: lost(reader.ErrReader), want: "undecided READER_FAILED"},
		"no UID":           {verdict: granted, card: relaytest.Card(nil, nil), want: "undecided READER_FAILED"},
		"reader busy":      {verdict: granted, connect: reader.ErrBusy, want: "undecided READER_BUSY"},
		"gone at once":     {verdict: granted, connect: reader.ErrNoCard, want: "undecided CARD_REMOVED"},
		"PC/SC went away":  {verdict: granted, connect: reader.ErrUnavailable, want: "undecided PCSC_UNAVAILABLE"},
		"reader went away": {verdict: granted, connect: reader.ErrNoReader, want: "undecided READER_MISSING"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.kms.verdict = test.verdict
			b.desk.SetConnectError(test.connect)
			card := test.card
			if card == nil {
				card = relaytest.Card(uid, nil)
			}
			b.desk.Put(door, card)
			tap, err := b.terminal.Once(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := reason.VerdictName(tap.Verdict) + " " + reason.Name(tap.Reason); got != test.want {
				t.Errorf("%s (%v), want %s", got, tap.Err, test.want)
			}
			if b.desk.Open() != 0 {
				t.Error("the card is still connected")
			}
			if strings.Contains(strings.ToUpper(b.log.String()), "04782E21801D80") {
				t.Errorf("the log holds a full UID:\n%s", b.log.String())
			}
		})
	}
}

func TestOpening(t *testing.T) {
	b := newBench(t)
	var got *badgekmsv1.Open
	b.kms.verdict = func(o *badgekmsv1.Open) (*badgekmsv1.Outcome, error) { got = o; return granted(o) }
	b.desk.Put(door, relaytest.Card(uid, nil))
	tap, err := b.terminal.Once(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.GetUid(), uid) || got.GetReader() != door || len(got.GetAtr()) == 0 || got.GetScriptVersion() != "v1" ||
		got.GetProcedure() != badgekmsv1.Procedure_PROCEDURE_AUTHENTICATE || len(got.GetRequestId()) != 36 {
		t.Errorf("opening: %v", got)
	}
	if diff := cmp.Diff([]reader.Sharing{reader.Shared}, b.desk.Opened()); diff != "" {
		t.Errorf("sharing (-want +got):\n%s", diff)
	}
	if tm := tap.Timings; tm.Script <= 0 || tm.Card <= 0 || tm.Server != 1500*time.Microsecond || tm.Total < tm.Script+tm.Card {
		t.Errorf("timings %+v", tm)
	}
}

func TestDebounce(t *testing.T) {
	b := newBench(t)
	b.run(t)
	b.desk.Put(door, relaytest.Card(uid, nil))
	b.next(t)
	b.desk.Put("Door 2", relaytest.Card(uid, nil))
	b.desk.Take(door)
	b.desk.Put(door, relaytest.Card(uid, nil))
	b.next(t)
	if len(b.taps) != 0 {
		t.Errorf("more taps than presentations: %+v", <-b.taps)
	}
}

// TestLeftLyingAcrossARestart: PC/SC comes back with the card that was served.
func TestLeftLyingAcrossARestart(t *testing.T) {
	b := newBench(t)
	b.run(t)
	b.desk.Put(door, relaytest.Card(uid, nil))
	b.next(t)
	b.desk.Detach(door)
	b.desk.Attach(door)
	b.desk.Put(door, relaytest.Card(uid, nil))
	for line := ""; !strings.Contains(line, "still lies"); {
		select {
		case line = <-b.log.lines:
		case tap := <-b.taps:
			t.Fatalf("tapped again: %+v", tap)
		case <-time.After(10 * time.Second):
			t.Fatalf("never seen; log:\n%s", b.log.String())
		}
	}
	if len(b.taps) != 0 {
		t.Error("a card left lying was tapped again")
	}
}

// TestKMSRestart: while the KMS is away taps are undecided, and when it is
// back they are granted, without a restart of the terminal.
func TestKMSRestart(t *testing.T) {
	b := newBench(t)
	b.run(t)
	tapOnce := func() terminal.Tap {
		b.desk.Put(door, relaytest.Card(uid, nil))
		defer b.desk.Take(door)
		return b.next(t)
	}
	if tap := tapOnce(); tap.Verdict != badgekmsv1.Verdict_VERDICT_GRANTED {
		t.Fatalf("before: %+v", tap)
	}
	b.endpoint.Stop()
	tap := tapOnce()
	if tap.Verdict != badgekmsv1.Verdict_VERDICT_UNDECIDED || tap.Reason != badgekmsv1.Reason_REASON_KMS_UNREACHABLE {
		t.Errorf("while away: %+v", tap)
	}
	b.endpoint.Start()
	deadline := time.Now().Add(10 * time.Second)
	for tapOnce().Verdict != badgekmsv1.Verdict_VERDICT_GRANTED {
		if time.Now().After(deadline) {
			t.Fatal("the terminal never came back")
		}
	}
}

// TestSlowKMS: a KMS that hangs is unreachable when the limit is over.
func TestSlowKMS(t *testing.T) {
	b := newBench(t)
	hang := make(chan struct{})
	defer close(hang)
	b.kms.verdict = func(o *badgekmsv1.Open) (*badgekmsv1.Outcome, error) { <-hang; return granted(o) }
	slow := terminal.New(terminal.Config{Readers: b.desk, ReaderName: door, Limit: 100 * time.Millisecond,
		Client: badgekmsv1.NewConversationServiceClient(b.endpoint.Dial(t))})
	b.desk.Put(door, relaytest.Card(uid, nil))
	tap, err := slow.Once(t.Context())
	if err != nil || tap.Verdict != badgekmsv1.Verdict_VERDICT_UNDECIDED || tap.Reason != badgekmsv1.Reason_REASON_CONVERSATION_TIMEOUT {
		t.Errorf("%+v, %v", tap, err)
	}
}

func TestTapJSON(t *testing.T) {
	b := newBench(t)
	b.desk.Put(door, relaytest.Card(uid, nil))
	tap, err := b.terminal.Once(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tap.Timings = relay.Timings{Script: 1000, Card: 2000, Server: 3000, Total: 4000}
	raw, err := json.Marshal(tap)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"time":"2026-03-01T08:00:00Z","reader":"Door 1","verdict":"granted","badge":"B-1","holder":"H-1",` +
		`"generation":1,"conversation":"c-1","round_trips":2,"timings_us":{"script":1,"card":2,"kms":3,"total":4}}`
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}
