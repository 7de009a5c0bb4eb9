//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package hsmsim

import (
	"errors"
	"os"
)

// lockFile refuses: without a lock two processes could each lose the other's
// keys.
func lockFile(*os.File) error {
	return errors.New("no file locks on this system: run hsm-sim in memory, without a state file")
}
