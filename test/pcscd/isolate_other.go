//go:build !linux

package pcscd

import (
	"fmt"
	"os/exec"
	"runtime"
)

func isolationSupported() error {
	return fmt.Errorf("%w: mount namespaces exist on Linux only, this is %s", ErrUnavailable, runtime.GOOS)
}

// isolate is never reached here: isolationSupported refuses first.
func isolate(*exec.Cmd) {}

func isolationHint() string { return "run on Linux" }
