package kmsd_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"badgekms/cmd/internal/kmsd"
	"badgekms/kms/custody"
	"badgekms/kms/custody/custodytest"
	"badgekms/kms/pki"
	"badgekms/kms/profile"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

const trustDomain = "badges.chu-example.fr"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fakeCustody is a custody that can be away, and that may serve long M only.
type fakeCustody struct {
	custody.Custody
	away     atomic.Bool
	shortest int
}

func (c *fakeCustody) Capabilities() custody.Capabilities {
	all := c.Custody.Capabilities()
	if c.shortest > 0 {
		all.ShortestM = c.shortest
	}
	return all
}

func (c *fakeCustody) Check(ctx context.Context) error {
	if c.away.Load() {
		return custody.ErrUnavailable
	}
	return c.Custody.Check(ctx)
}

// site is where a KMS may be started: its certificates and its files.
type site struct {
	t       *testing.T
	options kmsd.Options
	custody *fakeCustody
	officer pki.Files
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	ca, err := pki.Init(filepath.Join(dir, "ca"), trustDomain, pki.Options{})
	must(t, err)
	issue := func(role pki.Role, name string, hosts ...string) pki.Files {
		leaf, err := ca.Issue(role, name, hosts, 0)
		must(t, err)
		cert, key, err := leaf.Write(dir)
		must(t, err)
		return pki.Files{Cert: cert, Key: key, CA: filepath.Join(dir, "ca", pki.CACertFile), TrustDomain: trustDomain}
	}
	s := &site{t: t, custody: &fakeCustody{Custody: custodytest.NewInsecureMemory(rand.Reader)}, officer: issue(pki.Officer, "one")}
	s.options = kmsd.Options{
		Instance: "test", Listen: "127.0.0.1:0",
		Database: filepath.Join(dir, "badgekms.db"), SigningKey: filepath.Join(dir, "audit.key"),
		TLS: issue(pki.KMS, "kms-1", "127.0.0.1"), Profile: profile.Default(), SystemID: "750712184",
		InitialRef: registry.PublicDefault(), Custody: s.custody,
		Terminal: time.Minute, Station: time.Minute, Silence: time.Minute,
		Log: slog.New(slog.DiscardHandler),
	}
	return s
}

// initialised is a site with the files of a new KMS.
func initialised(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	must(t, kmsd.Init(t.Context(), s.options, "audit.test"))
	return s
}

func (s *site) start() *kmsd.Daemon {
	s.t.Helper()
	d, err := kmsd.Start(s.t.Context(), s.options)
	must(s.t, err)
	return d
}

func stop(t *testing.T, d *kmsd.Daemon) {
	t.Helper()
	must(t, d.Stop(t.Context()))
	if err := <-d.Done(); err != nil {
		t.Errorf("serving ended with %v", err)
	}
}

// dial connects as a security officer.
func (s *site) dial(d *kmsd.Daemon) *grpc.ClientConn {
	s.t.Helper()
	c, err := pki.Load(s.officer, time.Now, func(err error) { s.t.Error(err) })
	must(s.t, err)
	config, err := pki.ClientTLS(c)
	must(s.t, err)
	conn, err := grpc.NewClient(d.Addr(), grpc.WithTransportCredentials(credentials.NewTLS(config)))
	must(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// deadline gives the context of one call.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// createDomains makes what the profile asks for, through the API.
func (s *site) createDomains(conn *grpc.ClientConn) {
	s.t.Helper()
	client := badgekmsv1.NewDomainServiceClient(conn)
	for _, name := range s.options.Profile.Domains() {
		kind := badgekmsv1.DomainKind_DOMAIN_KIND_AUTHENTICATION
		if name == s.options.Profile.AdminDomain() {
			kind = badgekmsv1.DomainKind_DOMAIN_KIND_ADMIN
		}
		_, err := client.CreateDomain(deadline(s.t), &badgekmsv1.CreateDomainRequest{Name: name, Kind: kind})
		must(s.t, err)
	}
}

// waitHealth waits until the KMS says that it is in that state.
func (s *site) waitHealth(conn *grpc.ClientConn, want healthv1.HealthCheckResponse_ServingStatus) {
	s.t.Helper()
	watch, err := healthv1.NewHealthClient(conn).Watch(deadline(s.t), &healthv1.HealthCheckRequest{})
	must(s.t, err)
	for {
		r, err := watch.Recv()
		must(s.t, err)
		if r.GetStatus() == want {
			return
		}
	}
}

func (s *site) health(conn *grpc.ClientConn) healthv1.HealthCheckResponse_ServingStatus {
	s.t.Helper()
	r, err := healthv1.NewHealthClient(conn).Check(deadline(s.t), &healthv1.HealthCheckRequest{})
	must(s.t, err)
	return r.GetStatus()
}
