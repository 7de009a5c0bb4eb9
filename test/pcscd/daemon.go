package pcscd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Daemon is a private pcscd. Its methods may be called from any goroutine.
type Daemon struct {
	install installation
	options Options
	dir     string // lies over /run in the daemon's namespace
	ports   []int  // first port of each reader
	log     logBuffer

	mu      sync.Mutex
	running *process
	stopped bool
}

// readyWithin bounds a start whose context has no earlier deadline.
const readyWithin = 15 * time.Second

// errPorts: somebody else took the ports between the probe and the daemon.
var errPorts = errors.New("vpcd could not listen on its ports")

// Start runs a pcscd and returns when it answers and its virtual readers
// listen. ctx bounds the start only; Stop ends the daemon, and so does the end
// of this program. An error that wraps ErrUnavailable means that this machine
// cannot run one; in any case of error nothing is left behind.
func Start(ctx context.Context, o Options) (*Daemon, error) {
	if o.Readers == 0 {
		o.Readers = 1
	}
	if o.Readers < 0 || o.Readers > maxReaders {
		return nil, fmt.Errorf("pcscd: %d virtual readers, want 1 to %d", o.Readers, maxReaders)
	}
	install, err := find(ctx)
	if err != nil {
		return nil, err
	}
	const attempts = 3
	for i := 1; ; i++ {
		d, err := start(ctx, install, o)
		if err == nil || i == attempts || !errors.Is(err, errPorts) {
			return d, err
		}
	}
}

func start(ctx context.Context, install installation, o Options) (*Daemon, error) {
	dir, err := os.MkdirTemp("", "pcscd-")
	if err != nil {
		return nil, err
	}
	d := &Daemon{install: install, options: o, dir: dir}
	err = d.prepare()
	if err == nil {
		err = d.launch(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return d, nil
}

// launch starts the process and waits until it is ready. On error the process
// has ended.
func (d *Daemon) launch(ctx context.Context) error {
	p, err := launch(d.command())
	if err != nil {
		return fmt.Errorf("%w: %w: %s", ErrUnavailable, err, isolationHint())
	}
	if err := d.ready(ctx, p); err != nil {
		p.kill()
		<-p.done
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running = p
	return nil
}

// ready waits until the socket answers and every slot listens.
func (d *Daemon) ready(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		if d.answers() {
			return d.listening(p.os.Pid)
		}
		select {
		case <-p.done:
			return d.startError(p)
		case <-ctx.Done():
			return fmt.Errorf("pcscd did not answer on %s: %w; its log:\n%s", d.SocketPath(), ctx.Err(), d.Log())
		case <-poll.C:
		}
	}
}

// answers tells whether somebody accepts connections on the socket.
func (d *Daemon) answers() bool {
	conn, err := net.Dial("unix", d.SocketPath())
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// listening checks each slot's port. pcscd opens its configured readers
// before its socket (pcscdaemon.c), so there is nothing to wait for.
func (d *Daemon) listening(pid int) error {
	for _, first := range d.ports {
		for slot := range SlotsPerReader {
			ok, err := listens(pid, first+slot)
			if err != nil {
				return err
			}
			if !ok {
				return fmt.Errorf("%w: port %d; pcscd's log:\n%s", errPorts, first+slot, d.Log())
			}
		}
	}
	return nil
}

func (d *Daemon) startError(p *process) error {
	var exit *exec.ExitError
	if errors.As(p.err, &exit) && exit.ExitCode() == mountRefused {
		return fmt.Errorf("%w: mount was refused: %s\n%s", ErrUnavailable, isolationHint(), d.Log())
	}
	return fmt.Errorf("pcscd ended at its start (%v); its log:\n%s", p.err, d.Log())
}

// SocketPath is the path of the daemon's socket, as clients outside of its
// namespace see it.
func (d *Daemon) SocketPath() string { return filepath.Join(d.dir, "pcscd", "pcscd.comm") }

// Env is what a client process needs in its environment to find the daemon,
// in the form of exec.Cmd.Env.
func (d *Daemon) Env() []string { return []string{"PCSCLITE_CSOCK_NAME=" + d.SocketPath()} }

// VPCDAddress gives host:port for each slot, in the order of ReaderNames: a
// card that connects there lies on that reader until it disconnects.
func (d *Daemon) VPCDAddress() []string {
	var addresses []string
	for _, first := range d.ports {
		for slot := range SlotsPerReader {
			addresses = append(addresses, net.JoinHostPort("127.0.0.1", strconv.Itoa(first+slot)))
		}
	}
	return addresses
}

// ReaderNames gives the PC/SC name of each slot: pcscd appends the number of
// the reader among those of one friendly name, and the slot, in hex
// (readerfactory.c, RFSetReaderName).
func (d *Daemon) ReaderNames() []string {
	var names []string
	for i := range d.ports {
		for slot := range SlotsPerReader {
			names = append(names, fmt.Sprintf("%s 00 %02X", friendlyName(i), slot))
		}
	}
	return names
}

// Log is what pcscd printed so far, over all its starts; the oldest part goes
// after a megabyte.
func (d *Daemon) Log() string { return d.log.String() }

// Kill ends pcscd as a crash would, without a chance to clean up. The Daemon
// can be restarted.
func (d *Daemon) Kill() { d.end((*process).kill) }

// Stop ends pcscd and removes its files. It may be called more than once.
func (d *Daemon) Stop() error {
	d.end((*process).terminate)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	return os.RemoveAll(d.dir)
}

// Restart ends pcscd, if it still runs, and starts it again with the same
// socket, ports and names. Cards have to connect again. ctx bounds the start.
func (d *Daemon) Restart(ctx context.Context) error {
	d.end((*process).terminate)
	d.mu.Lock()
	stopped := d.stopped
	d.mu.Unlock()
	if stopped {
		return errors.New("pcscd: restart after Stop")
	}
	// A killed daemon leaves its socket and pid file, and a new one refuses to
	// start beside them as long as the number in the file is some process's.
	if err := removeContents(filepath.Join(d.dir, "pcscd")); err != nil {
		return err
	}
	return d.launch(ctx)
}

// end ends the running process, if there is one, and waits for it.
func (d *Daemon) end(how func(*process)) {
	d.mu.Lock()
	p := d.running
	d.running = nil
	d.mu.Unlock()
	if p != nil {
		how(p)
		<-p.done
	}
}

func removeContents(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
