package registrytest

import (
	"testing"
	"time"

	"badgekms/kms/registry"
)

func holders(t *testing.T, f *fixture) {
	f.holder(t, "H-1042")
	f.refused(t, registry.ErrExists, func(tx registry.Tx) error {
		_, err := tx.CreateHolder(registry.Holder{ID: "H-1042", Name: "Someone else"})
		return err
	})
	for _, h := range []registry.Holder{{Name: "No id"}, {ID: "H-1"}} {
		f.refused(t, registry.ErrInvalid, func(tx registry.Tx) error {
			_, err := tx.CreateHolder(h)
			return err
		})
	}
	var seen registry.Holder
	f.update(t, func(tx registry.Tx) (err error) {
		if seen, err = tx.Holder("H-1042"); err != nil {
			return err
		}
		recent(t, "created", seen.Created)
		seen.Unit = "Pharmacie à usage intérieur"
		seen, err = tx.UpdateHolder(seen)
		return err
	})
	equal(t, "unit", seen.Unit, "Pharmacie à usage intérieur")
	stale := seen
	stale.Rev--
	f.refused(t, registry.ErrConflict, func(tx registry.Tx) error {
		_, err := tx.UpdateHolder(stale)
		return err
	})
	f.refused(t, registry.ErrNotFound, func(tx registry.Tx) error {
		_, err := tx.UpdateHolder(registry.Holder{ID: "H-9", Name: "Nobody", Rev: 1})
		return err
	})
	f.view(t, func(tx registry.Tx) error {
		got, err := tx.Holder("H-1042")
		equal(t, "holder read back", got, seen)
		_, missing := tx.Holder("H-9")
		is(t, "unknown holder", missing, registry.ErrNotFound)
		return err
	})
}

func assignments(t *testing.T, f *fixture) {
	b := f.badge(t, registry.Encoded)
	f.holder(t, "H-1")
	f.holder(t, "H-2")
	day := func(n int) time.Time { return time.Date(2026, 3, n, 8, 0, 0, 0, time.UTC) }
	assign := func(badge, holder string, at time.Time) func(registry.Tx) error {
		return func(tx registry.Tx) error { return tx.Assign(badge, holder, at) }
	}
	unassign := func(at time.Time) func(registry.Tx) error {
		return func(tx registry.Tx) error { return tx.Unassign(b.ID, at) }
	}
	f.refused(t, registry.ErrNotFound, assign(b.ID, "H-9", day(1)))
	f.refused(t, registry.ErrNotFound, assign("no-such-badge", "H-1", day(1)))
	f.refused(t, registry.ErrInvalid, assign(b.ID, "H-1", time.Time{}))
	f.refused(t, registry.ErrNotFound, unassign(day(1)))
	f.update(t, assign(b.ID, "H-1", day(2)))
	f.refused(t, registry.ErrExists, assign(b.ID, "H-2", day(3)))
	f.refused(t, registry.ErrExists, assign(b.ID, "H-1", day(3)))
	f.refused(t, registry.ErrInvalid, unassign(day(1)))
	f.update(t, unassign(day(4)))
	f.refused(t, registry.ErrInvalid, assign(b.ID, "H-2", day(3)))
	f.update(t, assign(b.ID, "H-2", day(4)))

	first := registry.Assignment{Badge: b.ID, Holder: "H-1", From: day(2), To: day(4)}
	second := registry.Assignment{Badge: b.ID, Holder: "H-2", From: day(4)}
	f.view(t, func(tx registry.Tx) error {
		current, err := tx.CurrentAssignment(b.ID)
		is(t, "current assignment", err, nil)
		equal(t, "current assignment", current, second)
		ofBadge, err := tx.AssignmentsOfBadge(b.ID)
		is(t, "history of the badge", err, nil)
		equal(t, "history of the badge", ofBadge, []registry.Assignment{first, second})
		ofHolder, err := tx.AssignmentsOfHolder("H-1")
		equal(t, "history of the holder", ofHolder, []registry.Assignment{first})
		return err
	})
}

func requests(t *testing.T, f *fixture) {
	r := registry.Request{Station: "spiffe://hospital/station/desk-1", ID: "r-1", Badge: "b-1", Conversation: "c-1"}
	save := func(r registry.Request) func(registry.Tx) error {
		return func(tx registry.Tx) error { return tx.SaveRequest(r) }
	}
	f.refused(t, registry.ErrInvalid, save(registry.Request{ID: "r-1"}))
	f.update(t, save(r))
	r.Conversation, r.Outcome = "c-2", "DESFire EV3"
	f.update(t, save(r))
	f.refused(t, registry.ErrExists, save(r))
	other := r
	other.Station = "spiffe://hospital/station/desk-2"
	f.update(t, save(other))
	f.view(t, func(tx registry.Tx) error {
		got, err := tx.Request(r.Station, r.ID)
		recent(t, "created", got.Created)
		r.Created = got.Created
		equal(t, "request", got, r)
		_, missing := tx.Request(r.Station, "r-2")
		is(t, "unknown request", missing, registry.ErrNotFound)
		return err
	})
}
