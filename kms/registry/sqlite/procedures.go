package sqlite

import (
	"errors"
	"fmt"

	"badgekms/kms/registry"
)

const procedureColumns = `p.id, p.uid, p.badge, p.name, p.conversation, p.instance, p.actor, p.station,
	p.profile, p.profile_hash, p.card_type, p.fence, p.started, p.ended, p.ending`

const selectProcedure = `SELECT ` + procedureColumns + ` FROM procedures p `

// procedureDest is where the columns of procedureColumns go.
func procedureDest(p *registry.Procedure) []any {
	return []any{&p.ID, &p.UID, &p.Badge, &p.Name, &p.Conversation, &p.Instance, &p.Actor, &p.Station,
		&p.Profile, &p.ProfileHash, &p.CardType, &p.Fence, (*moment)(&p.Started), (*moment)(&p.Ended), &p.End}
}

func scanProcedure(r row) (registry.Procedure, error) {
	var p registry.Procedure
	err := r.Scan(procedureDest(&p)...)
	return p, err
}

// StartProcedure implements registry.Procedures.
func (t *tx) StartProcedure(p registry.Procedure, alive func(conversation string) bool) (registry.Procedure, error) {
	if err := p.Validate(); err != nil {
		return registry.Procedure{}, err
	}
	if err := t.takeOver(p, alive); err != nil {
		return registry.Procedure{}, err
	}
	var err error
	if p.ID, err = t.newID(p.ID); err != nil {
		return registry.Procedure{}, err
	}
	fence, err := t.latestFence(p.UID)
	if err != nil {
		return registry.Procedure{}, err
	}
	p.Fence, p.Started = fence+1, t.store.now()
	_, err = t.exec(`INSERT INTO procedures (id, uid, badge, name, conversation, instance, actor, station,
			profile, profile_hash, card_type, fence, started, ending)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '')`,
		p.ID, p.UID, p.Badge, p.Name, p.Conversation, p.Instance, p.Actor, p.Station,
		p.Profile, p.ProfileHash, p.CardType, p.Fence, moment(p.Started))
	if err != nil {
		return registry.Procedure{}, fmt.Errorf("start to %s badge %s (with that UID): %w", p.Name, p.Badge, err)
	}
	return p, nil
}

// takeOver ends the procedure that is open for p's UID, if its conversation is
// dead or p's own.
func (t *tx) takeOver(p registry.Procedure, alive func(conversation string) bool) error {
	open, err := t.OpenProcedure(p.UID)
	if errors.Is(err, registry.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if open.Conversation != p.Conversation && alive(open.Conversation) {
		return &registry.BusyError{Badge: open.Badge, Conversation: open.Conversation, Procedure: open.Name, Since: open.Started}
	}
	return t.closeProcedure(open.ID, registry.EndTakenOver)
}

func (t *tx) closeProcedure(id string, end registry.ProcedureEnd) error {
	_, err := t.exec(`UPDATE procedures SET ended = ?, ending = ? WHERE id = ? AND ended IS NULL`, moment(t.store.now()), end, id)
	return err
}

func (t *tx) latestFence(uid []byte) (uint64, error) {
	n, err := one(t, scanInt, `SELECT coalesce(max(fence), 0) FROM procedures WHERE uid = ?`, uid)
	return uint64(n), err
}

// EndProcedure implements registry.Procedures.
func (t *tx) EndProcedure(uid []byte, fence uint64, end registry.ProcedureEnd) error {
	if end != registry.EndDone && end != registry.EndFailed {
		return fmt.Errorf("end a procedure: %w: as %q", registry.ErrInvalid, end)
	}
	p, err := t.procedure(uid, fence)
	if err != nil {
		return err
	}
	latest, err := t.latestFence(uid)
	switch {
	case err != nil:
		return err
	case latest > fence:
		return fmt.Errorf("end procedure %s: %w", p.ID, registry.ErrFenced)
	case !p.Ended.IsZero():
		return fmt.Errorf("end procedure %s: it has ended (%s): %w", p.ID, p.End, registry.ErrNotFound)
	}
	return t.closeProcedure(p.ID, end)
}

func (t *tx) procedure(uid []byte, fence uint64) (registry.Procedure, error) {
	p, err := one(t, scanProcedure, selectProcedure+`WHERE p.uid = ? AND p.fence = ?`, uid, int64(fence))
	if err != nil {
		return registry.Procedure{}, fmt.Errorf("procedure with fencing number %d: %w", fence, err)
	}
	return p, nil
}

// CheckFence implements registry.Procedures.
func (t *tx) CheckFence(uid []byte, fence uint64) error {
	_, err := t.holding(uid, fence)
	return err
}

// holding is the procedure with that fencing number if it may still act.
func (t *tx) holding(uid []byte, fence uint64) (registry.Procedure, error) {
	p, err := t.OpenProcedure(uid)
	if errors.Is(err, registry.ErrNotFound) || err == nil && p.Fence != fence {
		return registry.Procedure{}, fmt.Errorf("fencing number %d: %w", fence, registry.ErrFenced)
	}
	return p, err
}

// OpenProcedure implements registry.Procedures.
func (t *tx) OpenProcedure(uid []byte) (registry.Procedure, error) {
	p, err := one(t, scanProcedure, selectProcedure+`WHERE p.uid = ? AND p.ended IS NULL`, uid)
	if err != nil {
		return registry.Procedure{}, fmt.Errorf("open procedure: %w", err)
	}
	return p, nil
}
