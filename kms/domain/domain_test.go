package domain_test

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"badgekms/kms/an10922"
	"badgekms/kms/audit"
	"badgekms/kms/custody"
	"badgekms/kms/custody/custodytest"
	"badgekms/kms/domain"
	"badgekms/kms/keyring"
	"badgekms/kms/profile"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	"badgekms/kms/registry/sqlite"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

const systemID = profile.SystemID("750712184")

var actor = audit.Actor{Workload: "spiffe://test/officer/one"}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fragile is a registry and a custody whose next call fails on demand.
type fragile struct {
	registry.Store
	custody.Custody
	update, kcv error
}

func (f *fragile) Update(ctx context.Context, change func(registry.Tx) error) error {
	if f.update != nil {
		return f.update
	}
	return f.Store.Update(ctx, change)
}

func (f *fragile) KCV(ctx context.Context, m custody.Master) (an10922.KCV, error) {
	if f.kcv != nil {
		return an10922.KCV{}, f.kcv
	}
	return f.Custody.KCV(ctx, m)
}

// newService is a service on an empty registry and an empty custody.
func newService(t *testing.T) (*domain.Service, *fragile) {
	t.Helper()
	f := &fragile{Store: newStore(t), Custody: custodytest.NewInsecureMemory(rand.Reader)}
	return serviceOn(f), f
}

func newStore(t *testing.T) *sqlite.Store {
	t.Helper()
	appender, err := audit.NewAppender("test", time.Now, rand.Reader)
	must(t, err)
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "registry.db"), sqlite.Options{Create: true, Audit: appender})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	return store
}

func serviceOn(f *fragile) *domain.Service {
	return &domain.Service{Store: f, Custody: f, Deriver: keyring.NewDeriver(f, nil), Profile: profile.Default(), SystemID: systemID}
}

func kindOf(p *profile.Profile, name string) keyring.Kind {
	if name == p.AdminDomain() {
		return keyring.Admin
	}
	return keyring.Authentication
}

// All domains of the profile are made, usable at once and after a restart, and
// each creation is on record.
func TestCreate(t *testing.T) {
	s, f := newService(t)
	for _, name := range s.Profile.Domains() {
		d, err := s.Create(t.Context(), actor, name, kindOf(s.Profile, name), false)
		must(t, err)
		if d.Name != name || d.SystemID != systemID || d.FormatID != s.Profile.Format(name).ID() || len(d.Generations) != 1 {
			t.Errorf("domain %+v", d)
		}
		g := d.Generations[0]
		want, err := f.Custody.KCV(t.Context(), g.Master())
		must(t, err)
		if g.Number != 1 || g.State != keyring.Active || g.KCV != want || g.CardKeyVersion == 0 || g.Origin != custody.OriginToken || g.Created.IsZero() {
			t.Errorf("generation %+v", g)
		}
	}
	must(t, s.Deriver.Ring().CheckProfile(s.Profile, systemID))

	again := serviceOn(f)
	must(t, again.Load(t.Context()))
	must(t, again.Deriver.Ring().CheckProfile(s.Profile, systemID))
	must(t, again.Deriver.VerifyMasters(t.Context()))
	list, err := again.List()
	must(t, err)
	if len(list) != len(s.Profile.Domains()) {
		t.Errorf("%d domains are listed", len(list))
	}
	for i, d := range list {
		if i > 0 && list[i-1].Name >= d.Name || len(d.Generations) != 1 {
			t.Errorf("list %+v", list)
		}
	}
	if n := created(t, f); n != len(list) {
		t.Errorf("%d creations on record, %d domains", n, len(list))
	}
}

// created counts the records of created domains.
func created(t *testing.T, store registry.Store) (n int) {
	t.Helper()
	rows, err := store.AuditTree().Unsequenced(t.Context(), 1000)
	must(t, err)
	for _, r := range rows {
		h, err := audit.ParseHeader(r.Header)
		must(t, err)
		b, err := audit.ParseBody(r.Body)
		must(t, err)
		if h.Action == "domain.create" && b.Actor.Workload == actor.Workload && b.Details["kcv"] != "" {
			n++
		}
	}
	return n
}

// A creation that broke off between custody and registry, wherever, is
// finished by the next one, with a version of the key that nobody used.
func TestCreationIsFinished(t *testing.T) {
	for name, interrupt := range map[string]func(t *testing.T, s *domain.Service, f *fragile){
		"killed after the custody": func(t *testing.T, _ *domain.Service, f *fragile) {
			_, err := f.CreateMaster(t.Context(), "staff-doors", 1)
			must(t, err)
		},
		"no check value": func(t *testing.T, s *domain.Service, f *fragile) {
			f.kcv = custody.ErrUnavailable
			_, err := s.Create(t.Context(), actor, "staff-doors", keyring.Authentication, false)
			if reason.Of(err) != badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE {
				t.Errorf("error %v", err)
			}
			f.kcv = nil
		},
		"storage failed": func(t *testing.T, s *domain.Service, f *fragile) {
			f.update = registry.ErrStorage
			_, err := s.Create(t.Context(), actor, "staff-doors", keyring.Authentication, false)
			if reason.Of(err) != badgekmsv1.Reason_REASON_STORAGE_FAILED {
				t.Errorf("error %v", err)
			}
			f.update = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, f := newService(t)
			interrupt(t, s, f)
			if list, err := s.List(); err != nil || len(list) != 0 {
				t.Fatalf("domains %v, %v after the interruption", list, err)
			}
			d, err := s.Create(t.Context(), actor, "staff-doors", keyring.Authentication, false)
			must(t, err)
			if g := d.Generations[0]; g.Number != 1 || g.KeyVersion != 2 {
				t.Errorf("generation %+v, want number 1 on version 2 of the key", g)
			}
			must(t, s.Deriver.VerifyMasters(t.Context()))
		})
	}
}

func TestRefusedDomains(t *testing.T) {
	s, f := newService(t)
	admin := s.Profile.AdminDomain()
	_, err := s.Create(t.Context(), actor, "staff-doors", keyring.Authentication, false)
	must(t, err)
	for name, c := range map[string]struct {
		name string
		kind keyring.Kind
		want badgekmsv1.Reason
	}{
		"exists":                       {"staff-doors", keyring.Authentication, badgekmsv1.Reason_REASON_DOMAIN_EXISTS},
		"exists, and of another kind":  {"staff-doors", keyring.Admin, badgekmsv1.Reason_REASON_DOMAIN_EXISTS},
		"admin domain for badges":      {admin, keyring.Authentication, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"authentication for the cards": {"sso", keyring.Admin, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"no name":                      {"", keyring.Authentication, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"a path":                       {"../staff", keyring.Authentication, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"capitals":                     {"Staff", keyring.Authentication, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"too long":                     {strings.Repeat("a", 49), keyring.Authentication, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
	} {
		t.Run(name, func(t *testing.T) {
			for _, validateOnly := range []bool{true, false} {
				if _, err := s.Create(t.Context(), actor, c.name, c.kind, validateOnly); reason.Of(err) != c.want {
					t.Errorf("validateOnly %t: %v, want %v", validateOnly, err, c.want)
				}
			}
		})
	}
	if n := created(t, f); n != 1 {
		t.Errorf("%d creations on record", n)
	}
}

// Another process made the domain meanwhile: it is said to exist, and its
// master is not replaced.
func TestExistsInRegistryOnly(t *testing.T) {
	s, f := newService(t)
	stale := serviceOn(f)
	first, err := s.Create(t.Context(), actor, "sso", keyring.Authentication, false)
	must(t, err)
	if _, err := stale.Create(t.Context(), actor, "sso", keyring.Authentication, false); reason.Of(err) != badgekmsv1.Reason_REASON_DOMAIN_EXISTS {
		t.Errorf("error %v", err)
	}
	must(t, stale.Load(t.Context()))
	list, err := stale.List()
	must(t, err)
	if len(list) != 1 || list[0].Generations[0].Master() != first.Generations[0].Master() {
		t.Errorf("domains %+v", list)
	}
	must(t, stale.Deriver.VerifyMasters(t.Context()))
}

// validate_only answers what would be made and makes nothing, neither in the
// registry nor in the custody.
func TestValidateOnly(t *testing.T) {
	s, f := newService(t)
	d, err := s.Create(t.Context(), actor, "sso", keyring.Authentication, true)
	must(t, err)
	if d.Name != "sso" || d.Kind != keyring.Authentication || len(d.Generations) != 0 {
		t.Errorf("answer %+v", d)
	}
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Errorf("domains %v, %v", list, err)
	}
	if _, err := f.Rotate(t.Context(), "sso", 1); !errors.Is(err, custody.ErrUnknownMaster) {
		t.Errorf("the custody has a key: %v", err)
	}
	if n := created(t, f); n != 0 {
		t.Errorf("%d creations on record", n)
	}
}
