package terminalcli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/grpc"

	"badgekms/cmd/internal/client"
	"badgekms/cmd/internal/terminalcli"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/relay"
	"badgekms/reader/relay/relaytest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"terminal": func() {
			os.Exit(terminalcli.New(client.Options{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Env: os.Getenv}).Run(context.Background()))
		},
		// The hook of TestHook: it copies what it gets to standard output.
		"tap-hook": func() {
			input, _ := io.ReadAll(os.Stdin)
			fmt.Printf("hook %v %s %s", os.Args[1:], os.Getenv("BADGEKMS_VERDICT"), input)
			os.Exit(len(os.Args) - 1)
		},
	})
}

// TestScripts covers what needs no KMS: usage, help, settings.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	testscript.Run(t, testscript.Params{Files: scripts})
}

const door = "Door 1"

// kms answers every opening with its outcome.
type kms struct {
	badgekmsv1.UnimplementedConversationServiceServer
	outcome *badgekmsv1.Outcome
}

func (k *kms) GetScript(context.Context, *badgekmsv1.GetScriptRequest) (*badgekmsv1.GetScriptResponse, error) {
	return &badgekmsv1.GetScriptResponse{Script: &badgekmsv1.Script{Version: "v1"}}, nil
}

func (k *kms) Converse(s grpc.BidiStreamingServer[badgekmsv1.ConverseRequest, badgekmsv1.ConverseResponse]) error {
	remote := relay.NewRemote(s, relay.Options{})
	if _, err := remote.Open(s.Context()); err != nil {
		return err
	}
	return remote.Conclude(k.outcome)
}

// site is the terminal's command line with a desk and a KMS behind it.
type site struct {
	endpoint    *relaytest.Endpoint
	desk        *relaytest.Desk
	kms         *kms
	conn        *grpc.ClientConn
	out, err    bytes.Buffer
	stdout      io.Writer
	openReaders error
}

func newSite(t *testing.T) *site {
	s := &site{desk: relaytest.NewDesk(door), kms: &kms{outcome: &badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_GRANTED,
		BadgeId: "B-1", HolderId: "H-1", Generation: 3, Conversation: "c-1", RoundTrips: 2, KmsMicroseconds: 2500}}}
	s.endpoint = relaytest.Serve(t, func(g *grpc.Server) { badgekmsv1.RegisterConversationServiceServer(g, s.kms) })
	s.conn = s.endpoint.Dial(t)
	s.stdout = &s.out
	return s
}

// keep leaves the test's connection open when the program closes it.
type keep struct{ grpc.ClientConnInterface }

func (keep) Close() error { return nil }

func (s *site) run(ctx context.Context, args ...string) int {
	return terminalcli.New(client.Options{
		Args: args, Stdout: s.stdout, Stderr: &s.err,
		Env: func(k string) string {
			return map[string]string{"BADGEKMS_KMS": "kms:1", "BADGEKMS_CERT": "c", "BADGEKMS_KEY": "k", "BADGEKMS_CA": "a", "LANG": "en_GB"}[k]
		},
		Readers: func(context.Context, *slog.Logger) (reader.Readers, error) { return s.desk, s.openReaders },
		Dial:    func(client.Settings) (client.Connection, error) { return keep{s.conn}, nil },
	}).Run(ctx)
}

func (s *site) put() { s.desk.Put(door, relaytest.Card(relaytest.Hex("04782E21801D80"), nil)) }

func TestOnce(t *testing.T) {
	tests := map[string]struct {
		set  func(*site)
		args []string
		code int
		want string // beginning of the line
		has  []string
		err  string
	}{
		"granted":           {nil, nil, 0, "granted badge=B-1 holder=H-1 generation=3 conversation=c-1 total=", []string{"kms=2.5ms", "Badge recognised."}, "Ready"},
		"granted in French": {nil, []string{"--lang", "fr"}, 0, "granted ", []string{"Badge reconnu."}, "Prêt"},
		"denied": {func(s *site) {
			s.kms.outcome = &badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_DENIED, Reason: badgekmsv1.Reason_REASON_BADGE_LOST, BadgeId: "B-1"}
		}, nil, 3, "denied reason=BADGE_LOST badge=B-1 total=", []string{"declared lost. Keep the badge"}, ""},
		"KMS away":        {func(s *site) { s.endpoint.Stop() }, nil, 4, "undecided reason=KMS_UNREACHABLE total=", []string{"cannot be reached"}, ""},
		"nobody comes":    {func(s *site) { s.desk.Take(door) }, []string{"--wait", "10ms"}, 4, "", nil, "No card was presented"},
		"reader missing":  {func(s *site) { s.desk.Detach(door) }, []string{"--wait", "10ms", "--reader", door}, 4, "", nil, "not attached"},
		"no PC/SC":        {func(s *site) { s.openReaders = reader.ErrUnavailable }, nil, 4, "", nil, "PC/SC"},
		"which reader":    {func(s *site) { s.desk.Attach("Door 2") }, nil, 2, "", nil, "Door 1, Door 2"},
		"hook not found":  {nil, []string{"--hook", "/nonexistent/hook"}, 0, "granted ", nil, "nonexistent"},
		"readers listed":  {nil, []string{"--list-readers"}, 0, door + "\n", nil, ""},
		"readers in JSON": {nil, []string{"--list-readers", "--json"}, 0, `{"v":1,"reader":"Door 1"}`, nil, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.put()
			if test.set != nil {
				test.set(s)
			}
			code := s.run(t.Context(), append([]string{"--once"}, test.args...)...)
			if code != test.code || !strings.HasPrefix(s.out.String(), test.want) || test.want == "" && s.out.Len() != 0 {
				t.Errorf("exit %d, want %d: %s", code, test.code, s.out.String())
			}
			for _, part := range test.has {
				if !strings.Contains(s.out.String(), part) {
					t.Errorf("%q is missing in %s", part, s.out.String())
				}
			}
			if !strings.Contains(s.err.String(), test.err) {
				t.Errorf("standard error: %s, want %q", s.err.String(), test.err)
			}
			if strings.Contains(strings.ToUpper(s.out.String()+s.err.String()), "04782E21801D80") {
				t.Error("a full UID was printed")
			}
		})
	}
}

func TestHook(t *testing.T) {
	s := newSite(t)
	s.put()
	if code := s.run(t.Context(), "--once", "--json", "--hook", "tap-hook", "--hook-arg", "a b", "--hook-arg", "$(c)"); code != 0 {
		t.Errorf("exit %d: the hook's failure changed the verdict", code)
	}
	for _, want := range []string{`hook [a b $(c)] granted {"v":1,`, "hook tap-hook: exit status 2"} {
		if !strings.Contains(s.err.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, s.err.String())
		}
	}
	if strings.Contains(s.out.String(), "hook") {
		t.Errorf("the hook wrote among the results: %s", s.out.String())
	}
}

// lines hands out what is written, line by line.
type lines struct {
	mu   sync.Mutex
	rest string
	ch   chan string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest += string(p)
	for {
		line, rest, found := strings.Cut(l.rest, "\n")
		if !found {
			return len(p), nil
		}
		l.rest = rest
		l.ch <- line
	}
}

// TestRunsOn: taps follow one another, each one line, until the program is
// told to stop; that is no failure.
func TestRunsOn(t *testing.T) {
	s := newSite(t)
	out := &lines{ch: make(chan string, 16)}
	s.stdout = out
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() { done <- s.run(ctx, "--json", "--reader", door) }()
	for range 3 {
		s.put()
		select {
		case line := <-out.ch:
			var tap struct {
				V       int
				Verdict string
			}
			if err := json.Unmarshal([]byte(line), &tap); err != nil || tap.V != 1 || tap.Verdict != "granted" {
				t.Errorf("%s: %v", line, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no tap")
		}
		s.desk.Take(door)
	}
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit %d: %s", code, s.err.String())
	}
}
