package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The exit codes of all programs (DESIGN.md §8).
const (
	exitDone = iota
	exitFailed
	exitUsage
	exitDenied
	exitUndecided
)

// limit bounds every wait of a test. It is only reached when something hangs.
const limit = 40 * time.Second

// process is one program started by a test.
type process struct {
	t              *testing.T
	name           string
	cmd            *exec.Cmd
	stdout, stderr *output
	done           chan struct{} // closed when it has ended and was waited for
}

// start starts a program with an environment of its own: no variable of the
// person who runs the tests reaches it, except env. It is killed at the end of
// the test if it still runs, and its output is shown if the test failed.
func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, stdout: newOutput(), stderr: newOutput(), done: make(chan struct{})}
	p.cmd = exec.Command(executable(t, name), args...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8"}, env...)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	p.cmd.SysProcAttr = diesWithUs()
	if err := p.launch(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	t.Cleanup(p.end)
	return p
}

// launch starts the program from a thread that lives as long as it does: the
// kernel ends it with that thread (see diesWithUs).
func (p *process) launch() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = p.cmd.Wait() // the exit code is asked for by wait
		close(p.done)
	}()
	return <-started
}

func (p *process) end() {
	_ = p.cmd.Process.Kill() // fails only if it has ended
	<-p.done
	if p.t.Failed() {
		p.t.Logf("%s\n--- stdout\n%s--- stderr\n%s", strings.Join(p.cmd.Args, " "), p.stdout, p.stderr)
	}
}

// signal sends a signal to this process and no other.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("send %v to %s: %v", s, p.name, err)
	}
}

// wait waits for the end and gives the exit code; -1 stands for a signal.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(limit):
		p.t.Fatalf("%s does not end", p.name)
	}
	return p.cmd.ProcessState.ExitCode()
}

// says waits until the program prints text to standard error.
func (p *process) says(text string) {
	p.t.Helper()
	late := time.After(limit)
	for {
		there, more := p.stderr.holds(text)
		if there {
			return
		}
		select {
		case <-more:
		case <-p.done:
			if there, _ := p.stderr.holds(text); !there {
				p.t.Fatalf("%s ended (%v) without saying %q", p.name, p.cmd.ProcessState, text)
			}
			return
		case <-late:
			p.t.Fatalf("%s does not say %q", p.name, text)
		}
	}
}

// publishes waits for the file that tells where the program listens, which it
// puts there in one step, and gives its line.
func (p *process) publishes(path string) string {
	p.t.Helper()
	late := time.After(limit)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		content, err := os.ReadFile(path)
		if err == nil {
			return strings.TrimSpace(string(content))
		}
		select {
		case <-poll.C:
		case <-p.done:
			p.t.Fatalf("%s ended (%v) before it wrote %s", p.name, p.cmd.ProcessState, path)
		case <-late:
			p.t.Fatalf("%s does not write %s", p.name, path)
		}
	}
}

// ends waits for the end and checks the exit code.
func (p *process) ends(want int) *process {
	p.t.Helper()
	if got := p.wait(); got != want {
		p.t.Fatalf("%s ended with %d, want %d", p.name, got, want)
	}
	return p
}

// mentions checks that each text was printed to standard error.
func (p *process) mentions(texts ...string) *process {
	p.t.Helper()
	for _, text := range texts {
		if there, _ := p.stderr.holds(text); !there {
			p.t.Errorf("%s does not mention %q", p.name, text)
		}
	}
	return p
}

// result decodes the one line of JSON that a program printed, which says that
// it is of version 1.
func result[R any](p *process) R {
	p.t.Helper()
	var r struct {
		V int `json:"v"`
	}
	var typed R
	text := p.stdout.String()
	if strings.Count(text, "\n") != 1 {
		p.t.Fatalf("%s printed %q, want one line", p.name, text)
	}
	for _, into := range []any{&r, &typed} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			p.t.Fatalf("%s printed %q: %v", p.name, text, err)
		}
	}
	if r.V != 1 {
		p.t.Errorf("%s printed version %d of its JSON, want 1", p.name, r.V)
	}
	return typed
}
