package registrytest

import (
	"errors"
	"testing"

	"badgekms/kms/registry"
)

// intent opens an intent.
func (f *fixture) intent(t *testing.T, p registry.Procedure, slots ...registry.IntentSlot) (i registry.Intent) {
	t.Helper()
	f.update(t, func(tx registry.Tx) (err error) {
		i, err = tx.OpenIntent(registry.Intent{Procedure: p, Slots: slots})
		return err
	})
	return i
}

// settle closes one slot of an intent on an authentication with key.
func (f *fixture) settle(t *testing.T, p registry.Procedure, i registry.Intent, aid registry.AID, slot byte, o registry.Outcome, key registry.KeyRef) error {
	t.Helper()
	return f.store.Update(t.Context(), func(tx registry.Tx) error {
		e := registry.Evidence{Kind: registry.EvidenceAuthentication, Key: key, Conversation: p.Conversation}
		_, err := tx.CloseIntent(p.Fence, i.ID, aid, slot, o, e)
		return err
	})
}

func (f *fixture) slot(t *testing.T, b registry.Badge, aid registry.AID, slot byte) (s registry.CardSlot) {
	t.Helper()
	f.view(t, func(tx registry.Tx) (err error) {
		s, err = tx.CardSlot(registry.SlotID{Badge: b.ID, AID: aid, Slot: slot})
		return err
	})
	return s
}

func (f *fixture) unsettled(t *testing.T, uid []byte) (ids []string) {
	t.Helper()
	f.view(t, func(tx registry.Tx) error {
		list, err := tx.UnsettledIntents(uid)
		for _, i := range list {
			ids = append(ids, i.ID)
		}
		return err
	})
	return ids
}

func picc(old, new registry.KeyRef) registry.IntentSlot {
	return registry.IntentSlot{AID: registry.PICC, Old: old, New: new}
}

// held compares what a slot is known to hold.
func held(t *testing.T, s registry.CardSlot, state registry.SlotState, key registry.KeyRef) {
	t.Helper()
	equal(t, s.String()+": state", s.State, state)
	equal(t, s.String()+": key", s.Key, key)
}

func openIntent(t *testing.T, f *fixture) {
	b := f.badge(t, registry.Reserved)
	p := f.start(t, b, "c-1")
	n := f.issue(t, b.UID)
	birth := daughter("admin", 1, n)
	birth.Kind = registry.KeyDerivedDefault
	transport := registry.KeyRef{Kind: registry.KeyTransport, Name: "supplier-a"}
	slots := []registry.IntentSlot{
		picc(transport, daughter("admin", 1, n)),
		{AID: application, Slot: 0, Old: birth, New: daughter("admin", 1, n)},
		{AID: application, Slot: 13, KeySet: 1, Old: birth, New: daughter("doors", 7, n)},
	}
	made := f.intent(t, p, slots...)
	recent(t, "opened", made.Opened)
	equal(t, "intent", made, registry.Intent{ID: made.ID, Procedure: p, Slots: slots, Opened: made.Opened})
	f.view(t, func(tx registry.Tx) error {
		again, err := tx.Intent(made.ID)
		equal(t, "intent read back", again, made)
		_, missing := tx.Intent("i-9")
		is(t, "unknown intent", missing, registry.ErrNotFound)
		list, listed := tx.CardSlots(b.ID)
		equal(t, "number of slots", len(list), 3)
		for i, s := range list {
			equal(t, "slot number", s.Slot, slots[i].Slot)
			held(t, s, registry.SlotPending, registry.KeyRef{})
		}
		_, missing = tx.CardSlot(registry.SlotID{Badge: b.ID, AID: application, Slot: 1})
		is(t, "slot without intent", missing, registry.ErrNotFound)
		return errors.Join(err, listed)
	})
	equal(t, "unsettled intents", f.unsettled(t, b.UID), []string{made.ID})
}

func openIntentRefused(t *testing.T, f *fixture) {
	b := f.badge(t, registry.Reserved)
	p := f.start(t, b, "c-1")
	n := f.issue(t, b.UID)
	zero, mine := registry.PublicDefault(), daughter("admin", 1, n)
	nameless := mine
	nameless.Domain = ""
	f.intent(t, p, registry.IntentSlot{AID: application, Slot: 3, Old: zero, New: mine})
	for name, c := range map[string]struct {
		want  error
		slots []registry.IntentSlot
	}{
		"no slot":                {registry.ErrInvalid, nil},
		"one slot twice":         {registry.ErrInvalid, []registry.IntentSlot{picc(zero, mine), picc(zero, mine)}},
		"no change":              {registry.ErrInvalid, []registry.IntentSlot{picc(mine, mine)}},
		"key without domain":     {registry.ErrInvalid, []registry.IntentSlot{picc(zero, nameless)}},
		"key without kind":       {registry.ErrInvalid, []registry.IntentSlot{picc(registry.KeyRef{}, mine)}},
		"issue not allocated":    {registry.ErrInvalid, []registry.IntentSlot{picc(zero, daughter("admin", 1, n+1))}},
		"old key never proven":   {registry.ErrConflict, []registry.IntentSlot{picc(daughter("admin", 1, n), daughter("admin", 2, n))}},
		"earlier one unsettled":  {registry.ErrUnsettled, []registry.IntentSlot{{AID: application, Slot: 3, Old: zero, New: mine}}},
		"one good, one not good": {registry.ErrUnsettled, []registry.IntentSlot{picc(zero, mine), {AID: application, Slot: 3, Old: zero, New: mine}}},
	} {
		t.Run(name, func(t *testing.T) {
			f.refused(t, c.want, func(tx registry.Tx) error {
				_, err := tx.OpenIntent(registry.Intent{Procedure: p, Slots: c.slots})
				return err
			})
		})
	}
	f.view(t, func(tx registry.Tx) error {
		list, err := tx.CardSlots(b.ID)
		equal(t, "slots after refusals", len(list), 1)
		return err
	})
}

func intentSettlesNew(t *testing.T, f *fixture) {
	b := f.badge(t, registry.Reserved)
	p := f.start(t, b, "c-1")
	n := f.issue(t, b.UID)
	key := daughter("admin", 1, n)
	i := f.intent(t, p, picc(registry.PublicDefault(), key),
		registry.IntentSlot{AID: application, Slot: 1, Old: registry.PublicDefault(), New: daughter("doors", 1, n)})
	is(t, "settle", f.settle(t, p, i, registry.PICC, 0, registry.OutcomeNew, key), nil)
	held(t, f.slot(t, b, registry.PICC, 0), registry.SlotProven, key)
	equal(t, "unsettled, since slot 1 is", f.unsettled(t, b.UID), []string{i.ID})
	is(t, "settle twice", f.settle(t, p, i, registry.PICC, 0, registry.OutcomeNew, key), registry.ErrSettled)
	is(t, "slot that it does not name", f.settle(t, p, i, application, 2, registry.OutcomeNew, key), registry.ErrNotFound)
	f.update(t, func(tx registry.Tx) error {
		e := registry.Evidence{Kind: registry.EvidenceMAC, Key: key, Conversation: "c-1"}
		_, err := tx.CloseIntent(p.Fence, i.ID, application, 1, registry.OutcomeNew, e)
		return err
	})
	equal(t, "unsettled", f.unsettled(t, b.UID), nil)
	f.view(t, func(tx registry.Tx) error {
		got, err := tx.Intent(i.ID)
		for _, s := range got.Slots {
			recent(t, "settled", s.Settled)
			equal(t, "outcome", s.Outcome, registry.OutcomeNew)
		}
		equal(t, "evidence", got.Slots[0].Evidence, registry.Evidence{Kind: registry.EvidenceAuthentication, Key: key, Conversation: "c-1"})
		equal(t, "evidence", got.Slots[1].Evidence, registry.Evidence{Kind: registry.EvidenceMAC, Key: key, Conversation: "c-1"})
		return err
	})
}

func intentSettlesOld(t *testing.T, f *fixture) {
	b := f.badge(t, registry.Reserved)
	p := f.start(t, b, "c-1")
	first, second := f.issue(t, b.UID), f.issue(t, b.UID)
	birth := daughter("admin", 1, first)
	birth.Kind = registry.KeyDerivedDefault
	slot := func(n registry.IssueNumber) registry.IntentSlot {
		return registry.IntentSlot{AID: application, Slot: 2, Old: birth, New: daughter("doors", 1, n)}
	}
	one, two := f.intent(t, p, slot(first)), f.intent(t, p, slot(second))
	equal(t, "unsettled, newest first", f.unsettled(t, b.UID), []string{two.ID, one.ID})
	is(t, "settle the first", f.settle(t, p, one, application, 2, registry.OutcomeOld, birth), nil)
	held(t, f.slot(t, b, application, 2), registry.SlotPending, birth)
	is(t, "settle the second", f.settle(t, p, two, application, 2, registry.OutcomeOld, birth), nil)
	held(t, f.slot(t, b, application, 2), registry.SlotProven, birth)
}

// onlyEvidenceSettles tries what DESIGN.md §7 calls hints.
func onlyEvidenceSettles(t *testing.T, f *fixture) {
	b := f.badge(t, registry.Reserved)
	p := f.start(t, b, "c-1")
	n := f.issue(t, b.UID)
	zero, key, other := registry.PublicDefault(), daughter("admin", 1, n), daughter("doors", 1, n)
	transport := registry.KeyRef{Kind: registry.KeyTransport, Name: "supplier-a"}
	i := f.intent(t, p, picc(zero, key))
	for name, c := range map[string]struct {
		o registry.Outcome
		e registry.Evidence
	}{
		"answer under the public key":      {registry.OutcomeNew, registry.Evidence{Kind: registry.EvidenceMAC, Key: zero, Conversation: "c"}},
		"answer under a transport key":     {registry.OutcomeNew, registry.Evidence{Kind: registry.EvidenceMAC, Key: transport, Conversation: "c"}},
		"authentication with a public key": {registry.OutcomeOld, registry.Evidence{Kind: registry.EvidenceAuthentication, Key: zero, Conversation: "c"}},
		"authentication with another key":  {registry.OutcomeNew, registry.Evidence{Kind: registry.EvidenceAuthentication, Key: other, Conversation: "c"}},
		"status word":                      {registry.OutcomeNew, registry.Evidence{Kind: "9100", Key: key, Conversation: "c"}},
		"no conversation":                  {registry.OutcomeNew, registry.Evidence{Kind: registry.EvidenceMAC, Key: key}},
		"nothing":                          {registry.OutcomeNew, registry.Evidence{}},
		"unknown outcome":                  {"maybe", registry.Evidence{Kind: registry.EvidenceMAC, Key: key, Conversation: "c"}},
		"gone":                             {registry.OutcomeGone, registry.Evidence{Kind: registry.EvidenceMAC, Key: key, Conversation: "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			f.refused(t, registry.ErrEvidence, func(tx registry.Tx) error {
				_, err := tx.CloseIntent(p.Fence, i.ID, registry.PICC, 0, c.o, c.e)
				return err
			})
		})
	}
	held(t, f.slot(t, b, registry.PICC, 0), registry.SlotPending, registry.KeyRef{})
}

// twoCardsOneUID is a forged blank that claims the UID of a card whose first
// enrolment was torn: both hold keys that were meant for one.
func twoCardsOneUID(t *testing.T, f *fixture) {
	b := f.badge(t, registry.Reserved)
	first, second := f.issue(t, b.UID), f.issue(t, b.UID)
	p1 := f.start(t, b, "c-1")
	genuine := f.intent(t, p1, picc(registry.PublicDefault(), daughter("admin", 1, first)))
	p2 := f.start(t, b, "c-2")
	forged := f.intent(t, p2, picc(registry.PublicDefault(), daughter("admin", 1, second)))
	equal(t, "candidates", f.unsettled(t, b.UID), []string{forged.ID, genuine.ID})
	p3 := f.start(t, b, "c-3")
	key := daughter("admin", 1, first)
	is(t, "the first card comes back", f.settle(t, p3, genuine, registry.PICC, 0, registry.OutcomeNew, key), nil)
	held(t, f.slot(t, b, registry.PICC, 0), registry.SlotProven, key)
	// The key that the other card was given stays a candidate: when that card
	// proves it, the conflict is the alarm.
	equal(t, "candidates", f.unsettled(t, b.UID), []string{forged.ID})
	p4 := f.start(t, b, "c-4")
	is(t, "the second card comes", f.settle(t, p4, forged, registry.PICC, 0, registry.OutcomeNew, daughter("admin", 1, second)), registry.ErrConflict)
	held(t, f.slot(t, b, registry.PICC, 0), registry.SlotProven, key)
	// And a card with default keys is not the badge any more.
	third := f.issue(t, b.UID)
	f.refused(t, registry.ErrConflict, func(tx registry.Tx) error {
		_, err := tx.OpenIntent(registry.Intent{Procedure: p4, Slots: []registry.IntentSlot{picc(registry.PublicDefault(), daughter("admin", 1, third))}})
		return err
	})
}

// resumeByLaterConversation settles an intent of an earlier procedure.
func resumeByLaterConversation(t *testing.T, f *fixture) {
	b := f.badge(t, registry.Reserved)
	n := f.issue(t, b.UID)
	p1 := f.start(t, b, "c-1")
	i := f.intent(t, p1, picc(registry.PublicDefault(), daughter("admin", 1, n)))
	p2 := f.start(t, b, "c-2")
	is(t, "resume", f.settle(t, p2, i, registry.PICC, 0, registry.OutcomeNew, daughter("admin", 1, n)), nil)
	f.view(t, func(tx registry.Tx) error {
		got, err := tx.Intent(i.ID)
		equal(t, "opened by", got.Procedure.Conversation, "c-1")
		equal(t, "how that procedure ended", got.Procedure.End, registry.EndTakenOver)
		equal(t, "proven in", got.Slots[0].Evidence.Conversation, "c-2")
		return err
	})
}

func applicationGone(t *testing.T, f *fixture) {
	b := f.badge(t, registry.Reserved)
	p := f.start(t, b, "c-1")
	first, second := f.issue(t, b.UID), f.issue(t, b.UID)
	admin := daughter("admin", 1, first)
	slots := func(n registry.IssueNumber) registry.IntentSlot {
		return registry.IntentSlot{AID: application, Old: registry.PublicDefault(), New: daughter("admin", 1, n)}
	}
	one := slots(first)
	one.Slot = 1
	i := f.intent(t, p, picc(registry.PublicDefault(), admin), slots(first), one)
	is(t, "prove slot 0", f.settle(t, p, i, application, 0, registry.OutcomeNew, daughter("admin", 1, first)), nil)
	gone := func(aid registry.AID, kind registry.EvidenceKind, key registry.KeyRef) func(registry.Tx) error {
		return func(tx registry.Tx) error {
			return tx.SettleGone(b.UID, p.Fence, aid, registry.Evidence{Kind: kind, Key: key, Conversation: "c-1"})
		}
	}
	f.refused(t, registry.ErrInvalid, gone(registry.PICC, registry.EvidenceMAC, admin))
	f.refused(t, registry.ErrEvidence, gone(application, registry.EvidenceMAC, registry.PublicDefault()))
	f.refused(t, registry.ErrEvidence, gone(application, registry.EvidenceAuthentication, admin))
	f.update(t, gone(application, registry.EvidenceMAC, admin))
	f.view(t, func(tx registry.Tx) error {
		list, err := tx.CardSlots(b.ID)
		equal(t, "slots left", len(list), 1)
		equal(t, "slot left", list[0].AID, registry.PICC)
		got, read := tx.Intent(i.ID)
		equal(t, "outcome at PICC level", got.Slots[0].Outcome, "")
		equal(t, "outcome of slot 0, proven before", got.Slots[1].Outcome, registry.OutcomeNew)
		equal(t, "outcome of slot 1", got.Slots[2].Outcome, registry.OutcomeGone)
		equal(t, "evidence of slot 1", got.Slots[2].Evidence, registry.Evidence{Kind: registry.EvidenceMAC, Key: admin, Conversation: "c-1"})
		return errors.Join(err, read)
	})
	equal(t, "unsettled, since the card's own key is", f.unsettled(t, b.UID), []string{i.ID})
	again := f.intent(t, p, slots(second))
	is(t, "prove the new application", f.settle(t, p, again, application, 0, registry.OutcomeNew, daughter("admin", 1, second)), nil)
}

func rekey(t *testing.T, f *fixture) {
	b := f.badge(t, registry.Reserved)
	n := f.issue(t, b.UID)
	p := f.start(t, b, "c-1")
	one, two, three := daughter("doors", 1, n), daughter("doors", 2, n), daughter("doors", 3, n)
	change := func(old, new registry.KeyRef) registry.IntentSlot {
		return registry.IntentSlot{AID: application, Slot: 1, Old: old, New: new}
	}
	i := f.intent(t, p, change(registry.PublicDefault(), one))
	is(t, "provision", f.settle(t, p, i, application, 1, registry.OutcomeNew, one), nil)
	before := f.slot(t, b, application, 1)
	f.refused(t, registry.ErrConflict, func(tx registry.Tx) error {
		_, err := tx.OpenIntent(registry.Intent{Procedure: p, Slots: []registry.IntentSlot{change(two, three)}})
		return err
	})
	i = f.intent(t, p, change(one, two))
	held(t, f.slot(t, b, application, 1), registry.SlotPending, one)
	f.refused(t, registry.ErrUnsettled, func(tx registry.Tx) error {
		_, err := tx.OpenIntent(registry.Intent{Procedure: p, Slots: []registry.IntentSlot{change(one, three)}})
		return err
	})
	is(t, "it did not take", f.settle(t, p, i, application, 1, registry.OutcomeOld, one), nil)
	held(t, f.slot(t, b, application, 1), registry.SlotProven, one)
	i = f.intent(t, p, change(one, two))
	is(t, "it took", f.settle(t, p, i, application, 1, registry.OutcomeNew, two), nil)
	after := f.slot(t, b, application, 1)
	held(t, after, registry.SlotProven, two)
	if after.Rev <= before.Rev {
		t.Errorf("revision %d after %d", after.Rev, before.Rev)
	}
}

// exposedBadges lists the badges that a compromised station knows keys of,
// whichever of their attempts was made there.
func exposedBadges(t *testing.T, f *fixture) {
	first, second, safe := f.badge(t, registry.Reserved), f.badge(t, registry.Reserved), f.badge(t, registry.Reserved)
	birth := registry.KeyRef{Kind: registry.KeyDerivedDefault, Domain: "admin", Generation: 1, Issue: 1, Format: "m1:uid"}
	for _, c := range []struct {
		b       registry.Badge
		station string
		old     registry.KeyRef
	}{
		{first, "desk-1", registry.PublicDefault()},
		{second, "desk-2", registry.PublicDefault()},
		{second, "desk-1", registry.KeyRef{Kind: registry.KeyTransport, Name: "supplier-a"}},
		{safe, "desk-1", birth},
	} {
		n := f.issue(t, c.b.UID)
		p := procedure(c.b, "c-"+c.station)
		p.Station = c.station
		f.update(t, func(tx registry.Tx) (err error) {
			if p, err = tx.StartProcedure(p, dead); err != nil {
				return err
			}
			_, err = tx.OpenIntent(registry.Intent{Procedure: p, Slots: []registry.IntentSlot{picc(c.old, daughter("admin", 1, n))}})
			return err
		})
	}
	equal(t, "exposed at desk-1", f.list(t, registry.BadgeFilter{ExposedAt: "desk-1"}), sorted(first.ID, second.ID))
	equal(t, "exposed at desk-2", f.list(t, registry.BadgeFilter{ExposedAt: "desk-2"}), []string{second.ID})
}

func trials(t *testing.T, f *fixture) {
	b := f.badge(t, registry.Reserved)
	p := f.start(t, b, "c-1")
	n := f.issue(t, b.UID)
	i := f.intent(t, p, picc(registry.PublicDefault(), daughter("admin", 1, n)))
	id := registry.SlotID{Badge: b.ID, AID: registry.PICC}
	add := func(id registry.SlotID, intent string, want int) {
		t.Helper()
		f.update(t, func(tx registry.Tx) error {
			got, err := tx.AddTrial(id, intent)
			equal(t, "trials in a row", got, want)
			return err
		})
	}
	add(id, i.ID, 1)
	add(id, "", 2)
	add(id, i.ID, 3)
	add(registry.SlotID{Badge: b.ID, AID: application, Slot: 1}, "", 1)
	f.refused(t, registry.ErrNotFound, func(tx registry.Tx) error {
		_, err := tx.AddTrial(id, "i-9")
		return err
	})
	f.refused(t, registry.ErrNotFound, func(tx registry.Tx) error {
		_, err := tx.AddTrial(registry.SlotID{Badge: "b-9"}, "")
		return err
	})
	f.view(t, func(tx registry.Tx) error {
		got, err := tx.Intent(i.ID)
		equal(t, "trials of the intent", got.Slots[0].Trials, 2)
		n, counted := tx.TrialsInARow(id)
		equal(t, "trials in a row", n, 3)
		return errors.Join(err, counted)
	})
	f.update(t, func(tx registry.Tx) error { return tx.ClearTrials(id) })
	f.view(t, func(tx registry.Tx) error {
		n, err := tx.TrialsInARow(id)
		equal(t, "trials after success", n, 0)
		return err
	})
	add(id, "", 1)
}
