package terminal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"badgekms/reader/relay/reason"
)

// HookLimit is how long a hook may run.
const HookLimit = 5 * time.Second

// killGrace is how long a killed hook's children may keep its output open.
const killGrace = 500 * time.Millisecond

// Hook is a program of the integrator's that is run for each tap. No shell is
// involved.
type Hook struct {
	// Argv is the program and its arguments.
	Argv []string
	// Limit is how long it may run before it is killed; 0 stands for
	// HookLimit.
	Limit time.Duration
	// Output receives what the program writes; nil discards.
	Output io.Writer
}

// ErrHook is wrapped by the error of a hook that could not be started, took
// too long or did not exit with 0. It changes nothing in the tap.
var ErrHook = errors.New("hook")

// Run runs the program with the tap's JSON (Tap.MarshalJSON) and a line feed
// on standard input, and in the environment BADGEKMS_VERDICT (granted, denied,
// undecided), BADGEKMS_REASON, BADGEKMS_BADGE, BADGEKMS_HOLDER,
// BADGEKMS_GENERATION, BADGEKMS_READER and BADGEKMS_CONVERSATION. Other
// BADGEKMS_ variables are not passed on.
func (h Hook) Run(ctx context.Context, tap Tap) error {
	input, err := json.Marshal(tap)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrHook, err)
	}
	limit := h.Limit
	if limit <= 0 {
		limit = HookLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c := exec.CommandContext(ctx, h.Argv[0], h.Argv[1:]...)
	c.Env = hookEnvironment(os.Environ(), tap)
	c.Stdin = bytes.NewReader(append(input, '\n'))
	c.Stdout, c.Stderr = h.Output, h.Output
	c.WaitDelay = killGrace
	err = c.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w %s: killed, it took longer than %v", ErrHook, h.Argv[0], limit)
	}
	if err != nil {
		return fmt.Errorf("%w %s: %w", ErrHook, h.Argv[0], err)
	}
	return nil
}

// hookEnvironment is the terminal's own environment with the tap's variables
// in place of every other BADGEKMS_ one, which may name the terminal's files.
func hookEnvironment(own []string, tap Tap) []string {
	env := make([]string, 0, len(own)+7)
	for _, kv := range own {
		if !strings.HasPrefix(kv, "BADGEKMS_") {
			env = append(env, kv)
		}
	}
	return append(env,
		"BADGEKMS_VERDICT="+reason.VerdictName(tap.Verdict),
		"BADGEKMS_REASON="+reason.Name(tap.Reason),
		"BADGEKMS_BADGE="+tap.BadgeID,
		"BADGEKMS_HOLDER="+tap.HolderID,
		"BADGEKMS_GENERATION="+strconv.FormatUint(uint64(tap.Generation), 10),
		"BADGEKMS_READER="+tap.Reader,
		"BADGEKMS_CONVERSATION="+tap.Conversation,
	)
}
