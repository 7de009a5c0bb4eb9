package pcscd

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestFindDriver(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lib64", "readers", "libifdvpcd.so")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := findDriver([]string{dir + "/none.so", dir + "/lib*/readers/libifdvpcd.so"}); got != path {
		t.Errorf("found %q, want %q", got, path)
	}
	if got := findDriver([]string{dir + "/none.so"}); got != "" {
		t.Errorf("found %q", got)
	}
}

// TestCheckNamesThePackages: what is missing is named as apt knows it.
func TestCheckNamesThePackages(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	paths, patterns := daemonPaths, driverPatterns
	defer func() { daemonPaths, driverPatterns = paths, patterns }()
	daemonPaths, driverPatterns = nil, nil
	t.Setenv("PATH", t.TempDir())
	err := Check()
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "apt-get install pcscd vsmartcard-vpcd") {
		t.Errorf("got %v", err)
	}
}

func TestOptionalFlags(t *testing.T) {
	// The help of pcscd 2.x with polkit, and of Debian 12's 1.9.9 without.
	if got := optionalFlags([]byte("  --disable-polkit\tdisable polkit support\n")); !slices.Equal(got, []string{"--disable-polkit"}) {
		t.Errorf("with polkit: %q", got)
	}
	if got := optionalFlags([]byte("  -x, --auto-exit\tpcscd will quit\n")); got != nil {
		t.Errorf("without: %q", got)
	}
}

func TestListenerInode(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:8C7B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:8C7C 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:8C7D
`
	for port, want := range map[int]string{0x8C7B: "4711", 0x8C7C: "", 0x8C7D: "", 1: ""} {
		if got := listenerInode([]byte(table), port); got != want {
			t.Errorf("port %04X: %q, want %q", port, got, want)
		}
	}
}

func TestListens(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("Linux only")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	if ok, err := listens(os.Getpid(), port); !ok || err != nil {
		t.Errorf("we listen on %d: %v, %v", port, ok, err)
	}
	if ok, _ := listens(1, port); ok {
		t.Error("process 1 was taken for us")
	}
}

func TestFreePorts(t *testing.T) {
	first, err := freePorts(3)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{Port: first + i})
		if err != nil {
			t.Errorf("port %d is not free: %v", first+i, err)
			continue
		}
		defer l.Close()
	}
}
