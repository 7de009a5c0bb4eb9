// Package custodytest holds the contract that every key custody passes (NXP
// AN10922 for AES-128, AES-CMAC of NIST SP 800-38B), and a custody for tests
// that keeps its masters in memory, unprotected. Only tests may import it.
//
// The contract computes expected keys with github.com/aead/cmac and takes
// published vectors, so that no custody is held to our own arithmetic.
package custodytest

import (
	"context"
	"errors"
	"testing"

	"badgekms/kms/an10922"
	"badgekms/kms/custody"
	"badgekms/reader/key"
)

// Backend is one custody under test.
type Backend struct {
	Custody custody.Custody
	// Plant makes k the next version of a domain's master, by the custody's
	// own CreateMaster or Rotate with a scripted source of randomness, or by
	// its import: so the contract knows a key that nothing gives away.
	Plant func(t testing.TB, domain string, generation int, k key.AES128) custody.Master
}

// Run holds the backends that open makes, a fresh one per test, to the
// contract of custody.Custody.
func Run(t *testing.T, open func(t testing.TB) Backend) {
	for _, part := range []struct {
		name string
		test func(*testing.T, Backend)
	}{
		{"capabilities", testCapabilities},
		{"check", testCheck},
		{"published vectors", testVectors},
		{"batch in order", testBatch},
		{"concurrent use", testConcurrent},
		{"refused inputs", testRefusedInputs},
		{"unknown masters", testUnknownMaster},
		{"check value", testKCV},
		{"create", testCreate},
		{"create after a crash", testCreateAfterCrash},
		{"rotate", testRotate},
		{"names", testNames},
		{"context", testContext},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, open(t)) })
	}
}

func testCapabilities(t *testing.T, b Backend) {
	c := b.Custody.Capabilities()
	if c.Mode == "" || c.ShortestM < an10922.MinM || c.ShortestM > an10922.ShortestPlain {
		t.Errorf("capabilities %+v", c)
	}
	if c.Origin != custody.OriginToken && c.Origin != custody.OriginCeremony {
		t.Errorf("origin %q", c.Origin)
	}
	create(t, b, "staff-doors")
	if again := b.Custody.Capabilities(); again != c {
		t.Errorf("capabilities changed to %+v", again)
	}
}

// testCheck runs the self-test on an empty custody, again, and beside masters.
func testCheck(t *testing.T, b Backend) {
	for range 2 {
		if err := b.Custody.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	create(t, b, "staff-doors")
	if err := b.Custody.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func testRefusedInputs(t *testing.T, b Backend) {
	m := create(t, b, "staff-doors")
	shortest := b.Custody.Capabilities().ShortestM
	good := inputOf(t, shortest, 0x11)
	if keys, err := b.Custody.Derive(t.Context(), m, nil); len(keys) != 0 || err != nil {
		t.Errorf("no inputs: %d keys, error %v", len(keys), err)
	}
	wrong := new(an10922.LengthError)
	if keys, err := b.Custody.Derive(t.Context(), m, []an10922.M{good, {}}); keys != nil || !errors.As(err, &wrong) {
		t.Errorf("zero input: %d keys, error %v, want a LengthError", len(keys), err)
	}
	for n := an10922.MinM; n < shortest; n++ {
		keys, err := b.Custody.Derive(t.Context(), m, []an10922.M{good, inputOf(t, n, 0x22)})
		if keys != nil || !errors.Is(err, custody.ErrShortM) {
			t.Errorf("input of %d bytes: %d keys, error %v, want ErrShortM", n, len(keys), err)
		}
	}
}

func testUnknownMaster(t *testing.T, b Backend) {
	m := create(t, b, "staff-doors")
	missing := m
	missing.KeyName, missing.Domain = m.KeyName+"x", m.Domain+"x"
	latest, future := m, m
	latest.KeyVersion, future.KeyVersion = 0, m.KeyVersion+7
	negative := m
	negative.KeyVersion = -1
	for name, unknown := range map[string]custody.Master{
		"missing": missing, "version 0": latest, "version -1": negative, "future version": future, "nothing": {},
	} {
		keys, err := b.Custody.Derive(t.Context(), unknown, []an10922.M{inputOf(t, 20, 1)})
		if keys != nil || !errors.Is(err, custody.ErrUnknownMaster) {
			t.Errorf("%s: %d keys, error %v, want ErrUnknownMaster", name, len(keys), err)
		}
		if _, err := b.Custody.KCV(t.Context(), unknown); !errors.Is(err, custody.ErrUnknownMaster) {
			t.Errorf("%s: check value: error %v, want ErrUnknownMaster", name, err)
		}
	}
}

// testContext shows that a caller who gives up is not taken for a refusal.
func testContext(t *testing.T, b Backend) {
	m := create(t, b, "staff-doors")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := map[string]func() error{
		"Derive": func() error {
			keys, err := b.Custody.Derive(ctx, m, []an10922.M{inputOf(t, 20, 1)})
			if keys != nil {
				t.Error("Derive gave keys")
			}
			return err
		},
		"KCV":          func() error { _, err := b.Custody.KCV(ctx, m); return err },
		"CreateMaster": func() error { _, err := b.Custody.CreateMaster(ctx, "pharmacy", 1); return err },
		"Rotate":       func() error { _, err := b.Custody.Rotate(ctx, "staff-doors", 2); return err },
		"Check":        func() error { return b.Custody.Check(ctx) },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, context.Canceled) || !errors.Is(err, custody.ErrUnavailable) {
			t.Errorf("%s: error %v, want ErrUnavailable with context.Canceled", name, err)
		}
	}
	if _, err := b.Custody.CreateMaster(t.Context(), "pharmacy", 1); err != nil {
		t.Errorf("the given up CreateMaster left something: %v", err)
	}
}
