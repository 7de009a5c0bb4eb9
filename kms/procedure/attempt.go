package procedure

import (
	"context"
	"fmt"

	"badgekms/kms/audit"
	"badgekms/kms/keyring"
	"badgekms/kms/profile"
	"badgekms/kms/registry"
	"badgekms/reader/key"
)

// birthVersion is the version byte of keys under which an application is born;
// those of daughter keys are 1 to 254.
const birthVersion = 0

// attempt is one issue number on one card: which keys the card gets with it.
type attempt struct {
	intent string // of the registry
	issue  registry.IssueNumber
	own    bool            // the card's own (PICC) key is part of it
	picc   registry.KeyRef // if own
	birth  registry.KeyRef
	slots  []registry.KeyRef // by key number
	aid    registry.AID
	trials int // spent on the gate's key, over all presentations
}

// gate is the key that a card must prove for the attempt to be resumed: its own
// one, or on a foreign card that of slot 0.
func (a attempt) gate() (registry.AID, registry.KeyRef) {
	if a.own {
		return registry.PICC, a.picc
	}
	return a.aid, a.slots[0]
}

// intentSlots are the changes of an attempt: the PICC master key, then the slots.
func (a attempt) intentSlots(initial registry.KeyRef) []registry.IntentSlot {
	var all []registry.IntentSlot
	if a.own {
		all = append(all, registry.IntentSlot{AID: registry.PICC, Old: initial, New: a.picc})
	}
	for n, ref := range a.slots {
		all = append(all, registry.IntentSlot{AID: a.aid, Slot: byte(n), Old: a.birth, New: ref})
	}
	return all
}

// attemptOf reads an attempt back from its intent; false if the intent is of
// another layout than the profile's.
func (e *Engine) attemptOf(i registry.Intent) (attempt, bool) {
	a := attempt{
		intent: i.ID, own: e.ownCards(), aid: registry.AID(e.Profile.Application.AID),
		slots: make([]registry.KeyRef, e.Profile.Application.Keys()),
	}
	wanted := len(a.slots)
	if a.own {
		wanted++
	}
	for _, s := range i.Slots {
		switch {
		case s.AID == registry.PICC && s.Slot == 0 && a.own:
			a.picc, a.trials = s.New, s.Trials
		case s.AID == a.aid && int(s.Slot) < len(a.slots):
			a.slots[s.Slot], a.birth, a.issue = s.New, s.Old, s.New.Issue
			if s.Slot == 0 && !a.own {
				a.trials = s.Trials
			}
		default:
			return attempt{}, false
		}
	}
	return a, len(i.Slots) == wanted
}

// ownCards tells whether the profile sets the cards' own keys.
func (e *Engine) ownCards() bool { return e.Profile.PICC.Policy == profile.PolicyOwn }

// newAttempt plans the keys of an issue number, in the generations that are in
// force.
func (e *Engine) newAttempt(issue registry.IssueNumber) (attempt, error) {
	a := attempt{issue: issue, own: e.ownCards(), aid: registry.AID(e.Profile.Application.AID), birth: registry.PublicDefault()}
	if a.own {
		var err error
		if a.picc, err = e.ref(e.Profile.AdminDomain(), issue); err != nil {
			return attempt{}, err
		}
		a.birth = a.picc
		a.birth.Kind = registry.KeyDerivedDefault
	}
	for n := range e.Profile.Application.Keys() {
		s, _ := e.Profile.SlotNumber(byte(n))
		ref, err := e.ref(s.Domain, issue)
		if err != nil {
			return attempt{}, err
		}
		a.slots = append(a.slots, ref)
	}
	return a, nil
}

func (e *Engine) ref(domain string, issue registry.IssueNumber) (registry.KeyRef, error) {
	g, err := e.Deriver.Ring().Current(domain)
	if err != nil {
		return registry.KeyRef{}, err
	}
	return registry.KeyRef{
		Kind: registry.KeyDomain, Domain: domain, Generation: uint32(g.Number),
		Issue: issue, Format: e.Profile.Format(domain).ID(),
	}, nil
}

// cardKeys are the daughter keys of an attempt, with their version bytes. On a
// foreign card picc is unused, and birth is the public zero key.
type cardKeys struct {
	picc, birth  key.AES128
	slots        []key.AES128
	piccVersion  byte
	slotVersions []byte
}

func (k *cardKeys) destroy() {
	k.picc.Destroy()
	k.birth.Destroy()
	for i := range k.slots {
		k.slots[i].Destroy()
	}
}

// derive computes all keys of an attempt.
func (e *Engine) derive(ctx context.Context, use keyring.Use, uid []byte, a attempt) (*cardKeys, error) {
	var refs []keyring.KeyRef
	for n, ref := range a.slots {
		refs = append(refs, keyRef(ref, uid, profile.AID(a.aid), byte(n)))
	}
	if a.own {
		refs = append(refs, keyRef(a.picc, uid, profile.PICC, 0), keyRef(a.birth, uid, profile.PICC, keyring.CardDefaultSlot))
	}
	keys, err := e.Deriver.Derive(ctx, use, refs...)
	if err != nil {
		return nil, fmt.Errorf("derive the keys of the card: %w", err)
	}
	k := &cardKeys{slots: keys[:len(a.slots)]}
	if a.own {
		k.picc, k.birth = keys[len(a.slots)], keys[len(a.slots)+1]
		if k.piccVersion, err = e.cardVersion(a.picc); err != nil {
			return nil, err
		}
	}
	for _, ref := range a.slots {
		v, err := e.cardVersion(ref)
		if err != nil {
			return nil, err
		}
		k.slotVersions = append(k.slotVersions, v)
	}
	return k, nil
}

func keyRef(r registry.KeyRef, uid []byte, aid profile.AID, slot byte) keyring.KeyRef {
	return keyring.KeyRef{
		Domain: r.Domain, Generation: int(r.Generation), UID: uid,
		AID: aid, Slot: slot, Issue: uint16(r.Issue),
	}
}

func (e *Engine) cardVersion(r registry.KeyRef) (byte, error) {
	g, err := e.Deriver.Ring().Generation(r.Domain, int(r.Generation))
	return g.CardKeyVersion, err
}

// writes tells the audit log every key that an attempt puts on a card.
func (a attempt) writes(uid []byte) []audit.CardWrite {
	var w []audit.CardWrite
	if a.own {
		w = append(w, cardWrite(a.picc, uid, registry.PICC, 0), cardWrite(a.birth, uid, registry.PICC, keyring.CardDefaultSlot))
	}
	for n, ref := range a.slots {
		w = append(w, cardWrite(ref, uid, a.aid, byte(n)))
	}
	return w
}

func cardWrite(r registry.KeyRef, uid []byte, aid registry.AID, slot byte) audit.CardWrite {
	return audit.CardWrite{UID: uid, AID: aid, Slot: slot, Domain: r.Domain, Generation: r.Generation, Issue: uint16(r.Issue)}
}
