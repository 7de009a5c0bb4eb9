package procedure

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"badgekms/kms/audit"
	"badgekms/kms/keyring"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/desfire"
)

// How many authentications the KMS tries on one key of a card without success:
// in a row over all its presentations, and in one of them (DESIGN.md §7; cards
// slow down after about 50).
const (
	maxTrialsInARow  = 20
	maxTrialsAtATime = 2
)

// resume goes on with an enrolment that was interrupted: the card no longer
// has its initial key, so it must prove one of those that it may hold.
func (p *provisioning) resume(ctx context.Context) error {
	candidates, err := p.adopt(ctx)
	if err != nil {
		return err
	}
	p.stage(badgekmsv1.Stage_STAGE_RESUME)
	for _, a := range candidates {
		p.attempt = a
		proven, err := p.tryCard(ctx)
		if err != nil {
			return err
		}
		if proven {
			p.resumed = true
			return p.provenPICC(ctx)
		}
	}
	return reason.New(badgekmsv1.Reason_REASON_CARD_KEYS_UNKNOWN, "none of the %d keys that this card may hold opens it", len(candidates))
}

// adopt takes over what an earlier conversation began and lists the attempts
// whose PICC key the card may hold, the newest first.
func (p *provisioning) adopt(ctx context.Context) (candidates []attempt, err error) {
	err = p.Store.Update(ctx, func(tx registry.Tx) error {
		if err := p.checkHolder(tx); err != nil {
			return err
		}
		if err := p.unfinished(tx); err != nil {
			return err
		}
		if candidates, err = p.candidates(tx); err != nil {
			return err
		}
		if err := p.start(tx); err != nil {
			return err
		}
		if err := p.foresee(tx); err != nil {
			return err
		}
		return tx.AppendAudit(p.record("card.encode.resume", audit.Started))
	})
	return candidates, err
}

// foresee sets how many steps are left, for those who watch: fewer if the
// application was proven to have its master key.
func (p *provisioning) foresee(tx registry.Tx) error {
	s, err := tx.CardSlot(registry.SlotID{Badge: p.badge.ID, AID: registry.AID(p.Profile.Application.AID)})
	if s.State == registry.SlotProven {
		p.of = resumedSteps
	}
	_, err = notFound(err)
	return err
}

// unfinished finds the badge of a card that has not its initial key any more.
func (p *provisioning) unfinished(tx registry.Tx) error {
	b, err := tx.BadgeByUID(p.c.UID)
	missing, err := notFound(err)
	switch {
	case err != nil:
		return err
	case missing && p.ownCards():
		return reason.New(badgekmsv1.Reason_REASON_CARD_KEYS_UNKNOWN, "the card's own key is neither the factory's nor one of ours")
	case missing:
		return p.occupied()
	}
	p.badge = b
	switch b.State {
	case registry.Reserved:
		return nil
	case registry.Quarantined:
		return quarantined(b)
	}
	return reason.New(badgekmsv1.Reason_REASON_BADGE_ALREADY_ENCODED, "the card is badge %s, which is %s", b.ID, b.State)
}

// candidates are the attempts with an open intent, or only the one that the
// card's own key is proven to be of.
func (p *provisioning) candidates(tx registry.Tx) ([]attempt, error) {
	intents, err := tx.UnsettledIntents(p.badge.UID)
	if err != nil {
		return nil, err
	}
	gate, err := p.gateSlot(tx)
	if err != nil {
		return nil, err
	}
	var found []attempt
	for _, i := range intents {
		if !slices.Equal(i.Procedure.ProfileHash, p.profileHash()) {
			return nil, reason.New(badgekmsv1.Reason_REASON_STATE_INVALID,
				"the enrolment of badge %s was begun under profile %q with other contents; finish it under that profile", p.badge.ID, i.Procedure.Profile)
		}
		a, ok := p.attemptOf(i)
		if !ok {
			continue
		}
		if _, key := a.gate(); gate.State != registry.SlotProven || gate.Key == key {
			found = append(found, a)
		}
	}
	// The newest first, but those that were tried less before: a presentation
	// tries two, and the next one goes on with the others.
	slices.SortStableFunc(found, func(a, b attempt) int { return cmp.Compare(a.trials, b.trials) })
	return found, nil
}

// gateSlot is what the registry knows of the slot that an attempt is resumed
// by; the zero value if it knows nothing.
func (p *provisioning) gateSlot(tx registry.Tx) (registry.CardSlot, error) {
	aid := registry.PICC
	if !p.ownCards() {
		aid = registry.AID(p.Profile.Application.AID)
	}
	s, err := tx.CardSlot(registry.SlotID{Badge: p.badge.ID, AID: aid})
	_, err = notFound(err)
	return s, err
}

// tryCard authenticates with the attempt's PICC key.
func (p *provisioning) tryCard(ctx context.Context) (proven bool, err error) {
	if err := p.deriveFor(ctx, keyring.Recognise); err != nil {
		return false, err
	}
	id := registry.SlotID{Badge: p.badge.ID, AID: registry.PICC}
	if err := p.countTrial(ctx, id); err != nil {
		return false, err
	}
	return p.tried(p.openPICC(ctx))
}

// tried tells a refused key from a failure.
func (p *provisioning) tried(err error) (proven bool, other error) {
	if errors.Is(err, desfire.ErrKeyRefused) || errors.Is(err, desfire.ErrCardProof) {
		return false, nil
	}
	return err == nil, err
}

// openPICC opens a session under the card's own key.
func (p *provisioning) openPICC(ctx context.Context) (err error) {
	h := desfire.AuthenticateEV2First(0, p.keys.picc, p.Random)
	var b desfire.Batch
	b.Seal(desfire.PlainSession{}, desfire.SelectApplication(desfire.PICC))
	if err := add(&b, h.Start); err != nil {
		return err
	}
	if err := exchange(ctx, p.c.Card, &b); err != nil {
		return err
	}
	p.session, err = p.prove(ctx, h)
	return err
}

// countTrial counts an authentication before it is tried, so that a crash can
// not lose it. A badge on which too many failed is quarantined.
func (p *provisioning) countTrial(ctx context.Context, id registry.SlotID) error {
	if p.trials[id] == maxTrialsAtATime {
		return reason.New(badgekmsv1.Reason_REASON_BADGE_INCOMPLETE,
			"%d keys that badge %s may hold were tried; present the card again to try the others", maxTrialsAtATime, p.badge.ID)
	}
	p.trials[id]++
	var before int
	err := p.Store.Update(ctx, func(tx registry.Tx) (err error) {
		if before, err = tx.TrialsInARow(id); err != nil {
			return err
		}
		if before >= maxTrialsInARow {
			return p.quarantine(tx)
		}
		_, err = tx.AddTrial(id, p.attempt.intent)
		return err
	})
	if err == nil && before >= maxTrialsInARow {
		err = reason.New(badgekmsv1.Reason_REASON_TRIALS_EXHAUSTED, "%d authentications in a row failed on badge %s; it is set aside", before, p.badge.ID)
	}
	return err
}

// quarantine sets the badge aside: an officer decides what becomes of it.
func (p *provisioning) quarantine(tx registry.Tx) error {
	b, err := tx.Badge(p.badge.ID)
	if err != nil {
		return err
	}
	b.State = registry.Quarantined
	if p.badge, err = tx.UpdateBadge(b); err != nil {
		return err
	}
	r := p.record("badge.quarantine", audit.Done)
	r.Reason = reason.Name(badgekmsv1.Reason_REASON_TRIALS_EXHAUSTED)
	return tx.AppendAudit(r)
}

// provenPICC writes the fact that a completed mutual authentication is evidence
// of: the card holds the attempt's PICC key.
func (p *provisioning) provenPICC(ctx context.Context) error {
	return p.proven(ctx, registry.PICC, 0, p.attempt.picc)
}

// proven closes the intent of one slot with an authentication.
func (p *provisioning) proven(ctx context.Context, aid registry.AID, slot byte, ref registry.KeyRef) error {
	return p.Store.Update(ctx, func(tx registry.Tx) error {
		err := p.close(tx, aid, slot, registry.Evidence{Kind: registry.EvidenceAuthentication, Key: ref})
		if err != nil {
			return err
		}
		return tx.ClearTrials(registry.SlotID{Badge: p.badge.ID, AID: aid, Slot: slot})
	})
}

// close settles a slot of the attempt as new. A slot that was settled before,
// in an earlier conversation, stays as it is.
func (p *provisioning) close(tx registry.Tx, aid registry.AID, slot byte, e registry.Evidence) error {
	e.Conversation = p.c.ID
	_, err := tx.CloseIntent(p.procedure.Fence, p.attempt.intent, aid, slot, registry.OutcomeNew, e)
	if errors.Is(err, registry.ErrSettled) {
		return nil
	}
	return p.contradiction(err)
}
