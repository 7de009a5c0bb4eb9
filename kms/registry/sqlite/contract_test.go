package sqlite

import (
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"badgekms/kms/audit"
	"badgekms/kms/registry"
	"badgekms/kms/registry/registrytest"
)

func TestContract(t *testing.T) {
	registrytest.Run(t, func(t *testing.T) registry.Store {
		return openAt(t, filepath.Join(t.TempDir(), "registry.db"), testOptions(t))
	})
}

func testOptions(t *testing.T) Options {
	t.Helper()
	appender, err := audit.NewAppender(registrytest.Writer, time.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Create: true, Audit: appender}
}

func openAt(t *testing.T, path string, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}
