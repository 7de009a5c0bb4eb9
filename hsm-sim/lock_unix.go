//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package hsmsim

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes the exclusive advisory lock (flock) of f; the kernel frees it
// when f is closed, also by a crash. It does not wait.
func lockFile(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrStateInUse
	}
	return err
}
