package procedure_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"badgekms/kms/audit"
	"badgekms/kms/custody"
	"badgekms/kms/custody/custodytest"
	"badgekms/kms/domain"
	"badgekms/kms/keyring"
	"badgekms/kms/office"
	"badgekms/kms/procedure"
	"badgekms/kms/profile"
	"badgekms/kms/registry"
	"badgekms/kms/registry/sqlite"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/cardsim"
	"badgekms/reader/desfire"
)

// kms is an Engine with all that it stands on, and a clock.
type kms struct {
	*procedure.Engine
	t         testing.TB
	store     registry.Store
	custody   custody.Custody
	office    *office.Office
	now       time.Time
	count     int
	alive     map[string]bool
	committed int // flushes so far
}

const systemID = profile.SystemID("750712184")

func newKMS(t testing.TB) *kms {
	t.Helper()
	return newKMSWith(t, profile.Default())
}

func newKMSWith(t testing.TB, p *profile.Profile) *kms {
	t.Helper()
	k := &kms{t: t, now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), alive: map[string]bool{}}
	clock := func() time.Time { return k.now }
	appender, err := audit.NewAppender("test", clock, rand.Reader)
	must(t, err)
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "registry.db"), sqlite.Options{
		Create: true, Audit: appender, Now: clock, OnCommit: func(int) { k.committed++ },
	})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	k.store = store
	k.office = &office.Office{Store: store, Now: clock}
	ring, err := keyring.NewRing(nil, nil)
	must(t, err)
	masters := custodytest.NewInsecureMemory(rand.Reader)
	k.custody = masters
	domains := &domain.Service{
		Store: store, Custody: masters, Deriver: keyring.NewDeriver(masters, ring), Profile: p, SystemID: systemID,
	}
	for _, name := range p.Domains() {
		kind := keyring.Authentication
		if name == p.AdminDomain() {
			kind = keyring.Admin
		}
		_, err := domains.Create(t.Context(), audit.Actor{Workload: "test"}, name, kind, false)
		must(t, err)
	}
	k.Engine = procedure.New(procedure.Options{
		Store: store, Deriver: domains.Deriver, Profile: p, SystemID: systemID, Instance: "test",
		InitialRef:  registry.PublicDefault(),
		Originality: procedure.OriginalityPolicy{Require: true, TestKeys: []desfire.OriginalityKey{simulatorKey(t)}},
		Alive:       func(id string) bool { return k.alive[id] },
		Now:         clock, Random: rand.Reader,
	})
	return k
}

// restart replaces the Engine by one with other options, as a new process on
// the same registry.
func (k *kms) restart(change func(o *procedure.Options)) {
	o := k.Options
	change(&o)
	k.Engine = procedure.New(o)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func simulatorKey(t testing.TB) desfire.OriginalityKey {
	t.Helper()
	point, err := cardsim.OriginalityKey().Bytes()
	must(t, err)
	k, err := desfire.ParseOriginalityKey("simulated card", point)
	must(t, err)
	return k
}

// Reset powers the card up.
func (c *counted) Reset() {
	if card, ok := c.Card.(interface{ Reset() }); ok {
		card.Reset()
	}
}

// counted counts round trips and card commands, and watches each run.
type counted struct {
	reader.Card
	trips, commands int
	onRun           func(run []reader.Command)
}

func (c *counted) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	if c.onRun != nil {
		c.onRun(run)
	}
	c.trips++
	rs, err := c.Card.Transmit(ctx, run)
	c.commands += len(rs)
	return rs, err
}

func newCard(t *testing.T, typ cardsim.Type) *cardsim.Card {
	t.Helper()
	card, err := cardsim.New(cardsim.Options{Type: typ})
	must(t, err)
	return card
}

// present puts a card on the reader, which powers it up: the opening script,
// then a conversation.
// A card that leaves during the script gives ok false, as the KMS never hears
// of it.
func (k *kms) present(card reader.Card, uid []byte, p badgekmsv1.Procedure) (procedure.Conversation, bool) {
	k.t.Helper()
	script, ok := k.Script(p)
	if !ok {
		k.t.Fatalf("no script for %s", p)
	}
	if c, ok := card.(interface{ Reset() }); ok {
		c.Reset()
	}
	opening, err := card.Transmit(k.t.Context(), script.Commands)
	k.count++
	return procedure.Conversation{
		ID: fmt.Sprintf("conversation-%d", k.count), Card: card, UID: uid, Opening: opening,
		Actor: audit.Actor{Workload: "spiffe://test/station/one", Station: "one"},
	}, err == nil
}

// provision enrols a card once.
func (k *kms) provision(card reader.Card, uid []byte) (procedure.Provisioned, error) {
	k.t.Helper()
	c, ok := k.present(card, uid, badgekmsv1.Procedure_PROCEDURE_PROVISION)
	if !ok {
		return procedure.Provisioned{}, reader.ErrRemoved
	}
	return k.Provision(k.t.Context(), c, procedure.ProvisionRequest{HolderID: "H-1"})
}

// holder records the holder of the tests.
func (k *kms) holder() {
	k.t.Helper()
	_, err := k.office.CreateHolder(k.t.Context(), audit.Actor{Workload: "test"}, registry.Holder{ID: "H-1", Name: "Anne Martin"}, false)
	must(k.t, err)
}

func (k *kms) handOver(badge string) {
	k.t.Helper()
	_, err := k.office.HandOver(k.t.Context(), audit.Actor{Workload: "test"}, badge, "carte d'identité", time.Time{})
	must(k.t, err)
}

func (k *kms) tap(card reader.Card, uid []byte) (procedure.Tap, error) {
	k.t.Helper()
	c, _ := k.present(card, uid, badgekmsv1.Procedure_PROCEDURE_AUTHENTICATE)
	return k.Authenticate(k.t.Context(), c)
}

func provisionFor(holder string) procedure.ProvisionRequest {
	return procedure.ProvisionRequest{HolderID: holder}
}
