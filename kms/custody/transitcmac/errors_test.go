package transitcmac_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	hsmsim "badgekms/hsm-sim"
	"badgekms/kms/an10922"
	"badgekms/kms/custody"
	"badgekms/kms/custody/transitcmac"
	"badgekms/reader/key"
)

func newInput(t testing.TB) an10922.M {
	t.Helper()
	m, err := an10922.NewM([]byte("\x04\x78\x2E\x21\x80\x1D\x80 and system"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestFaults has Vault fail in each way a KMS meets, and expects the error
// kind, a cure in words, and one single request: nothing is retried.
func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name string
		hook func(*http.Request) error
		want error
		says string
	}{
		{"sealed", fault(503, "Vault is sealed"), custody.ErrUnavailable, "unseal"},
		{"no active node", fault(500, "local node not active but active cluster node not found"), custody.ErrUnavailable, "Vault's own log"},
		{"gateway", fault(502), custody.ErrUnavailable, "502"},
		{"rate limit", fault(429, `request path "transit/cmac": rate limit quota exceeded`), custody.ErrUnavailable, "quota"},
		{"stale read", fault(412, "required index state not present"), custody.ErrUnavailable, "412"},
		{"policy", fault(403, "1 error occurred:\n\t* permission denied\n\n"), custody.ErrDenied, "policy"},
		{"community", fault(404, "1 error occurred:\n\t* unsupported path\n\n"), custody.ErrUnsupported, "Vault Enterprise"},
		{"no engine", fault(404, `no handler for route "transit/cmac/badgekms-staff-doors". route entry not found.`), custody.ErrUnsupported, "enable Transit"},
		{"enterprise type", fault(400, "key type aes128-cmac is only available in enterprise versions of Vault"), custody.ErrUnsupported, "transit-envelope"},
		{"old Vault", fault(400, "unknown key type aes128-cmac"), custody.ErrUnsupported, "Vault Enterprise"},
		{"too old", fault(400, "ciphertext or signature version is disallowed by policy (too old)"), custody.ErrUnknownMaster, "min_decryption_version"},
		{"key gone", fault(400, "encryption key not found"), custody.ErrUnknownMaster, "restore the key"},
		{"other 400", fault(400, "something new"), custody.ErrWrongAnswer, "something new"},
		{"dropped", func(*http.Request) error { return hsmsim.ErrDropConnection }, custody.ErrUnavailable, "cannot be reached"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := startVault(t, hsmsim.Enterprise)
			c := newCustody(t, v, transitcmac.Options{})
			m := mustCreate(t, c, "staff-doors")
			v.sim.SetFault(test.hook)
			before := len(v.calls.all())
			keys, err := c.Derive(t.Context(), m, []an10922.M{newInput(t)})
			if keys != nil || !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%d keys, error %v; want %v saying %q", len(keys), err, test.want, test.says)
			}
			if n := len(v.calls.all()) - before; n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func fault(status int, words ...string) func(*http.Request) error {
	return func(*http.Request) error { return &hsmsim.Fault{Status: status, Errors: words} }
}

func mustCreate(t testing.TB, c *transitcmac.Custody, domain string) custody.Master {
	t.Helper()
	m, err := c.CreateMaster(t.Context(), domain, 1)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSealedAndBack(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	c := newCustody(t, v, transitcmac.Options{})
	m := mustCreate(t, c, "staff-doors")
	v.sim.SetSealed(true)
	if err := c.Check(t.Context()); !errors.Is(err, custody.ErrUnavailable) {
		t.Errorf("sealed: %v", err)
	}
	v.sim.SetSealed(false)
	if err := c.Check(t.Context()); err != nil {
		t.Errorf("unsealed: %v", err)
	}
	if _, err := c.KCV(t.Context(), m); err != nil {
		t.Errorf("unsealed: %v", err)
	}
}

// TestCommunity shows what an operator with the wrong edition reads.
func TestCommunity(t *testing.T) {
	c := newCustody(t, startVault(t, hsmsim.Community), transitcmac.Options{})
	_, created := c.CreateMaster(t.Context(), "staff-doors", 1)
	_, derived := c.Derive(t.Context(), custody.Master{KeyName: "badgekms-x", KeyVersion: 1}, []an10922.M{newInput(t)})
	for name, err := range map[string]error{"Check": c.Check(t.Context()), "CreateMaster": created, "Derive": derived} {
		if !errors.Is(err, custody.ErrUnsupported) || !strings.Contains(err.Error(), "Vault Enterprise") || !strings.Contains(err.Error(), "transit-envelope") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadToken(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	v.client.SetToken("s.wrong")
	if err := newCustody(t, v, transitcmac.Options{}).Check(t.Context()); !errors.Is(err, custody.ErrDenied) {
		t.Errorf("error %v, want ErrDenied", err)
	}
}

// TestTokenRenewal: the caller replaces the token of the client it gave.
func TestTokenRenewal(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	good := v.client.Token()
	v.client.SetToken("s.expired")
	c := newCustody(t, v, transitcmac.Options{})
	v.client.SetToken(good)
	if err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTimeout(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	c := newCustody(t, v, transitcmac.Options{Timeout: 30 * time.Millisecond})
	v.sim.SetFault(func(r *http.Request) error {
		<-r.Context().Done()
		return hsmsim.ErrDropConnection
	})
	err := c.Check(t.Context())
	if !errors.Is(err, custody.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "30ms") {
		t.Errorf("error %v, want ErrUnavailable that names the time", err)
	}
}

// TestGivenUp: the caller's own end is not blamed on Vault.
func TestGivenUp(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	c := newCustody(t, v, transitcmac.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	v.sim.SetFault(func(r *http.Request) error {
		cancel()
		<-r.Context().Done()
		return hsmsim.ErrDropConnection
	})
	if err := c.Check(ctx); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "given up") {
		t.Errorf("error %v, want one that says it was given up", err)
	}
}

func TestUnreachable(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	c := newCustody(t, v, transitcmac.Options{})
	v.server.Close()
	if err := c.Check(t.Context()); !errors.Is(err, custody.ErrUnavailable) || !strings.Contains(err.Error(), "VAULT_ADDR") {
		t.Errorf("error %v", err)
	}
}

// TestExcludedVersion: an operator raised min_decryption_version too early.
func TestExcludedVersion(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	c := newCustody(t, v, transitcmac.Options{})
	first := mustCreate(t, c, "staff-doors")
	second, err := c.Rotate(t.Context(), "staff-doors", 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.client.Logical().Write("transit/keys/badgekms-staff-doors/config", map[string]any{"min_decryption_version": 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Derive(t.Context(), first, []an10922.M{newInput(t)}); !errors.Is(err, custody.ErrUnknownMaster) {
		t.Errorf("excluded version: %v", err)
	}
	if _, err := c.Derive(t.Context(), second, []an10922.M{newInput(t)}); err != nil {
		t.Errorf("allowed version: %v", err)
	}
}

// TestWrongType: a key that an operator made by hand with 256 bits answers
// with 16 bytes too, which are no AES-128 diversification.
func TestWrongType(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	c := newCustody(t, v, transitcmac.Options{})
	if _, err := v.client.Logical().Write("transit/keys/badgekms-sso", map[string]any{"type": "aes256-cmac"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.KCV(t.Context(), custody.Master{Domain: "sso", KeyName: "badgekms-sso", KeyVersion: 1}); !errors.Is(err, custody.ErrUnsupported) {
		t.Errorf("KCV: %v", err)
	}
	if _, err := c.Rotate(t.Context(), "sso", 2); !errors.Is(err, custody.ErrUnsupported) {
		t.Errorf("Rotate: %v", err)
	}
}

func TestOptions(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	for _, opts := range []transitcmac.Options{
		{Mount: "/"}, {Mount: "a//b"}, {Mount: "../sys"}, {Prefix: "a/b"}, {Prefix: "é"}, {Timeout: -1},
	} {
		if _, err := transitcmac.New(v.client, opts); err == nil {
			t.Errorf("%+v was accepted", opts)
		}
	}
	if _, err := transitcmac.New(nil, transitcmac.Options{}); err == nil {
		t.Error("a nil client was accepted")
	}
	c := newCustody(t, v, transitcmac.Options{Mount: "/transit/", Prefix: "chu_"})
	if m := mustCreate(t, c, "sso"); m.KeyName != "chu_sso" {
		t.Errorf("key %q", m.KeyName)
	}
}

// TestLog looks for key bytes and inputs in everything that is logged.
func TestLog(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	var log bytes.Buffer
	c := newCustody(t, v, transitcmac.Options{Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	k, err := key.NewAES128(bytes.Repeat([]byte{0x5C}, 16))
	if err != nil {
		t.Fatal(err)
	}
	m := v.planter(c)(t, "staff-doors", 1, k)
	if _, err := c.Derive(t.Context(), m, []an10922.M{newInput(t)}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "transit/cmac/badgekms-staff-doors") {
		t.Errorf("the call is not logged: %s", log.String())
	}
	for _, secret := range []string{"vault:v1", "batch_input", "5c5c", "XFxc", v.client.Token()} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log contains %q", secret)
		}
	}
}
