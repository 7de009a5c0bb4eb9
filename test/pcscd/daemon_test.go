package pcscd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scan asks a daemon for its readers with a client that is not ours. With -r
// pcsc_scan (pcsc-tools 1.5 and later) lists them and ends.
func scan(t *testing.T, d *Daemon) []string {
	t.Helper()
	path, err := exec.LookPath("pcsc_scan")
	if err != nil {
		refuse(t, fmt.Errorf("%w: pcsc_scan is not installed: sudo apt-get install pcsc-tools", ErrUnavailable))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-r", "-n")
	cmd.Env = append(os.Environ(), d.Env()...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("pcsc_scan: %v\n%s", err, out)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			names = append(names, name)
		}
	}
	return names
}

func TestDaemon(t *testing.T) {
	for _, readers := range []int{1, 3, maxReaders} {
		t.Run(fmt.Sprint(readers), func(t *testing.T) {
			d := StartT(t, Options{Readers: readers})
			if len(d.VPCDAddress()) != readers*SlotsPerReader {
				t.Errorf("%d addresses", len(d.VPCDAddress()))
			}
			if diff := cmp.Diff(d.ReaderNames(), scan(t, d)); diff != "" {
				t.Errorf("readers (-said +seen by pcsc_scan):\n%s", diff)
			}
		})
	}
}

// TestDaemonIsPrivate: nothing of the system's own pcscd is touched, whether
// there is one or not.
func TestDaemonIsPrivate(t *testing.T) {
	state := func() string {
		mounts, err := os.ReadFile("/proc/self/mounts")
		if err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir("/run/pcscd") // it need not exist
		return fmt.Sprint(entries, err, string(mounts))
	}
	before := state()
	d := StartT(t, Options{})
	if after := state(); after != before {
		t.Errorf("the system's /run/pcscd or mounts changed:\n%s\n%s", before, after)
	}
	first, second := d, StartT(t, Options{})
	if first.SocketPath() == second.SocketPath() {
		t.Error("two daemons share a socket")
	}
	for _, address := range first.VPCDAddress() {
		if slices.Contains(second.VPCDAddress(), address) {
			t.Errorf("two daemons share %s", address)
		}
	}
}

func TestStopLeavesNothing(t *testing.T) {
	d := StartT(t, Options{})
	p := d.running
	for range 2 {
		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if !p.ended() {
		t.Error("the process runs on")
	}
	if _, err := os.Stat(d.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory stays: %v", err)
	}
	for _, address := range d.VPCDAddress() {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Errorf("somebody listens on %s", address)
		}
	}
	if err := d.Restart(t.Context()); err == nil {
		t.Error("Restart after Stop")
	}
}

// TestRestart: after a crash or an orderly end, with or without a card, a
// restarted daemon is where the last one was.
func TestRestart(t *testing.T) {
	d := StartT(t, Options{})
	names, addresses, path := d.ReaderNames(), d.VPCDAddress(), d.SocketPath()
	for _, kill := range []bool{false, true, true} {
		conn, err := net.Dial("tcp", addresses[0]) // its port will be in use for a while
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if kill {
			d.Kill()
			if d.answers() {
				t.Error("a killed daemon answers")
			}
		}
		old := d.running
		if err := d.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d.running == old || !d.answers() {
			t.Error("no new daemon")
		}
		if d.SocketPath() != path || !slices.Equal(d.VPCDAddress(), addresses) {
			t.Error("the daemon has moved")
		}
		if diff := cmp.Diff(names, scan(t, d)); diff != "" {
			t.Errorf("readers (-want +got):\n%s", diff)
		}
	}
}

func TestStartFailures(t *testing.T) {
	if _, err := Start(t.Context(), Options{Readers: maxReaders + 1}); err == nil {
		t.Error("more readers than pcscd serves")
	}
	if _, err := Start(t.Context(), Options{Readers: -1}); err == nil {
		t.Error("less than no reader")
	}
	Require(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context had ended: %v", err)
	}
	t.Run("a long path", func(t *testing.T) {
		long := t.TempDir() + strings.Repeat("/0123456789", 10)
		if err := os.MkdirAll(long, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TMPDIR", long)
		if _, err := Start(t.Context(), Options{}); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "TMPDIR") {
			t.Errorf("got %v, want a hint at TMPDIR", err)
		}
		if left, err := os.ReadDir(long); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

// TestDaemonFails: a pcscd that ends, or whose mounts are refused, is reported
// with its log, at once, and leaves nothing.
func TestDaemonFails(t *testing.T) {
	Require(t)
	cases := []struct {
		name, script, says string
		unavailable        bool
	}{
		{"ends at once", "echo no such luck; exit 3", "no such luck", false},
		{"mount refused", "exit 77", "mount was refused", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			install, err := find(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			script := os.TempDir() + "/false-pcscd"
			if err := os.WriteFile(script, []byte("#!/bin/sh\n"+c.script), 0o755); err != nil {
				t.Fatal(err)
			}
			install.daemon = script
			_, err = start(t.Context(), install, Options{Readers: 1})
			if err == nil || !strings.Contains(err.Error(), c.says) || errors.Is(err, ErrUnavailable) != c.unavailable {
				t.Errorf("got %v", err)
			}
			if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 1 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestLogIsBounded(t *testing.T) {
	var l logBuffer
	for range 40 {
		if _, err := l.Write(make([]byte, logLimit/16)); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = l.Write([]byte("the end"))
	if log := l.String(); len(log) > logLimit || !strings.HasSuffix(log, "the end") {
		t.Errorf("%d bytes", len(log))
	}
}
