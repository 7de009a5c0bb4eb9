package procedure

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"badgekms/kms/audit"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// repeated answers a request that was done before. The zero result means that
// it was not.
func (p *provisioning) repeated(ctx context.Context) (r Provisioned, err error) {
	if p.c.RequestID == "" {
		return Provisioned{}, nil
	}
	err = p.Store.View(ctx, func(tx registry.Tx) error {
		q, err := tx.Request(p.c.Actor.Workload, p.c.RequestID)
		if missing, err := notFound(err); missing || err != nil || q.Outcome == "" {
			return err
		}
		b, err := tx.Badge(q.Badge)
		if err != nil {
			return err
		}
		if string(b.UID) != string(p.c.UID) {
			return reason.New(badgekmsv1.Reason_REASON_MESSAGE_INVALID,
				"request_id was used for badge %s, and another card is on the reader; use a new request_id for each badge", b.ID)
		}
		slot, err := tx.CardSlot(registry.SlotID{Badge: b.ID, AID: registry.AID(p.Profile.Application.AID), Slot: p.onlineNumber()})
		if err != nil {
			return err
		}
		r = Provisioned{
			BadgeID: b.ID, Generation: slot.Key.Generation, CredentialNumber: b.CredentialNumber, Product: q.Outcome, Repeated: true,
		}
		a, err := tx.CurrentAssignment(b.ID)
		r.HolderID = a.Holder
		_, err = notFound(err)
		return err
	})
	return r, err
}

// reserve takes the UID, a new issue number and the intent in one durable
// transaction: from here on the card may hold keys of this attempt.
func (p *provisioning) reserve(ctx context.Context) error {
	return p.Store.Update(ctx, func(tx registry.Tx) error {
		if err := p.checkHolder(tx); err != nil {
			return err
		}
		if err := p.claim(tx); err != nil {
			return err
		}
		if err := p.start(tx); err != nil {
			return err
		}
		return p.begin(tx)
	})
}

// begin allocates an issue number and opens the intent of its keys.
func (p *provisioning) begin(tx registry.Tx) error {
	issue, err := tx.AllocateIssue(p.badge.UID, p.c.ID)
	if err != nil {
		return err
	}
	if p.attempt, err = p.newAttempt(issue); err != nil {
		return err
	}
	intent, err := tx.OpenIntent(registry.Intent{Procedure: p.procedure, Slots: p.attempt.intentSlots(p.InitialRef)})
	if err != nil {
		return p.contradiction(err)
	}
	p.attempt.intent = intent.ID
	r := p.record("card.encode", audit.Started)
	r.Writes = p.attempt.writes(p.badge.UID)
	return tx.AppendAudit(r)
}

func (p *provisioning) checkHolder(tx registry.Tx) error {
	if p.request.HolderID == "" {
		return nil
	}
	_, err := tx.Holder(p.request.HolderID)
	if missing, err := notFound(err); err != nil {
		return err
	} else if missing {
		return reason.New(badgekmsv1.Reason_REASON_HOLDER_UNKNOWN, "there is no holder %q; record the person first", p.request.HolderID)
	}
	return nil
}

// claim makes the card's UID a badge, or takes up the badge of an enrolment
// that ended before the card's own key was changed. A card that shows its
// initial key although the registry has proof of another key is not our card.
func (p *provisioning) claim(tx registry.Tx) error {
	b, err := tx.BadgeByUID(p.c.UID)
	missing, err := notFound(err)
	if err != nil {
		return err
	}
	if missing {
		return p.newBadge(tx)
	}
	p.badge = b
	if b.State == registry.Quarantined {
		return quarantined(b)
	}
	gate, err := p.gateSlot(tx)
	if err != nil {
		return err
	}
	if gate.State == registry.SlotProven || b.State != registry.Reserved && b.State != registry.Stock {
		return reason.New(badgekmsv1.Reason_REASON_KEY_REFUSED,
			"the card shows a factory key, but badge %s with this UID holds a key of ours; another card may claim its UID", b.ID)
	}
	p.resumed = b.State == registry.Reserved
	b.State = registry.Reserved
	p.badge, err = tx.UpdateBadge(b)
	return err
}

// contradiction names what it means that the registry has proof of another key
// than the card's.
func (p *provisioning) contradiction(err error) error {
	if !errors.Is(err, registry.ErrConflict) {
		return err
	}
	return reason.Wrap(err, badgekmsv1.Reason_REASON_KEY_REFUSED,
		"the card contradicts what is proven of badge %s; another card may claim its UID", p.badge.ID)
}

func quarantined(b registry.Badge) error {
	return reason.New(badgekmsv1.Reason_REASON_BADGE_QUARANTINED, "badge %s is set aside; a security officer decides", b.ID)
}

func (p *provisioning) newBadge(tx registry.Tx) error {
	id, err := registry.NewID(p.Now(), p.Random)
	if err != nil {
		return err
	}
	number := make([]byte, registry.CredentialSize)
	if _, err := io.ReadFull(p.Random, number); err != nil {
		return fmt.Errorf("draw a credential number: %w", err)
	}
	p.badge, err = tx.CreateBadge(registry.Badge{
		ID: id, UID: p.c.UID, State: registry.Reserved, CardType: registry.CardType(p.look.version.String()),
		CredentialNumber: number, Profile: p.Profile.Name, ProfileHash: p.profileHash(),
		FirstStation: p.c.Actor.Station, FirstConversation: p.c.ID,
	})
	return err
}

// start opens the procedure, which fences off every older conversation.
func (p *provisioning) start(tx registry.Tx) (err error) {
	p.procedure, err = tx.StartProcedure(registry.Procedure{
		UID: p.badge.UID, Badge: p.badge.ID, Name: registry.Provision,
		Conversation: p.c.ID, Instance: p.Instance,
		Actor: p.c.Actor.Workload, Station: p.c.Actor.Station,
		Profile: p.Profile.Name, ProfileHash: p.profileHash(), CardType: p.badge.CardType,
	}, p.Alive)
	if err != nil || p.c.RequestID == "" {
		return err
	}
	return tx.SaveRequest(registry.Request{
		Station: p.c.Actor.Workload, ID: p.c.RequestID, Badge: p.badge.ID, Conversation: p.c.ID,
	})
}

func (e *Engine) profileHash() []byte {
	b, err := hex.DecodeString(e.Profile.Hash())
	if err != nil {
		panic("procedure: internal error: profile hash: " + err.Error())
	}
	return b
}
