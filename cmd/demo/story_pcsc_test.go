//go:build cgo && linux

package main

import (
	"os"
	"os/exec"
	"testing"

	"badgekms/test/pcscd"
)

// TestStoryPCSC tells the same story through a private pcscd and vpcd. It is a
// process of its own, because libpcsclite looks for its service only once.
func TestStoryPCSC(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a private pcscd")
	}
	pcscd.Require(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	demo := exec.CommandContext(t.Context(), self, "--reader", "pcsc", "--keep", t.TempDir())
	demo.Env = append(demo.Environ(), asProgram+"=1")
	out, err := demo.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	checkNarration(t, string(out))
}
