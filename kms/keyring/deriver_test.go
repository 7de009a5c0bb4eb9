package keyring_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"badgekms/kms/an10922"
	"badgekms/kms/custody"
	"badgekms/kms/custody/custodytest"
	"badgekms/kms/keyring"
	"badgekms/kms/profile"
	"badgekms/reader/key"
)

// counted counts the calls that reach a custody, and can fail or fall short.
type counted struct {
	custody.Custody
	derives atomic.Int32
	fail    error
	failing string // the domain whose calls fail
	short   bool
}

func (c *counted) Derive(ctx context.Context, m custody.Master, inputs []an10922.M) ([]key.AES128, error) {
	c.derives.Add(1)
	if c.fail != nil && m.Domain == c.failing {
		return nil, c.fail
	}
	keys, err := c.Custody.Derive(ctx, m, inputs)
	if c.short && len(keys) > 0 {
		keys = keys[1:]
	}
	return keys, err
}

func aesKey(t testing.TB, text string) key.AES128 {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	k, err := key.NewAES128(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// fixture is the default profile's ring over masters in memory.
type fixture struct {
	deriver     *keyring.Deriver
	custody     *counted
	memory      *custodytest.InsecureMemory
	domains     []keyring.Domain
	generations []keyring.Generation
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{memory: custodytest.NewInsecureMemory(rand.Reader)}
	f.custody = &counted{Custody: f.memory}
	f.domains, f.generations = defaultDomains()
	for i := range f.generations {
		g := &f.generations[i]
		m, err := f.memory.CreateMaster(t.Context(), g.Domain, g.Number)
		if err != nil {
			t.Fatal(err)
		}
		g.KeyName, g.KeyVersion = m.KeyName, m.KeyVersion
		if g.KCV, err = f.memory.KCV(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	f.deriver = keyring.NewDeriver(f.custody, newRing(t, f.domains, f.generations...))
	return f
}

var uid = []byte{0x04, 0x78, 0x2E, 0x21, 0x80, 0x1D, 0x80}

func ref(domain string, aid profile.AID, slot byte) keyring.KeyRef {
	return keyring.KeyRef{Domain: domain, Generation: 1, UID: uid, AID: aid, Slot: slot, Issue: 0x0001}
}

// TestPublishedKey goes all the way from a reference to NXP's own example:
// AN10922 §2.2.1 with M = UID, AID, system identifier.
func TestPublishedKey(t *testing.T) {
	memory := custodytest.NewInsecureMemory(rand.Reader)
	m := memory.Put("sso", 1, aesKey(t, "00112233445566778899AABBCCDDEEFF"))
	g := keyring.Generation{Domain: "sso", Number: 1, KeyName: m.KeyName, KeyVersion: m.KeyVersion, CardKeyVersion: 1, State: keyring.Active}
	r := newRing(t, []keyring.Domain{{Name: "sso", Kind: keyring.Authentication, FormatID: "an10922-aes128:uid,aid,system_id", SystemID: "NXP Abu"}}, g)
	keys, err := keyring.NewDeriver(memory, r).Derive(t.Context(), keyring.Recognise, ref("sso", profile.AID{0x30, 0x42, 0xF5}, 3))
	if err != nil || len(keys) != 1 || !keys[0].Equal(aesKey(t, "A8DD63A3B89D54B37CA802473FDA9175")) {
		t.Errorf("not NXP's key (%d keys, error %v)", len(keys), err)
	}
}

// rendezvous is a custody that answers nobody before all calls are there.
type rendezvous struct {
	custody.Custody
	all *sync.WaitGroup
}

func (r *rendezvous) Derive(ctx context.Context, m custody.Master, inputs []an10922.M) ([]key.AES128, error) {
	r.all.Done()
	r.all.Wait()
	return r.Custody.Derive(ctx, m, inputs)
}

// TestMastersAreAskedTogether: the keys of a badge cost the time of one call to
// the custody, not of one for each master. Asked one by one, this would hang.
func TestMastersAreAskedTogether(t *testing.T) {
	f := newFixture(t)
	p := profile.Default()
	var refs []keyring.KeyRef
	for _, s := range p.Slots {
		refs = append(refs, ref(s.Domain, p.Application.AID, s.Number))
	}
	var all sync.WaitGroup
	all.Add(len(p.Domains()))
	d := keyring.NewDeriver(&rendezvous{f.memory, &all}, newRing(t, f.domains, f.generations...))
	if keys, err := d.Derive(t.Context(), keyring.Issue, refs...); err != nil || len(keys) != len(refs) {
		t.Errorf("%d keys, error %v", len(keys), err)
	}
}

// TestWholeBadge derives every key of a badge, in a mixed order, and expects
// each in its place, all different, with one custody call per master.
func TestWholeBadge(t *testing.T) {
	f := newFixture(t)
	p := profile.Default()
	refs := []keyring.KeyRef{ref("admin", profile.PICC, 0)}
	for _, s := range p.Slots {
		refs = append(refs, ref(s.Domain, p.Application.AID, s.Number))
	}
	refs = append(refs, ref("admin", profile.PICC, keyring.CardDefaultSlot))
	again := ref("sso", p.Application.AID, 3)
	again.Issue = 0x0002
	refs = append(refs, again)
	keys, err := f.deriver.Derive(t.Context(), keyring.Issue, refs...)
	if err != nil || len(keys) != len(refs) {
		t.Fatalf("%d keys for %d references, error %v", len(keys), len(refs), err)
	}
	if got, want := int(f.custody.derives.Load()), len(p.Domains()); got != want {
		t.Errorf("%d calls to the custody, want one per master: %d", got, want)
	}
	for i := range keys {
		alone, err := f.deriver.Derive(t.Context(), keyring.Issue, refs[i])
		if err != nil || !keys[i].Equal(alone[0]) {
			t.Errorf("key %d differs when it is derived alone (error %v)", i, err)
		}
		for j := range i {
			if keys[i].Equal(keys[j]) {
				t.Errorf("keys %d and %d are the same", i, j)
			}
		}
	}
}

// TestAllBadgesDiffer is the national guidance as a property.
func TestAllBadgesDiffer(t *testing.T) {
	f := newFixture(t)
	seen := map[[key.Size]byte]bool{}
	for n := range 500 {
		r := ref("staff-doors", profile.Default().Application.AID, 1)
		r.UID = []byte{0x04, byte(n), byte(n >> 8), 0, 0, 0, 0x80}
		keys, err := f.deriver.Derive(t.Context(), keyring.Issue, r)
		if err != nil {
			t.Fatal(err)
		}
		if seen[keys[0].Reveal()] {
			t.Fatalf("badge %d has a key of another badge", n)
		}
		seen[keys[0].Reveal()] = true
	}
}

func TestDeriveRefuses(t *testing.T) {
	f := newFixture(t)
	aid := profile.Default().Application.AID
	changed := func(r keyring.KeyRef, change func(*keyring.KeyRef)) keyring.KeyRef {
		change(&r)
		return r
	}
	sso := ref("sso", aid, 3)
	for name, test := range map[string]struct {
		ref  keyring.KeyRef
		want error
	}{
		"unknown domain":        {ref("canteen", aid, 3), keyring.ErrUnknownDomain},
		"unknown generation":    {changed(sso, func(r *keyring.KeyRef) { r.Generation = 2 }), keyring.ErrUnknownGeneration},
		"admin for a door":      {ref("admin", aid, 1), keyring.ErrKind},
		"door for slot 0":       {ref("staff-doors", aid, 0), keyring.ErrKind},
		"door for the PICC key": {ref("staff-doors", profile.PICC, 0), keyring.ErrKind},
		"door for card default": {ref("staff-doors", profile.PICC, keyring.CardDefaultSlot), keyring.ErrKind},
		"PICC slot 2":           {ref("admin", profile.PICC, 2), keyring.ErrKind},
		"random identifier":     {changed(sso, func(r *keyring.KeyRef) { r.UID = []byte{8, 1, 2, 3} }), profile.ErrUID},
		"slot 14":               {ref("sso", aid, 14), profile.ErrSlot},
	} {
		keys, err := f.deriver.Derive(t.Context(), keyring.Replace, sso, test.ref)
		if keys != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: %d keys, error %v, want %v", name, len(keys), err, test.want)
		}
	}
	if n := f.custody.derives.Load(); n != 0 {
		t.Errorf("the custody was called %d times for batches that are refused", n)
	}
	if keys, err := f.deriver.Derive(t.Context(), keyring.Issue); len(keys) != 0 || err != nil {
		t.Errorf("no references: %d keys, error %v", len(keys), err)
	}
}

// TestStateDecides derives for each use in each state, after SetRing.
func TestStateDecides(t *testing.T) {
	f := newFixture(t)
	for _, state := range keyring.States() {
		for i := range f.generations {
			f.generations[i].State = state
		}
		f.deriver.SetRing(newRing(t, f.domains, f.generations...))
		for _, use := range []keyring.Use{keyring.Issue, keyring.Recognise, keyring.Replace} {
			_, err := f.deriver.Derive(t.Context(), use, ref("sso", profile.AID{1}, 3))
			if state.Serves(use) != (err == nil) || err != nil && !errors.Is(err, keyring.ErrState) {
				t.Errorf("%s, %s: error %v", state, use, err)
			}
		}
	}
}

func TestCustodyFailure(t *testing.T) {
	refs := []keyring.KeyRef{ref("sso", profile.AID{1}, 3), ref("staff-doors", profile.AID{1}, 1)}
	f := newFixture(t)
	f.custody.fail, f.custody.failing = custody.ErrUnavailable, "staff-doors"
	keys, err := f.deriver.Derive(t.Context(), keyring.Recognise, refs...)
	if keys != nil || !errors.Is(err, custody.ErrUnavailable) || !strings.Contains(err.Error(), "staff-doors") {
		t.Errorf("one call fails: %d keys, error %v", len(keys), err)
	}
	f = newFixture(t)
	f.custody.short = true
	if keys, err := f.deriver.Derive(t.Context(), keyring.Recognise, refs...); keys != nil || !errors.Is(err, custody.ErrWrongAnswer) {
		t.Errorf("too few keys: %d keys, error %v", len(keys), err)
	}
}

func TestVerifyMasters(t *testing.T) {
	f := newFixture(t)
	if err := f.deriver.VerifyMasters(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.generations[2].KCV[0] ^= 1
	f.generations[4].KCV[4] ^= 1
	f.deriver.SetRing(newRing(t, f.domains, f.generations...))
	err := f.deriver.VerifyMasters(t.Context())
	if !errors.Is(err, keyring.ErrKCV) || !strings.Contains(err.Error(), f.generations[2].Domain) || !strings.Contains(err.Error(), f.generations[4].Domain) {
		t.Errorf("two wrong masters: %v", err)
	}
	f.generations[2].State, f.generations[4].State = keyring.Destroyed, keyring.Destroyed
	f.deriver.SetRing(newRing(t, f.domains, f.generations...))
	if err := f.deriver.VerifyMasters(t.Context()); err != nil {
		t.Errorf("destroyed masters are asked for: %v", err)
	}
	f.generations[1].KeyVersion = 9
	f.deriver.SetRing(newRing(t, f.domains, f.generations...))
	if err := f.deriver.VerifyMasters(t.Context()); !errors.Is(err, custody.ErrUnknownMaster) {
		t.Errorf("missing master: %v", err)
	}
}

// TestNoRingYet: before the registry is read every domain is unknown.
func TestNoRingYet(t *testing.T) {
	d := keyring.NewDeriver(custodytest.NewInsecureMemory(rand.Reader), nil)
	if _, err := d.Derive(t.Context(), keyring.Issue, ref("sso", profile.AID{1}, 3)); !errors.Is(err, keyring.ErrUnknownDomain) {
		t.Errorf("error %v, want ErrUnknownDomain", err)
	}
	if err := d.VerifyMasters(t.Context()); err != nil {
		t.Errorf("nothing to verify: %v", err)
	}
}

// TestErrorsTellNoUID: identifiers of badges stay out of messages.
func TestErrorsTellNoUID(t *testing.T) {
	f := newFixture(t)
	f.generations[3].State = keyring.Compromised
	f.deriver.SetRing(newRing(t, f.domains, f.generations...))
	_, err := f.deriver.Derive(t.Context(), keyring.Issue, ref("sso", profile.AID{1}, 3))
	if err == nil || bytes.Contains([]byte(strings.ToUpper(err.Error())), []byte("04782E")) {
		t.Errorf("error %v", err)
	}
}
