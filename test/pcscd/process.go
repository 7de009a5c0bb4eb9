package pcscd

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// graceful is how long pcscd may take to end after SIGTERM. It waits for its
// reader threads, each of which polls a few times a second.
const graceful = 5 * time.Second

// process is one running pcscd.
type process struct {
	os   *os.Process
	done chan struct{} // closed when the process has ended and was waited for
	err  error         // what Wait said; valid after done
}

// launch starts cmd and waits for it in the background. The goroutine keeps
// its thread: the kernel ends the child when that thread ends (prctl(2),
// PR_SET_PDEATHSIG), which must mean the end of this program, not of a thread
// that Go retired.
func launch(cmd *exec.Cmd) (*process, error) {
	p := &process{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		p.os = cmd.Process
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// ended tells whether the process is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// terminate asks the process to end, and insists after a while.
func (p *process) terminate() {
	_ = p.os.Signal(syscall.SIGTERM) // fails only if the process has ended
	insist := time.AfterFunc(graceful, p.kill)
	defer insist.Stop()
	<-p.done
}

func (p *process) kill() { _ = p.os.Kill() }

// logBuffer keeps the last part of what pcscd prints.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// logLimit bounds a log; the older half goes when it is reached.
const logLimit = 1 << 20

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buf.Len()+len(b) > logLimit {
		l.buf.Next(l.buf.Len() / 2)
	}
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
