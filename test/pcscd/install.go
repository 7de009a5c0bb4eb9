package pcscd

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// installation is what the machine offers to run a private pcscd with.
type installation struct {
	daemon string // path of pcscd
	driver string // path of libifdvpcd.so
	args   []string
}

// daemonPaths are tried after PATH, in which other users than root seldom
// have the system's sbin directories.
var daemonPaths = []string{"/usr/sbin/pcscd", "/usr/local/sbin/pcscd"}

// driverPatterns are the places where distributions put vpcd's driver.
var driverPatterns = []string{
	"/usr/lib/pcsc/drivers/serial/libifdvpcd.so", // Debian, Ubuntu
	"/usr/lib*/pcsc/drivers/serial/libifdvpcd.so",
	"/usr/lib*/readers/libifdvpcd.so",
	"/usr/local/lib/pcsc/drivers/serial/libifdvpcd.so",
}

// Check tells whether a private pcscd can be started here; nil means yes, as
// far as can be told without starting one. The error wraps ErrUnavailable.
func Check() error {
	_, err := find(context.Background())
	return err
}

// find looks for the daemon and the driver.
func find(ctx context.Context) (installation, error) {
	if err := isolationSupported(); err != nil {
		return installation{}, err
	}
	daemon, driver := findDaemon(), findDriver(driverPatterns)
	var missing []string
	if daemon == "" {
		missing = append(missing, "pcscd")
	}
	if driver == "" {
		missing = append(missing, "vsmartcard-vpcd")
	}
	if len(missing) > 0 {
		return installation{}, fmt.Errorf("%w: not installed: %s; install with: sudo apt-get install %s",
			ErrUnavailable, strings.Join(missing, ", "), strings.Join(missing, " "))
	}
	help, err := exec.CommandContext(ctx, daemon, "--help").Output()
	if err != nil {
		return installation{}, fmt.Errorf("%w: %s --help: %w", ErrUnavailable, daemon, err)
	}
	return installation{daemon: daemon, driver: driver, args: optionalFlags(help)}, nil
}

// optionalFlags gives the flags that only some builds of pcscd know. With
// polkit (Debian 13, Ubuntu 24.04) a client without a seat would be refused,
// and the system's polkit is out of a private daemon's sight anyway.
func optionalFlags(help []byte) []string {
	if bytes.Contains(help, []byte("--disable-polkit")) {
		return []string{"--disable-polkit"}
	}
	return nil
}

func findDaemon() string {
	if path, err := exec.LookPath("pcscd"); err == nil {
		return path
	}
	for _, path := range daemonPaths {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return ""
}

func findDriver(patterns []string) string {
	for _, pattern := range patterns {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}
