package sqlite

import (
	"fmt"
	"time"

	"badgekms/kms/registry"
)

const selectHolder = `SELECT id, name, unit, created, updated, rev FROM holders `

func scanHolder(r row) (registry.Holder, error) {
	var h registry.Holder
	err := r.Scan(&h.ID, &h.Name, &h.Unit, (*moment)(&h.Created), (*moment)(&h.Updated), &h.Rev)
	return h, err
}

// CreateHolder implements registry.Holders.
func (t *tx) CreateHolder(h registry.Holder) (registry.Holder, error) {
	if err := h.Validate(); err != nil {
		return registry.Holder{}, err
	}
	h.Created = t.store.now()
	h.Updated, h.Rev = h.Created, 1
	_, err := t.exec(`INSERT INTO holders (id, name, unit, created, updated, rev) VALUES (?, ?, ?, ?, ?, ?)`,
		h.ID, h.Name, h.Unit, moment(h.Created), moment(h.Updated), h.Rev)
	if err != nil {
		return registry.Holder{}, fmt.Errorf("create holder %q: %w", h.ID, err)
	}
	return h, nil
}

// UpdateHolder implements registry.Holders.
func (t *tx) UpdateHolder(h registry.Holder) (registry.Holder, error) {
	if err := h.Validate(); err != nil {
		return registry.Holder{}, err
	}
	old, err := t.Holder(h.ID)
	if err != nil {
		return registry.Holder{}, err
	}
	n, err := t.exec(`UPDATE holders SET name = ?, unit = ?, updated = ?, rev = rev + 1 WHERE id = ? AND rev = ?`,
		h.Name, h.Unit, moment(t.store.now()), h.ID, h.Rev)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: revision %d, not %d", registry.ErrConflict, old.Rev, h.Rev)
	}
	if err != nil {
		return registry.Holder{}, fmt.Errorf("update holder %q: %w", h.ID, err)
	}
	return t.Holder(h.ID)
}

// Holder implements registry.Holders.
func (t *tx) Holder(id string) (registry.Holder, error) {
	h, err := one(t, scanHolder, selectHolder+`WHERE id = ?`, id)
	if err != nil {
		return registry.Holder{}, fmt.Errorf("holder %q: %w", id, err)
	}
	return h, nil
}

// ListHolders implements registry.Holders.
func (t *tx) ListHolders(p registry.Page) (registry.List[registry.Holder], error) {
	return page(t, p, scanHolder, func(h registry.Holder) string { return h.ID },
		selectHolder+`WHERE id > ?1 ORDER BY id LIMIT ?2`)
}

const selectAssignment = `SELECT badge, holder, since, until FROM assignments `

func scanAssignment(r row) (registry.Assignment, error) {
	var a registry.Assignment
	err := r.Scan(&a.Badge, &a.Holder, (*moment)(&a.From), (*moment)(&a.To))
	return a, err
}

// Assign implements registry.Assignments.
func (t *tx) Assign(badge, holder string, from time.Time) error {
	past, err := t.AssignmentsOfBadge(badge)
	if err != nil {
		return err
	}
	from = from.UTC().Truncate(time.Microsecond)
	if n := len(past); n > 0 {
		switch last := past[n-1]; {
		case last.To.IsZero():
			return fmt.Errorf("assign badge %s: %w: it is holder %q's; end that first", badge, registry.ErrExists, last.Holder)
		case from.Before(last.To):
			return fmt.Errorf("assign badge %s: %w: it was assigned until %s", badge, registry.ErrInvalid, last.To.Format(time.RFC3339))
		}
	}
	if from.IsZero() {
		return fmt.Errorf("assign badge %s: %w: no date", badge, registry.ErrInvalid)
	}
	_, err = t.exec(`INSERT INTO assignments (badge, holder, since) VALUES (?, ?, ?)`, badge, holder, moment(from))
	if err != nil {
		return fmt.Errorf("assign badge %s to holder %q: %w", badge, holder, err)
	}
	return nil
}

// Unassign implements registry.Assignments.
func (t *tx) Unassign(badge string, to time.Time) error {
	a, err := t.CurrentAssignment(badge)
	if err != nil {
		return err
	}
	to = to.UTC().Truncate(time.Microsecond)
	if to.Before(a.From) {
		return fmt.Errorf("end the assignment of badge %s: %w: it began later, at %s", badge, registry.ErrInvalid, a.From.Format(time.RFC3339))
	}
	_, err = t.exec(`UPDATE assignments SET until = ? WHERE badge = ? AND until IS NULL`, moment(to), badge)
	if err != nil {
		return fmt.Errorf("end the assignment of badge %s: %w", badge, err)
	}
	return nil
}

// CurrentAssignment implements registry.Assignments.
func (t *tx) CurrentAssignment(badge string) (registry.Assignment, error) {
	a, err := one(t, scanAssignment, selectAssignment+`WHERE badge = ? AND until IS NULL`, badge)
	if err != nil {
		return registry.Assignment{}, fmt.Errorf("assignment of badge %s: %w", badge, err)
	}
	return a, nil
}

// AssignmentsOfBadge implements registry.Assignments.
func (t *tx) AssignmentsOfBadge(badge string) ([]registry.Assignment, error) {
	return all(t, scanAssignment, selectAssignment+`WHERE badge = ? ORDER BY id`, badge)
}

// AssignmentsOfHolder implements registry.Assignments.
func (t *tx) AssignmentsOfHolder(holder string) ([]registry.Assignment, error) {
	return all(t, scanAssignment, selectAssignment+`WHERE holder = ? ORDER BY id`, holder)
}
