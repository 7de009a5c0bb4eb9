package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"badgekms/enroll"
	"badgekms/enroll/text"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
)

// program is a program with one flag of each kind, which reports them.
type program struct {
	name    string
	args    []string
	limit   time.Duration
	secret  string
	failure error
	out     bytes.Buffer
	err     bytes.Buffer
	p       *Program
}

func newProgram(args []string, env map[string]string) *program {
	x := &program{}
	x.p = New(Options{Args: args, Stdout: &x.out, Stderr: &x.err, Env: func(k string) string { return env[k] }},
		func(text.Language) *cobra.Command { return &cobra.Command{Use: "program"} })
	run := &cobra.Command{Use: "run"}
	x.p.Leaf(run, func(context.Context) error { return x.failure })
	f := run.Flags()
	f.StringVar(&x.name, "name", "", "")
	f.StringArrayVar(&x.args, "arg", nil, "")
	f.DurationVar(&x.limit, "limit", time.Second, "")
	f.StringVar(&x.secret, "secret", "", "")
	Configurable(f, "name", "arg", "limit")
	other := x.p.Leaf(&cobra.Command{Use: "other"}, func(context.Context) error { return nil })
	other.Flags().String("colour", "", "")
	Configurable(other.Flags(), "colour")
	x.p.Group(x.p.Root, run, other)
	return x
}

func TestSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "program.yaml")
	content := "name: from-file\narg: [a, b]\nlimit: 3s\ncolour: of another command\nkms: file.example:1\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	type values struct {
		Name, KMS, Secret string
		Args              []string
		Limit             time.Duration
	}
	tests := map[string]struct {
		args []string
		env  map[string]string
		want values
	}{
		"defaults": {nil, nil, values{Limit: time.Second}},
		"file":     {[]string{"--config", file}, nil, values{"from-file", "file.example:1", "", []string{"a", "b"}, 3 * time.Second}},
		"environment over file": {[]string{"--config", file}, map[string]string{"BADGEKMS_NAME": "from-env", "BADGEKMS_LIMIT": "2s"},
			values{"from-env", "file.example:1", "", []string{"a", "b"}, 2 * time.Second}},
		"flag over both": {[]string{"--config", file, "--name", "from-flag", "--arg", "c"}, map[string]string{"BADGEKMS_NAME": "from-env"},
			values{"from-flag", "file.example:1", "", []string{"c"}, 3 * time.Second}},
		"file named by the environment": {nil, map[string]string{"BADGEKMS_CONFIG": file}, values{"from-file", "file.example:1", "", []string{"a", "b"}, 3 * time.Second}},
		"not configurable":              {nil, map[string]string{"BADGEKMS_SECRET": "x"}, values{Limit: time.Second}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			x := newProgram(append([]string{"run"}, test.args...), test.env)
			if code := x.p.Run(t.Context()); code != ExitDone {
				t.Fatalf("exit %d: %s", code, x.err.String())
			}
			got := values{x.name, x.p.Settings.KMS, x.secret, x.args, x.limit}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSettingsRefused(t *testing.T) {
	tests := map[string]struct {
		file string
		env  map[string]string
		args []string
		says string
	}{
		"unknown key":        {file: "nmae: x\n", says: `unknown key "nmae"; known are arg`},
		"not configurable":   {file: "secret: x\n", says: `unknown key "secret"`},
		"twice":              {file: "name: x\nname: y\n", says: "already defined"},
		"a list for a word":  {file: "name: [x]\n", says: "not a plain value"},
		"a wrong duration":   {file: "limit: soon\n", says: "line 1: limit"},
		"not a map":          {file: "- name\n", says: "--config"},
		"wrong environment":  {env: map[string]string{"BADGEKMS_LIMIT": "soon"}, says: "BADGEKMS_LIMIT"},
		"wrong language":     {args: []string{"--lang", "de"}, says: "choose fr or en"},
		"missing file":       {args: []string{"--config", "/nonexistent.yaml"}, says: "nonexistent"},
		"unknown flag":       {args: []string{"--frob"}, says: "--frob"},
		"unexpected word":    {args: []string{"frob"}, says: "frob"},
		"a wrong flag value": {args: []string{"--limit", "soon"}, says: "soon"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"run"}, test.args...)
			if test.file != "" {
				file := filepath.Join(t.TempDir(), "program.yaml")
				if err := os.WriteFile(file, []byte(test.file), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, "--config", file)
			}
			x := newProgram(args, test.env)
			if code := x.p.Run(t.Context()); code != ExitUsage || !strings.Contains(x.err.String(), test.says) {
				t.Errorf("exit %d: %s, want 2 with %q", code, x.err.String(), test.says)
			}
			if x.out.Len() != 0 {
				t.Errorf("standard output: %s", x.out.String())
			}
		})
	}
}

func TestFailures(t *testing.T) {
	denied := &enroll.Refusal{Outcome: &badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_DENIED,
		Reason: badgekmsv1.Reason_REASON_BADGE_LOST, Conversation: "c-7"}}
	lost := badgekmsv1.Reason_REASON_BADGE_LOST
	tests := map[string]struct {
		err  error
		code int
		says []string
	}{
		"denied":          {denied, ExitDenied, []string{"Denied: " + text.English.Reason(lost).Text, text.English.Reason(lost).Cure, "c-7"}},
		"undecided":       {fmt.Errorf("run 3: %w", reader.ErrRemoved), ExitUndecided, []string{"Undecided: The card left"}},
		"KMS unreachable": {status.Error(codes.Unavailable, "refused"), ExitUndecided, []string{"badge server cannot be reached", "refused"}},
		"KMS's fault":     {status.Error(codes.Internal, "boom"), ExitUndecided, []string{"unexpected error", "boom"}},
		"no card":         {enroll.ErrNoCardCame, ExitUndecided, []string{"No card was presented"}},
		"own fault":       {errors.New("disk full"), ExitFailed, []string{"Failed: disk full"}},
		"a bare verdict":  {Verdict(badgekmsv1.Verdict_VERDICT_DENIED), ExitDenied, nil},
		"certificate":     {fmt.Errorf("%w: expired", ErrIdentity), ExitFailed, []string{"certificate is not recognised", "expired"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			x := newProgram([]string{"run", "--lang", "en"}, nil)
			x.failure = test.err
			if code := x.p.Run(t.Context()); code != test.code {
				t.Errorf("exit %d, want %d", code, test.code)
			}
			for _, s := range test.says {
				if !strings.Contains(x.err.String(), s) {
					t.Errorf("%q is missing in:\n%s", s, x.err.String())
				}
			}
			if test.says == nil && x.err.Len() != 0 || x.out.Len() != 0 {
				t.Errorf("said %q, %q", x.out.String(), x.err.String())
			}
		})
	}
}

func TestFailureJSON(t *testing.T) {
	x := newProgram([]string{"run", "--json", "--lang", "en"}, nil)
	x.failure = &enroll.Refusal{Outcome: &badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_UNDECIDED,
		Reason: badgekmsv1.Reason_REASON_CARD_REMOVED, Conversation: "c-7"}}
	x.p.Run(t.Context())
	want := `{"v":1,"verdict":"undecided","reason":"CARD_REMOVED","text":"The card left the reader before the end.",` +
		`"cure":"Put the card back and leave it until the end.","conversation":"c-7",` +
		`"detail":"the KMS answered undecided, reason CARD_REMOVED (conversation c-7)"}` + "\n"
	if diff := cmp.Diff(want, x.out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x := newProgram([]string{"run", "--lang", "en"}, nil)
	x.failure = context.Canceled
	if code := x.p.Run(ctx); code != ExitFailed || x.err.String() != "Interrupted.\n" {
		t.Errorf("exit %d: %s", code, x.err.String())
	}
}

func TestLanguage(t *testing.T) {
	tests := []struct {
		args []string
		env  map[string]string
		want text.Language
	}{
		{nil, nil, text.French},
		{nil, map[string]string{"LANG": "en_US.UTF-8"}, text.English},
		{nil, map[string]string{"LANG": "fr_FR.UTF-8", "BADGEKMS_LANG": "en"}, text.English},
		{[]string{"x", "--lang", "en"}, nil, text.English},
		{[]string{"--lang=fr"}, map[string]string{"LANG": "en_US"}, text.French},
		{[]string{"--lang"}, nil, text.French},
	}
	for _, test := range tests {
		if got := language(test.args, func(k string) string { return test.env[k] }); got != test.want {
			t.Errorf("%v %v: %s, want %s", test.args, test.env, got, test.want)
		}
	}
}

func TestHelpSpeaksOneLanguage(t *testing.T) {
	for lang, words := range map[string][2]string{"fr": {"Utilisation :", "Usage:"}, "en": {"Usage:", "Utilisation :"}} {
		for _, args := range [][]string{{"--help"}, {"run", "--help"}, {"help", "run"}} {
			x := newProgram(append(args, "--lang", lang), nil)
			if code := x.p.Run(t.Context()); code != ExitDone {
				t.Errorf("%v: exit %d", args, code)
			}
			if out := x.out.String(); !strings.Contains(out, words[0]) || strings.Contains(out, words[1]) {
				t.Errorf("%v in %s:\n%s", args, lang, out)
			}
		}
	}
}
