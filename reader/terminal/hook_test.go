package terminal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/terminal"
)

// TestMain lets the test binary play the hook.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "hook" {
		os.Exit(hook(os.Args[2]))
	}
	os.Exit(m.Run())
}

func hook(mode string) int {
	switch mode {
	case "fail":
		return 7
	case "hang":
		time.Sleep(time.Hour)
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 1
	}
	fmt.Printf("%s%s|%s|%s|%s\n", input, os.Getenv("BADGEKMS_VERDICT"), os.Getenv("BADGEKMS_HOLDER"),
		os.Getenv("BADGEKMS_GENERATION"), os.Getenv("BADGEKMS_KEY"))
	return 0
}

func TestHook(t *testing.T) {
	t.Setenv("BADGEKMS_KEY", "/etc/badgekms/terminal.key")
	tap := terminal.Tap{Verdict: badgekmsv1.Verdict_VERDICT_GRANTED, HolderID: "H-1; rm -rf /", Generation: 2}
	var out bytes.Buffer
	h := terminal.Hook{Argv: []string{os.Args[0], "hook", "show"}, Output: &out}
	if err := h.Run(t.Context(), tap); err != nil {
		t.Fatal(err)
	}
	input, env, _ := strings.Cut(out.String(), "\n")
	var decoded struct {
		V       int
		Verdict string
		Holder  string
	}
	if err := json.Unmarshal([]byte(input), &decoded); err != nil || decoded.V != 1 || decoded.Verdict != "granted" || decoded.Holder != tap.HolderID {
		t.Errorf("standard input: %s (%v)", input, err)
	}
	if want := "granted|H-1; rm -rf /|2|\n"; env != want {
		t.Errorf("environment %q, want %q", env, want)
	}
}

func TestHookFailures(t *testing.T) {
	tests := map[string]struct {
		argv []string
		says string
	}{
		"exit status": {[]string{os.Args[0], "hook", "fail"}, "exit status 7"},
		"too slow":    {[]string{os.Args[0], "hook", "hang"}, "longer than"},
		"missing":     {[]string{"/nonexistent/hook"}, "nonexistent"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := terminal.Hook{Argv: test.argv, Limit: 300 * time.Millisecond}.Run(t.Context(), terminal.Tap{})
			if !errors.Is(err, terminal.ErrHook) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want ErrHook with %q", err, test.says)
			}
		})
	}
}
