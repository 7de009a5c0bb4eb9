package pcscd

import (
	"errors"
	"fmt"
	"testing"
)

// verdict is a TB that remembers how a test was ended.
type verdict struct{ failed, skipped bool }

func (*verdict) Helper()                 {}
func (*verdict) Cleanup(func())          {}
func (*verdict) Logf(string, ...any)     {}
func (v *verdict) Failed() bool          { return v.failed }
func (v *verdict) Fatalf(string, ...any) { v.failed = true; panic(v) }
func (v *verdict) Skipf(string, ...any)  { v.skipped = true; panic(v) }

// TestRefuse: what is missing skips a test, but fails it where the packages
// were promised; what is broken always fails it.
func TestRefuse(t *testing.T) {
	missing, broken := fmt.Errorf("%w: no packages", ErrUnavailable), errors.New("broken")
	for _, c := range []struct {
		required string
		err      error
		fails    bool
	}{{"", missing, false}, {"1", missing, true}, {"", broken, true}, {"1", broken, true}} {
		t.Setenv(RequireEnv, c.required)
		v := &verdict{}
		func() {
			defer func() { _ = recover() }()
			refuse(v, c.err)
		}()
		if v.failed != c.fails || v.skipped == c.fails {
			t.Errorf("%s=%s, %v: %+v", RequireEnv, c.required, c.err, v)
		}
	}
}
