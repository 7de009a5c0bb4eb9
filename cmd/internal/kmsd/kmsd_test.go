package kmsd_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"badgekms/cmd/internal/kmsd"
	"badgekms/kms/audit"
	"badgekms/kms/custody"
	"badgekms/kms/custody/custodytest"
	"badgekms/kms/keyring"
	"badgekms/kms/pki"
	"badgekms/kms/profile"
	"badgekms/kms/registry"
)

// A new KMS serves but is not ready: the domains can be created over the API,
// which makes it ready, and it is ready at once when it is started again.
func TestFromInitToReady(t *testing.T) {
	t.Parallel()
	s := initialised(t)
	d := s.start()
	conn := s.dial(d)
	if got := s.health(conn); got != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("without domains the health is %v", got)
	}
	s.createDomains(conn)
	s.waitHealth(conn, healthv1.HealthCheckResponse_SERVING)
	stop(t, d)

	d = s.start()
	if got := s.health(s.dial(d)); got != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("after a restart the health is %v", got)
	}
	stop(t, d)
}

// A custody that goes away makes the KMS not ready, and ready when it is back.
func TestCustodyGoesAway(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for two looks at the custody, 5 seconds each")
	}
	t.Parallel()
	s := initialised(t)
	first := s.start()
	s.createDomains(s.dial(first))
	stop(t, first)
	d := s.start()
	conn := s.dial(d)
	s.waitHealth(conn, healthv1.HealthCheckResponse_SERVING)
	s.custody.away.Store(true)
	s.waitHealth(conn, healthv1.HealthCheckResponse_NOT_SERVING)
	s.custody.away.Store(false)
	s.waitHealth(conn, healthv1.HealthCheckResponse_SERVING)
	stop(t, d)
}

// A log that was signed with another key is not gone on with, and the KMS is
// not ready until somebody looked into it.
func TestForeignAuditLog(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the next look at the log, 5 seconds")
	}
	t.Parallel()
	s := initialised(t)
	d := s.start()
	s.createDomains(s.dial(d))
	stop(t, d)
	must(t, os.Remove(s.options.SigningKey))
	must(t, os.Remove(s.options.SigningKey+audit.PublicSuffix))
	_, err := audit.CreateSigningKey(s.options.SigningKey, "audit.test", rand.Reader)
	must(t, err)

	d = s.start()
	s.waitHealth(s.dial(d), healthv1.HealthCheckResponse_NOT_SERVING)
	stop(t, d)
}

// What keeps a KMS from starting is named with its cure, and nothing is held
// afterwards: it starts once the cause is gone.
func TestRefusedStarts(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(s *site) (undo func())
		want    error
		text    string
	}{
		"no database": {func(s *site) func() {
			kept := s.options.Database
			s.options.Database += ".missing"
			return func() { s.options.Database = kept }
		}, registry.ErrAbsent, "kms init"},
		"no signing key": {func(s *site) func() {
			kept := s.options.SigningKey
			s.options.SigningKey += ".missing"
			return func() { s.options.SigningKey = kept }
		}, fs.ErrNotExist, "kms init"},
		"another process has the database": {func(s *site) func() {
			d := s.start()
			return func() { stop(s.t, d) }
		}, registry.ErrLocked, ""},
		"custody away": {func(s *site) func() {
			s.custody.away.Store(true)
			return func() { s.custody.away.Store(false) }
		}, custody.ErrUnavailable, "check the custody"},
		"address in use": {func(s *site) func() {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			must(s.t, err)
			s.options.Listen = l.Addr().String()
			return func() {
				s.options.Listen = "127.0.0.1:0"
				must(s.t, l.Close())
			}
		}, nil, "listen for the API"},
		"M too short for the custody": {func(s *site) func() {
			kept := s.options.Profile
			s.options.Profile, s.custody.shortest = shortProfile(s.t), 16
			return func() { s.options.Profile, s.custody.shortest = kept, 0 }
		}, profile.ErrCustody, "M has"},
		"a client's certificate": {func(s *site) func() {
			kept := s.options.TLS
			s.options.TLS = s.officer
			return func() { s.options.TLS = kept }
		}, pki.ErrWrongUse, "role kms"},
		"no certificate": {func(s *site) func() {
			kept := s.options.TLS
			s.options.TLS.Cert += ".missing"
			return func() { s.options.TLS = kept }
		}, fs.ErrNotExist, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := initialised(t)
			undo := c.prepare(s)
			d, err := kmsd.Start(t.Context(), s.options)
			if err == nil {
				stop(t, d)
				t.Fatal("it started")
			}
			if c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, want %v and %q in it", err, c.want, c.text)
			}
			undo()
			stop(t, s.start())
		})
	}
}

// shortProfile has an M of 13 bytes, as other vendors' readers may want it.
func shortProfile(t *testing.T) *profile.Profile {
	t.Helper()
	text, _, found := bytes.Cut(profile.DefaultYAML(), []byte("\ndiversification:"))
	if !found {
		t.Fatal("the default profile has no section diversification")
	}
	p, err := profile.Parse(append(text, []byte("\ndiversification:\n  fields: [uid, aid, slot, issue]\n")...))
	must(t, err)
	return p
}

// A custody that holds other masters than those on record (the wrong backup)
// is found at the start.
func TestWrongMasters(t *testing.T) {
	t.Parallel()
	s := initialised(t)
	d := s.start()
	s.createDomains(s.dial(d))
	stop(t, d)
	other := custodytest.NewInsecureMemory(rand.Reader)
	for _, name := range s.options.Profile.Domains() {
		_, err := other.CreateMaster(t.Context(), name, 1)
		must(t, err)
	}
	right := s.custody.Custody
	s.custody.Custody = other
	if _, err := kmsd.Start(t.Context(), s.options); !errors.Is(err, keyring.ErrKCV) {
		t.Errorf("error %v", err)
	}
	s.custody.Custody = right
	stop(t, s.start())
}

// Init replaces nothing, and leaves nothing when it fails.
func TestInit(t *testing.T) {
	t.Parallel()
	s := initialised(t)
	key, err := os.ReadFile(s.options.SigningKey)
	must(t, err)
	if err := kmsd.Init(t.Context(), s.options, "audit.test"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second Init: %v", err)
	}
	// A new key for an old database.
	o := s.options
	o.SigningKey += ".other"
	if err := kmsd.Init(t.Context(), o, "audit.test"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Init on an old database: %v", err)
	}
	// A new database for an old key.
	o = s.options
	o.Database += ".other"
	if err := kmsd.Init(t.Context(), o, "audit.test"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Init with an old key: %v", err)
	}
	again, err := os.ReadFile(s.options.SigningKey)
	must(t, err)
	if !bytes.Equal(key, again) {
		t.Error("the signing key was replaced")
	}

	empty := newSite(t)
	kept := empty.options.Database
	empty.options.Database = filepath.Join(t.TempDir(), "missing", "badgekms.db")
	if err := kmsd.Init(t.Context(), empty.options, "audit.test"); err == nil {
		t.Fatal("a database was made in a directory that is not there")
	}
	empty.options.Database = kept
	must(t, kmsd.Init(t.Context(), empty.options, "audit.test"))
	stop(t, empty.start())
}

// Check finds without any connection what Start would stumble over, and holds
// nothing.
func TestCheck(t *testing.T) {
	t.Parallel()
	s := newSite(t) // not even initialised
	s.custody.away.Store(true)
	must(t, kmsd.Check(s.options))

	o := s.options
	o.TLS = s.officer
	if err := kmsd.Check(o); !errors.Is(err, pki.ErrWrongUse) {
		t.Errorf("a client's certificate: %v", err)
	}
	s.custody.shortest = 16
	o = s.options
	o.Profile = shortProfile(t)
	if err := kmsd.Check(o); !errors.Is(err, profile.ErrCustody) || !errors.Is(err, custody.ErrShortM) {
		t.Errorf("a short M: %v", err)
	}
	o = s.options
	o.SystemID = "x"
	if err := kmsd.Check(o); !errors.Is(err, profile.ErrSystemID) {
		t.Errorf("a malformed system_id: %v", err)
	}
}
