package office_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"badgekms/kms/audit"
	"badgekms/kms/office"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	"badgekms/kms/registry/sqlite"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

var actor = audit.Actor{Workload: "spiffe://test/operator/one", Station: "one"}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// desk is an Office on an empty registry, with a clock that stands.
type desk struct {
	office.Office
	t   *testing.T
	now time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return d.now }
	appender, err := audit.NewAppender("test", clock, rand.Reader)
	must(t, err)
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "registry.db"), sqlite.Options{Create: true, Audit: appender, Now: clock})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	d.Office = office.Office{Store: store, Now: clock}
	return d
}

// holder records a person.
func (d *desk) holder(id, name string) registry.Holder {
	d.t.Helper()
	h, err := d.CreateHolder(d.t.Context(), actor, registry.Holder{ID: id, Name: name, Unit: "Urgences"}, false)
	must(d.t, err)
	return h
}

// badge makes the n-th badge in a state, for a holder if one is named.
func (d *desk) badge(n byte, state registry.State, holder string) registry.Badge {
	d.t.Helper()
	var b registry.Badge
	must(d.t, d.Store.Update(d.t.Context(), func(tx registry.Tx) (err error) {
		b, err = tx.CreateBadge(registry.Badge{
			UID: []byte{4, 0, 0, 0, 0, 0, n}, State: state, CredentialNumber: bytes.Repeat([]byte{n}, registry.CredentialSize),
		})
		if err != nil || holder == "" {
			return err
		}
		return tx.Assign(b.ID, holder, d.now)
	}))
	return b
}

// actions lists what is on record.
func (d *desk) actions() (list []string) {
	d.t.Helper()
	rows, err := d.Store.AuditTree().Unsequenced(d.t.Context(), 1000)
	must(d.t, err)
	for _, r := range rows {
		h, err := audit.ParseHeader(r.Header)
		must(d.t, err)
		b, err := audit.ParseBody(r.Body)
		must(d.t, err)
		if b.Actor != actor {
			d.t.Errorf("%s by %+v", h.Action, b.Actor)
		}
		list = append(list, h.Action)
	}
	return list
}

// The same person again is the same record; other data is refused, and so is
// what is no person.
func TestCreateHolder(t *testing.T) {
	d := newDesk(t)
	first := d.holder("H-1", "Anne Martin")
	for name, c := range map[string]struct {
		h    registry.Holder
		want badgekmsv1.Reason // 0: the same holder
	}{
		"again":         {registry.Holder{ID: "H-1", Name: "Anne Martin", Unit: "Urgences"}, 0},
		"with blanks":   {registry.Holder{ID: " H-1 ", Name: "Anne Martin\n", Unit: "\tUrgences"}, 0},
		"another name":  {registry.Holder{ID: "H-1", Name: "Anne Dupont", Unit: "Urgences"}, badgekmsv1.Reason_REASON_HOLDER_EXISTS},
		"another unit":  {registry.Holder{ID: "H-1", Name: "Anne Martin"}, badgekmsv1.Reason_REASON_HOLDER_EXISTS},
		"no id":         {registry.Holder{ID: " ", Name: "Anne Martin"}, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"no name":       {registry.Holder{ID: "H-2", Name: " "}, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"no one at all": {registry.Holder{}, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
	} {
		for _, validateOnly := range []bool{false, true} {
			got, err := d.CreateHolder(t.Context(), actor, c.h, validateOnly)
			switch {
			case c.want != 0 && reason.Of(err) != c.want:
				t.Errorf("%s, validateOnly %t: %v, want %v", name, validateOnly, err, c.want)
			case c.want == 0 && (err != nil || got != first):
				t.Errorf("%s, validateOnly %t: %+v, %v", name, validateOnly, got, err)
			}
		}
	}
	if got := fmt.Sprint(d.actions()); got != "[holder.create]" {
		t.Errorf("on record: %s", got)
	}
}

// validate_only records nobody.
func TestValidateOnly(t *testing.T) {
	d := newDesk(t)
	h, err := d.CreateHolder(t.Context(), actor, registry.Holder{ID: "H-9", Name: "Jean Petit"}, true)
	must(t, err)
	if h.ID != "H-9" {
		t.Errorf("answer %+v", h)
	}
	list, err := d.Holders(t.Context(), registry.Page{})
	must(t, err)
	if len(list.Items) != 0 || len(d.actions()) != 0 {
		t.Errorf("holders %v, on record %v", list.Items, d.actions())
	}
}

// Only an encoded badge that has a holder is handed over, on evidence and for
// a time to come.
func TestHandOver(t *testing.T) {
	d := newDesk(t)
	d.holder("H-1", "Anne Martin")
	good := d.badge(1, registry.Encoded, "H-1")
	refused := map[string]struct {
		id, evidence string
		expiry       time.Time
		want         badgekmsv1.Reason
	}{
		"no evidence":    {good.ID, "", time.Time{}, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"blank evidence": {good.ID, " \t\n", time.Time{}, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"expired":        {good.ID, "passport", d.now.Add(-time.Second), badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"expires now":    {good.ID, "passport", d.now, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"no such badge":  {"nobody", "passport", time.Time{}, badgekmsv1.Reason_REASON_BADGE_UNKNOWN},
		"no holder":      {d.badge(2, registry.Encoded, "").ID, "passport", time.Time{}, badgekmsv1.Reason_REASON_STATE_INVALID},
	}
	for i, s := range registry.States() {
		if s == registry.Encoded {
			continue
		}
		c := refused["no holder"]
		c.id = d.badge(byte(10+i), s, "H-1").ID
		refused[string(s)] = c
	}
	for name, c := range refused {
		if _, err := d.HandOver(t.Context(), actor, c.id, c.evidence, c.expiry); reason.Of(err) != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	f, err := d.HandOver(t.Context(), actor, good.ID, "carte d'identité", time.Time{})
	must(t, err)
	if f.State != registry.Active || f.Holder != "H-1" || !f.Expiry.Equal(d.now.Add(office.DefaultValidity)) {
		t.Errorf("badge %+v", f)
	}
	if _, err := d.HandOver(t.Context(), actor, good.ID, "carte d'identité", time.Time{}); reason.Of(err) != badgekmsv1.Reason_REASON_STATE_INVALID {
		t.Errorf("handed over twice: %v", err)
	}
	temporary := d.badge(3, registry.Encoded, "H-1")
	until := d.now.Add(72 * time.Hour)
	f, err = d.HandOver(t.Context(), actor, temporary.ID, "passport", until)
	must(t, err)
	if !f.Expiry.Equal(until) {
		t.Errorf("expiry %v, want %v", f.Expiry, until)
	}
	if got := fmt.Sprint(d.actions()); got != "[holder.create badge.hand_over badge.hand_over]" {
		t.Errorf("on record: %s", got)
	}
}

// A badge is found by what is known of it, and what is not there is said to be
// unknown, whichever way it was looked for.
func TestBadge(t *testing.T) {
	d := newDesk(t)
	d.holder("H-1", "Anne Martin")
	b := d.badge(1, registry.Encoded, "H-1")
	for _, by := range []office.Find{{ID: b.ID}, {UID: b.UID}, {CredentialNumber: b.CredentialNumber}} {
		f, err := d.Badge(t.Context(), by)
		must(t, err)
		if f.ID != b.ID || f.Holder != "H-1" {
			t.Errorf("%+v finds %+v", by, f)
		}
	}
	for _, by := range []office.Find{{ID: "x"}, {UID: []byte{4, 9, 9, 9, 9, 9, 9}}, {CredentialNumber: make([]byte, 16)}, {}} {
		if _, err := d.Badge(t.Context(), by); reason.Of(err) != badgekmsv1.Reason_REASON_BADGE_UNKNOWN {
			t.Errorf("%+v: %v", by, err)
		}
	}
}

// Pages give each badge once, in the order of their ids, and a holder's filter
// gives that holder's only.
func TestPages(t *testing.T) {
	d := newDesk(t)
	d.holder("H-1", "Anne Martin")
	d.holder("H-2", "Jean Petit")
	var all, annes []string
	for n := byte(1); n <= 7; n++ {
		holder := "H-1"
		if n%3 == 0 {
			holder = "H-2"
		}
		d.now = d.now.Add(time.Second) // ids are in the order of time
		b := d.badge(n, registry.Encoded, holder)
		all = append(all, b.ID)
		if holder == "H-1" {
			annes = append(annes, b.ID)
		}
	}
	for holder, want := range map[string][]string{"": all, "H-1": annes, "H-3": nil} {
		var got []string
		p := registry.Page{Size: 2}
		for {
			files, next, err := d.Badges(t.Context(), holder, p)
			must(t, err)
			for _, f := range files {
				got = append(got, f.ID)
			}
			if p.Token = next; next == "" {
				break
			}
			if len(files) != 2 {
				t.Errorf("a page of %d, not the last", len(files))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("badges of %q:\n%s", holder, diff)
		}
	}
	first, err := d.Holders(t.Context(), registry.Page{Size: 1})
	must(t, err)
	second, err := d.Holders(t.Context(), registry.Page{Size: 1, Token: first.Next})
	must(t, err)
	if first.Items[0].ID != "H-1" || second.Items[0].ID != "H-2" || second.Next != "" {
		t.Errorf("holders %+v, %+v", first, second)
	}
}

// A registry that is closed is not taken for one without badges.
func TestClosedRegistry(t *testing.T) {
	d := newDesk(t)
	must(t, d.Store.Close())
	if _, err := d.Badge(t.Context(), office.Find{ID: "x"}); !errors.Is(err, registry.ErrClosed) {
		t.Errorf("error %v", err)
	}
	if _, err := d.CreateHolder(t.Context(), actor, registry.Holder{ID: "H-1", Name: "A"}, true); !errors.Is(err, registry.ErrClosed) {
		t.Errorf("error %v", err)
	}
}
