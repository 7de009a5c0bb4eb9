package procedure

import (
	"context"
	"errors"

	"badgekms/kms/audit"
	"badgekms/kms/registry"
)

// finish writes all the facts of the enrolment in one transaction. Slot 0 was
// proven before; the others changed in its session, under MACs that verified,
// and the online slot has proven itself.
func (p *provisioning) finish(ctx context.Context) error {
	ctx, cancel := settle(ctx)
	defer cancel()
	return p.Store.Update(ctx, func(tx registry.Tx) error {
		for n := 1; n < len(p.attempt.slots); n++ {
			e := registry.Evidence{Kind: registry.EvidenceMAC, Key: p.attempt.slots[0]}
			if byte(n) == p.onlineNumber() {
				e = registry.Evidence{Kind: registry.EvidenceAuthentication, Key: p.onlineSlot()}
			}
			if err := p.close(tx, p.attempt.aid, byte(n), e); err != nil {
				return err
			}
		}
		if err := p.encoded(tx); err != nil {
			return err
		}
		if err := p.assign(tx); err != nil {
			return err
		}
		if err := tx.EndProcedure(p.badge.UID, p.procedure.Fence, registry.EndDone); err != nil {
			return err
		}
		r := p.record("card.encode", audit.Done)
		r.Writes = p.attempt.writes(p.badge.UID)
		return tx.AppendAudit(r)
	})
}

func (p *provisioning) encoded(tx registry.Tx) error {
	b, err := tx.Badge(p.badge.ID)
	if err != nil {
		return err
	}
	b.State = registry.Encoded
	b.Profile, b.ProfileHash = p.Profile.Name, p.profileHash()
	b.CardType = registry.CardType(p.look.version.String())
	if p.badge, err = tx.UpdateBadge(b); err != nil {
		return err
	}
	if p.c.RequestID == "" {
		return nil
	}
	return tx.SaveRequest(registry.Request{
		Station: p.c.Actor.Workload, ID: p.c.RequestID, Badge: p.badge.ID, Conversation: p.c.ID,
		Outcome: p.look.version.String(),
	})
}

// assign gives the badge to its holder. An enrolment that was interrupted may
// have been asked for someone else before; the last request counts.
func (p *provisioning) assign(tx registry.Tx) error {
	if p.request.HolderID == "" {
		return nil
	}
	a, err := tx.CurrentAssignment(p.badge.ID)
	switch {
	case err == nil && a.Holder == p.request.HolderID:
		return nil
	case err == nil:
		if err := tx.Unassign(p.badge.ID, p.Now()); err != nil {
			return err
		}
	case !errors.Is(err, registry.ErrNotFound):
		return err
	}
	return tx.Assign(p.badge.ID, p.request.HolderID, p.Now())
}
