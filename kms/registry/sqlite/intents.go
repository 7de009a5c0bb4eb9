package sqlite

import (
	"errors"
	"fmt"

	"badgekms/kms/registry"
)

// OpenIntent implements registry.Intents.
func (t *tx) OpenIntent(i registry.Intent) (registry.Intent, error) {
	p, err := t.holding(i.Procedure.UID, i.Procedure.Fence)
	if err != nil {
		return registry.Intent{}, fmt.Errorf("open an intent: %w", err)
	}
	i.Procedure = p
	if err := i.Validate(); err != nil {
		return registry.Intent{}, err
	}
	if i.ID, err = t.newID(i.ID); err != nil {
		return registry.Intent{}, err
	}
	if _, err := t.exec(`INSERT INTO intents (id, procedure, opened) VALUES (?, ?, ?)`, i.ID, p.ID, moment(t.store.now())); err != nil {
		return registry.Intent{}, fmt.Errorf("open intent %s: %w", i.ID, err)
	}
	for _, s := range i.Slots {
		if err := t.openSlot(i.ID, p, s); err != nil {
			return registry.Intent{}, fmt.Errorf("open an intent: %w", err)
		}
	}
	return t.Intent(i.ID)
}

func (t *tx) openSlot(intent string, p registry.Procedure, s registry.IntentSlot) error {
	id := registry.SlotID{Badge: p.Badge, AID: s.AID, Slot: s.Slot}
	if err := t.checkIssue(p.UID, s.New); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	if err := t.markPending(id, s.Old); err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO intent_slots (intent, badge, aid, slot, key_set, old_key, new_key, trials,
			outcome, evidence_kind, evidence_conversation)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, '', '', '')`,
		intent, id.Badge, id.AID[:], id.Slot, s.KeySet, s.Old.Encode(), s.New.Encode())
	if errors.Is(err, registry.ErrExists) {
		err = registry.ErrUnsettled
	}
	if err != nil {
		return fmt.Errorf("%s, issue number %s: %w", id, s.New.Issue, err)
	}
	return nil
}

// checkIssue refuses a key under an issue number that the UID was never given:
// it could be given to another attempt later.
func (t *tx) checkIssue(uid []byte, k registry.KeyRef) error {
	if !k.Derived() {
		return nil
	}
	n, err := one(t, scanInt, `SELECT count(*) FROM issue_numbers WHERE uid = ? AND epoch = ? AND attempt = ?`,
		uid, k.Issue.Epoch(), k.Issue.Attempt())
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: issue number %s was not allocated to this card", registry.ErrInvalid, k.Issue)
	}
	return err
}

// CloseIntent implements registry.Intents.
func (t *tx) CloseIntent(fence uint64, intent string, aid registry.AID, slot byte, o registry.Outcome, e registry.Evidence) (registry.CardSlot, error) {
	closed, err := t.closeIntent(fence, intent, aid, slot, o, e)
	if err != nil {
		return registry.CardSlot{}, fmt.Errorf("close intent %s, application %s, slot %d: %w", intent, aid, slot, err)
	}
	return closed, nil
}

func (t *tx) closeIntent(fence uint64, intent string, aid registry.AID, slot byte, o registry.Outcome, e registry.Evidence) (registry.CardSlot, error) {
	i, err := t.Intent(intent)
	if err != nil {
		return registry.CardSlot{}, err
	}
	if _, err := t.holding(i.Procedure.UID, fence); err != nil {
		return registry.CardSlot{}, err
	}
	s, err := findSlot(i, aid, slot)
	if err != nil {
		return registry.CardSlot{}, err
	}
	if err := e.Prove(s, o); err != nil {
		return registry.CardSlot{}, err
	}
	id := registry.SlotID{Badge: i.Procedure.Badge, AID: aid, Slot: slot}
	_, err = t.exec(`UPDATE intent_slots SET settled = ?, outcome = ?, evidence_kind = ?, evidence_key = ?, evidence_conversation = ?
		WHERE intent = ? AND aid = ? AND slot = ? AND settled IS NULL`,
		moment(t.store.now()), o, e.Kind, e.Key.Encode(), e.Conversation, intent, aid[:], slot)
	if err != nil {
		return registry.CardSlot{}, err
	}
	return t.settleSlot(id, s, o)
}

func findSlot(i registry.Intent, aid registry.AID, slot byte) (registry.IntentSlot, error) {
	for _, s := range i.Slots {
		if s.AID != aid || s.Slot != slot {
			continue
		}
		if !s.Open() {
			return registry.IntentSlot{}, fmt.Errorf("%w: as %s", registry.ErrSettled, s.Outcome)
		}
		return s, nil
	}
	return registry.IntentSlot{}, fmt.Errorf("its slot: %w", registry.ErrNotFound)
}

// settleSlot writes what the slot holds, now that it is known.
func (t *tx) settleSlot(id registry.SlotID, s registry.IntentSlot, o registry.Outcome) (registry.CardSlot, error) {
	others, err := one(t, scanInt, `SELECT count(*) FROM intent_slots WHERE badge = ? AND aid = ? AND slot = ? AND settled IS NULL`,
		id.Badge, id.AID[:], id.Slot)
	if err != nil {
		return registry.CardSlot{}, err
	}
	current, err := t.CardSlot(id)
	if err != nil {
		return registry.CardSlot{}, err
	}
	key, state := s.HeldAfter(o, others > 0)
	return t.updateSlot(current, s.Old, key, state)
}

// SettleGone implements registry.Intents.
func (t *tx) SettleGone(uid []byte, fence uint64, aid registry.AID, e registry.Evidence) error {
	p, err := t.holding(uid, fence)
	if err != nil {
		return fmt.Errorf("forget application %s: %w", aid, err)
	}
	if aid == registry.PICC {
		return fmt.Errorf("forget application %s: %w: the card itself cannot go", aid, registry.ErrInvalid)
	}
	if err := e.ProveGone(); err != nil {
		return fmt.Errorf("forget application %s: %w", aid, err)
	}
	_, err = t.exec(`UPDATE intent_slots SET settled = ?, outcome = ?, evidence_kind = ?, evidence_key = ?, evidence_conversation = ?
		WHERE badge = ? AND aid = ? AND settled IS NULL`,
		moment(t.store.now()), registry.OutcomeGone, e.Kind, e.Key.Encode(), e.Conversation, p.Badge, aid[:])
	if err != nil {
		return fmt.Errorf("forget application %s: %w", aid, err)
	}
	for _, statement := range []string{
		`DELETE FROM card_slots WHERE badge = ? AND aid = ?`,
		`DELETE FROM trials WHERE badge = ? AND aid = ?`,
	} {
		if _, err := t.exec(statement, p.Badge, aid[:]); err != nil {
			return fmt.Errorf("forget application %s: %w", aid, err)
		}
	}
	return nil
}

const selectIntent = `SELECT i.id, i.opened, ` + procedureColumns + ` FROM intents i JOIN procedures p ON p.id = i.procedure `

func scanIntent(r row) (registry.Intent, error) {
	var i registry.Intent
	err := r.Scan(append([]any{&i.ID, (*moment)(&i.Opened)}, procedureDest(&i.Procedure)...)...)
	return i, err
}

const selectIntentSlots = `SELECT aid, slot, key_set, old_key, new_key, trials, settled, outcome,
	evidence_kind, evidence_key, evidence_conversation FROM intent_slots WHERE intent = ? ORDER BY aid, slot`

func scanIntentSlot(r row) (registry.IntentSlot, error) {
	var s registry.IntentSlot
	err := r.Scan((*aidColumn)(&s.AID), &s.Slot, &s.KeySet, (*keyColumn)(&s.Old), (*keyColumn)(&s.New), &s.Trials,
		(*moment)(&s.Settled), &s.Outcome, &s.Evidence.Kind, (*keyColumn)(&s.Evidence.Key), &s.Evidence.Conversation)
	return s, err
}

// Intent implements registry.Intents.
func (t *tx) Intent(id string) (registry.Intent, error) {
	i, err := one(t, scanIntent, selectIntent+`WHERE i.id = ?`, id)
	if err == nil {
		i.Slots, err = all(t, scanIntentSlot, selectIntentSlots, id)
	}
	if err != nil {
		return registry.Intent{}, fmt.Errorf("intent %s: %w", id, err)
	}
	return i, nil
}

// UnsettledIntents implements registry.Intents.
func (t *tx) UnsettledIntents(uid []byte) ([]registry.Intent, error) {
	list, err := all(t, scanIntent, selectIntent+`WHERE p.uid = ?
		AND EXISTS (SELECT 1 FROM intent_slots s WHERE s.intent = i.id AND s.settled IS NULL)
		ORDER BY i.rowid DESC`, uid)
	if err != nil {
		return nil, fmt.Errorf("unsettled intents: %w", err)
	}
	for n := range list {
		if list[n].Slots, err = all(t, scanIntentSlot, selectIntentSlots, list[n].ID); err != nil {
			return nil, fmt.Errorf("unsettled intents: %w", err)
		}
	}
	return list, nil
}
