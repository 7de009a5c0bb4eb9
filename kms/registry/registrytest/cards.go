package registrytest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"badgekms/kms/registry"
)

func badges(t *testing.T, f *fixture) {
	b := registry.Badge{
		ID: "b-1", UID: f.uid(), CardType: "EV3", Version: bytes.Repeat([]byte{0x33}, 28), State: registry.Reserved,
		CredentialNumber: bytes.Repeat([]byte{0xC0}, registry.CredentialSize), Profile: "default",
		ProfileHash:  bytes.Repeat([]byte{0xAB}, registry.HashSize),
		FirstStation: "desk-1", FirstConversation: "c-1", Expiry: time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	f.update(t, func(tx registry.Tx) error {
		made, err := tx.CreateBadge(b)
		recent(t, "created", made.Created)
		b.Created, b.Updated, b.Rev = made.Created, made.Updated, made.Rev
		equal(t, "created badge", made, b)
		return err
	})
	for name, twin := range map[string]registry.Badge{
		"id":         {ID: "b-1", UID: f.uid(), State: registry.Stock},
		"uid":        {UID: b.UID, State: registry.Stock},
		"credential": {UID: f.uid(), State: registry.Stock, CredentialNumber: b.CredentialNumber},
	} {
		t.Run("same "+name, func(t *testing.T) {
			f.refused(t, registry.ErrExists, func(tx registry.Tx) error {
				_, err := tx.CreateBadge(twin)
				return err
			})
		})
	}
	invalidBadges(t, f, b)
	f.view(t, func(tx registry.Tx) error {
		got, err := tx.Badge("b-1")
		equal(t, "badge read back", got, b)
		return err
	})
}

// invalidBadges shows that what a badge must keep, it keeps.
func invalidBadges(t *testing.T, f *fixture, b registry.Badge) {
	for name, c := range map[string]struct {
		change func(*registry.Badge)
		want   error
	}{
		"other uid":          {func(b *registry.Badge) { b.UID = f.uid() }, registry.ErrInvalid},
		"other station":      {func(b *registry.Badge) { b.FirstStation = "desk-2" }, registry.ErrInvalid},
		"other conversation": {func(b *registry.Badge) { b.FirstConversation = "c-2" }, registry.ErrInvalid},
		"unknown state":      {func(b *registry.Badge) { b.State = "lent" }, registry.ErrTransition},
		"illegal state":      {func(b *registry.Badge) { b.State = registry.Active }, registry.ErrTransition},
		"short credential":   {func(b *registry.Badge) { b.CredentialNumber = []byte{1} }, registry.ErrInvalid},
		"stale revision":     {func(b *registry.Badge) { b.Rev++ }, registry.ErrConflict},
		"stale and illegal":  {func(b *registry.Badge) { b.Rev--; b.State = registry.Active }, registry.ErrConflict},
		"unknown badge":      {func(b *registry.Badge) { b.ID = "b-2" }, registry.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			changed := b
			c.change(&changed)
			f.refused(t, c.want, func(tx registry.Tx) error {
				_, err := tx.UpdateBadge(changed)
				return err
			})
		})
	}
	for _, uid := range [][]byte{nil, {1, 2, 3}, make([]byte, 11)} {
		f.refused(t, registry.ErrInvalid, func(tx registry.Tx) error {
			_, err := tx.CreateBadge(registry.Badge{UID: uid, State: registry.Stock})
			return err
		})
	}
}

// badgeTransitions tries every pair of states against registry.State.Can.
func badgeTransitions(t *testing.T, f *fixture) {
	for _, from := range registry.States() {
		for _, to := range registry.States() {
			if from == to {
				continue
			}
			b := f.badge(t, from)
			b.State = to
			err := f.store.Update(t.Context(), func(tx registry.Tx) error {
				_, err := tx.UpdateBadge(b)
				return err
			})
			if from.Can(to) != (err == nil) || err != nil && !errors.Is(err, registry.ErrTransition) {
				t.Errorf("%s to %s: got error %v, legal is %v", from, to, err, from.Can(to))
			}
			want := from
			if from.Can(to) {
				want = to
			}
			f.view(t, func(tx registry.Tx) error {
				got, err := tx.Badge(b.ID)
				equal(t, "state", got.State, want)
				return err
			})
		}
	}
}

func badgeSearch(t *testing.T, f *fixture) {
	uids := [][]byte{{4, 1, 2, 3}, {4, 1, 2, 3, 4, 5, 6}, {4, 1, 2, 3, 4, 5, 6, 7, 8, 9}}
	number := bytes.Repeat([]byte{0x5A}, registry.CredentialSize)
	f.update(t, func(tx registry.Tx) error {
		for i, uid := range uids {
			b := registry.Badge{ID: fmt.Sprintf("b-%d", i), UID: uid, State: registry.Reserved}
			if i == 1 {
				b.CredentialNumber = number
			}
			if _, err := tx.CreateBadge(b); err != nil {
				return err
			}
		}
		return nil
	})
	f.view(t, func(tx registry.Tx) error {
		for i, uid := range uids {
			b, err := tx.BadgeByUID(uid)
			is(t, "badge by UID", err, nil)
			equal(t, "badge by UID", b.ID, fmt.Sprintf("b-%d", i))
		}
		b, err := tx.BadgeByCredential(number)
		equal(t, "badge by credential number", b.ID, "b-1")
		_, missing := tx.BadgeByUID(uids[0][:3])
		is(t, "UID cut short", missing, registry.ErrNotFound)
		_, missing = tx.BadgeByCredential(nil)
		is(t, "no credential number", missing, registry.ErrNotFound)
		return err
	})
	searchByHolder(t, f)
}

func searchByHolder(t *testing.T, f *fixture) {
	f.holder(t, "H-1")
	f.update(t, func(tx registry.Tx) error {
		for _, id := range []string{"b-0", "b-1"} {
			if err := tx.Assign(id, "H-1", time.Unix(1e9, 0)); err != nil {
				return err
			}
		}
		return tx.Unassign("b-0", time.Unix(2e9, 0))
	})
	equal(t, "badges of the holder now", f.list(t, registry.BadgeFilter{Holder: "H-1"}), []string{"b-1"})
	equal(t, "badges of nobody", f.list(t, registry.BadgeFilter{Holder: "H-2"}), nil)
	equal(t, "reserved badges", f.list(t, registry.BadgeFilter{State: registry.Reserved}), []string{"b-0", "b-1", "b-2"})
	equal(t, "active badges", f.list(t, registry.BadgeFilter{State: registry.Active}), nil)
}

// list lists the ids of badges, two to a page.
func (f *fixture) list(t *testing.T, filter registry.BadgeFilter) (ids []string) {
	t.Helper()
	p := registry.Page{Size: 2}
	f.view(t, func(tx registry.Tx) error {
		for {
			l, err := tx.ListBadges(filter, p)
			if err != nil {
				return err
			}
			for _, b := range l.Items {
				ids = append(ids, b.ID)
			}
			if p.Token = l.Next; p.Token == "" {
				return nil
			}
		}
	})
	return ids
}

func pages(t *testing.T, f *fixture) {
	const n = 7
	f.update(t, func(tx registry.Tx) error {
		for i := range n {
			id := fmt.Sprintf("H-%d", i)
			if _, err := tx.CreateHolder(registry.Holder{ID: id, Name: id}); err != nil {
				return err
			}
		}
		return nil
	})
	for size := range n + 2 {
		var got []string
		p := registry.Page{Size: size}
		f.view(t, func(tx registry.Tx) error {
			for range n + 1 {
				l, err := tx.ListHolders(p)
				if err != nil {
					return err
				}
				if len(l.Items) > p.Limit() || len(l.Items) == 0 {
					t.Errorf("size %d: a page of %d", size, len(l.Items))
				}
				for _, h := range l.Items {
					got = append(got, h.ID)
				}
				if p.Token = l.Next; p.Token == "" {
					return nil
				}
			}
			t.Errorf("size %d: the list does not end", size)
			return nil
		})
		if len(got) != n || !slices.IsSorted(got) {
			t.Errorf("size %d: the pages hold %v", size, got)
		}
	}
}
