package sqlite

import (
	"errors"
	"fmt"

	"badgekms/kms/registry"
)

const selectSlot = `SELECT badge, aid, slot, key, state, updated, rev FROM card_slots `

func scanSlot(r row) (registry.CardSlot, error) {
	var s registry.CardSlot
	err := r.Scan(&s.Badge, (*aidColumn)(&s.AID), &s.Slot, (*keyColumn)(&s.Key), &s.State, (*moment)(&s.Updated), &s.Rev)
	return s, err
}

// CardSlot implements registry.CardSlots.
func (t *tx) CardSlot(id registry.SlotID) (registry.CardSlot, error) {
	s, err := one(t, scanSlot, selectSlot+`WHERE badge = ? AND aid = ? AND slot = ?`, id.Badge, id.AID[:], id.Slot)
	if err != nil {
		return registry.CardSlot{}, fmt.Errorf("%s: %w", id, err)
	}
	return s, nil
}

// CardSlots implements registry.CardSlots.
func (t *tx) CardSlots(badge string) ([]registry.CardSlot, error) {
	return all(t, scanSlot, selectSlot+`WHERE badge = ? ORDER BY aid, slot`, badge)
}

// markPending writes that a slot, said to hold a key, may soon hold another.
func (t *tx) markPending(id registry.SlotID, held registry.KeyRef) error {
	s, err := t.CardSlot(id)
	missing := errors.Is(err, registry.ErrNotFound)
	if err != nil && !missing {
		return err
	}
	if s.Key == (registry.KeyRef{}) && held.Kind == registry.KeyDomain {
		return fmt.Errorf("%s: %w: it is said to hold %s, and there is no evidence of any key", id, registry.ErrConflict, held)
	}
	if missing {
		_, err = t.exec(`INSERT INTO card_slots (badge, aid, slot, state, updated, rev) VALUES (?, ?, ?, ?, ?, 1)`,
			id.Badge, id.AID[:], id.Slot, registry.SlotPending, moment(t.store.now()))
		return err
	}
	_, err = t.updateSlot(s, held, s.Key, registry.SlotPending)
	return err
}

// updateSlot writes key and state to the slot if it is still as s says and if
// evidence, where there is any, says that it holds the key expected there.
func (t *tx) updateSlot(s registry.CardSlot, expected, key registry.KeyRef, state registry.SlotState) (registry.CardSlot, error) {
	if s.Key != (registry.KeyRef{}) && s.Key != expected {
		return registry.CardSlot{}, fmt.Errorf("%s: %w: it holds %s, not %s", s.SlotID, registry.ErrConflict, s.Key, expected)
	}
	n, err := t.exec(`UPDATE card_slots SET key = ?, state = ?, updated = ?, rev = rev + 1
		WHERE badge = ? AND aid = ? AND slot = ? AND rev = ?`,
		keyOrNull(key), state, moment(t.store.now()), s.Badge, s.AID[:], s.Slot, s.Rev)
	if err == nil && n == 0 {
		err = registry.ErrConflict
	}
	if err != nil {
		return registry.CardSlot{}, fmt.Errorf("%s: %w", s.SlotID, err)
	}
	return t.CardSlot(s.SlotID)
}

// AddTrial implements registry.Trials.
func (t *tx) AddTrial(id registry.SlotID, intent string) (int, error) {
	n, err := one(t, scanInt, `INSERT INTO trials (badge, aid, slot, in_a_row) VALUES (?, ?, ?, 1)
		ON CONFLICT (badge, aid, slot) DO UPDATE SET in_a_row = in_a_row + 1 RETURNING in_a_row`,
		id.Badge, id.AID[:], id.Slot)
	if err != nil {
		return 0, fmt.Errorf("count a trial: %s: %w", id, err)
	}
	if intent == "" {
		return int(n), nil
	}
	counted, err := t.exec(`UPDATE intent_slots SET trials = trials + 1 WHERE intent = ? AND badge = ? AND aid = ? AND slot = ?`,
		intent, id.Badge, id.AID[:], id.Slot)
	if err == nil && counted == 0 {
		err = registry.ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("count a trial: %s, intent %s: %w", id, intent, err)
	}
	return int(n), nil
}

// ClearTrials implements registry.Trials.
func (t *tx) ClearTrials(id registry.SlotID) error {
	_, err := t.exec(`DELETE FROM trials WHERE badge = ? AND aid = ? AND slot = ?`, id.Badge, id.AID[:], id.Slot)
	if err != nil {
		return fmt.Errorf("clear the trials: %s: %w", id, err)
	}
	return nil
}

// TrialsInARow implements registry.Trials.
func (t *tx) TrialsInARow(id registry.SlotID) (int, error) {
	n, err := one(t, scanInt, `SELECT coalesce(max(in_a_row), 0) FROM trials WHERE badge = ? AND aid = ? AND slot = ?`,
		id.Badge, id.AID[:], id.Slot)
	if err != nil {
		return 0, fmt.Errorf("read the trials: %s: %w", id, err)
	}
	return int(n), nil
}
