package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The programs, as the Makefile builds them: those that talk to readers with
// cgo, the others without.
var (
	plainPrograms = []string{"kms", "kmsctl", "hsm-sim", "card-sim"}
	pcscPrograms  = []string{"enroll", "terminal"}
)

// binDir holds the programs of this run.
var binDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "badgekms-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binDir = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

var (
	buildPlain = sync.OnceValue(func() error { return build("0", plainPrograms) })
	buildPCSC  = sync.OnceValue(func() error { return build("1", pcscPrograms) })
)

func build(cgo string, programs []string) error {
	args := []string{"build", "-o", binDir + string(filepath.Separator)}
	for _, p := range programs {
		args = append(args, "badgekms/cmd/"+p)
	}
	cmd := exec.Command("go", args...)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED="+cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("CGO_ENABLED=%s go %s: %w\n%s", cgo, strings.Join(args, " "), err, out)
	}
	return nil
}

// executable is the path of a program, which is built at its first use.
func executable(t *testing.T, name string) string {
	t.Helper()
	build := buildPlain
	if slices.Contains(pcscPrograms, name) {
		build = buildPCSC
	}
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(binDir, name)
}
