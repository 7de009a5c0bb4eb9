package pcscd

import (
	"context"
	"errors"
	"os"
)

// RequireEnv is the environment variable that makes a missing pcscd a failure
// of the tests that need it. `make test` sets it to 1.
const RequireEnv = "BADGEKMS_TEST_PCSCD"

// TB is the part of testing.TB used here; the demo imports this package too
// and has no use for package testing.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Logf(format string, args ...any)
	Failed() bool
}

// Require ends a test that cannot have a private pcscd on this machine: as
// failed if BADGEKMS_TEST_PCSCD is 1, as skipped otherwise, with the reason.
func Require(t TB) {
	t.Helper()
	if err := Check(); err != nil {
		refuse(t, err)
	}
}

// StartT is Start for a test: the daemon is stopped with the test, and its log
// is shown if the test failed. Where none can run it ends the test as Require
// does.
func StartT(t TB, o Options) *Daemon {
	t.Helper()
	Require(t)
	d, err := Start(context.Background(), o)
	if err != nil {
		refuse(t, err)
	}
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Logf("stop pcscd: %v", err)
		}
		if t.Failed() {
			t.Logf("pcscd's log:\n%s", d.Log())
		}
	})
	return d
}

func refuse(t TB, err error) {
	t.Helper()
	if os.Getenv(RequireEnv) == "1" || !errors.Is(err, ErrUnavailable) {
		t.Fatalf("%v", err)
	}
	t.Skipf("%v (set %s=1 to make this a failure)", err, RequireEnv)
}
