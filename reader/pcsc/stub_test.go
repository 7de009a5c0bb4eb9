//go:build !windows && !(linux && cgo)

package pcsc

import (
	"errors"
	"strings"
	"testing"

	"badgekms/reader"
)

// TestStub: in a build without PC/SC each call fails at once and says why.
func TestStub(t *testing.T) {
	r := New(Options{})
	_, list := r.List(t.Context())
	_, connect := r.Connect(t.Context(), "A", reader.Shared)
	watch := r.Watch(t.Context(), func(reader.Event) { t.Error("event") })
	for name, err := range map[string]error{"List": list, "Connect": connect, "Watch": watch} {
		if !errors.Is(err, reader.ErrUnavailable) || !strings.Contains(err.Error(), "PC/SC") {
			t.Errorf("%s: %v, want reader.ErrUnavailable", name, err)
		}
	}
}
