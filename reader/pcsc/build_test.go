package pcsc

import (
	"os/exec"
	"strings"
	"testing"
)

// TestBuilds compiles the package, its tests included, the three ways that
// the package comment promises, and for a system without PC/SC support.
func TestBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for other systems")
	}
	for _, env := range [][]string{
		{"GOOS=linux", "CGO_ENABLED=0"},
		{"GOOS=windows", "CGO_ENABLED=0"},
		{"GOOS=darwin", "CGO_ENABLED=0"},
	} {
		t.Run(strings.Join(env, " "), func(t *testing.T) {
			cmd := exec.Command("go", "vet", ".")
			cmd.Env = append(cmd.Environ(), env...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
