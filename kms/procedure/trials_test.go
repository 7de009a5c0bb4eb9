package procedure_test

import (
	"testing"

	"badgekms/kms/procedure"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/cardsim"
)

// A card that claims the UID of a badge under way and does not hold its keys is
// tried 20 times in a row, over all its presentations; then the badge is set
// aside, and not even the real card is tried until an officer has decided.
func TestTrialsAreLimited(t *testing.T) {
	const limit = 20
	k := newKMS(t)
	k.holder()
	card := newCard(t, cardsim.EV3)
	k.tornAt(card, 30, cardsim.After, "torn")
	card.TearAt(0, cardsim.After)
	other := newKMS(t)
	other.holder()
	fake, err := cardsim.New(cardsim.Options{Type: cardsim.EV3, UID: card.UID()})
	must(t, err)
	_, err = other.provision(fake, fake.UID())
	must(t, err)

	tries := 0
	watched := &counted{Card: fake, onRun: func(run []reader.Command) {
		for _, c := range run {
			if c.APDU[1] == 0x71 {
				tries++
			}
		}
	}}
	for n := range limit {
		if _, err := k.provision(watched, card.UID()); reason.Of(err) != badgekmsv1.Reason_REASON_CARD_KEYS_UNKNOWN {
			t.Fatalf("presentation %d of the fake: %v", n+1, err)
		}
		k.restart(func(*procedure.Options) {}) // the count is durable
	}
	if tries != limit {
		t.Errorf("%d authentications were tried, want %d", tries, limit)
	}
	if _, err := k.provision(watched, card.UID()); reason.Of(err) != badgekmsv1.Reason_REASON_TRIALS_EXHAUSTED {
		t.Errorf("one presentation more: %v", err)
	}
	for name, c := range map[string]reader.Card{"the fake": watched, "the real card": card} {
		if _, err := k.provision(c, card.UID()); reason.Of(err) != badgekmsv1.Reason_REASON_BADGE_QUARANTINED {
			t.Errorf("%s, set aside: %v", name, err)
		}
	}
	if tries != limit {
		t.Errorf("%d authentications were tried in the end, want %d", tries, limit)
	}
	// The officer's decision.
	must(t, k.store.Update(t.Context(), func(tx registry.Tx) error {
		b, err := tx.BadgeByUID(card.UID())
		must(t, err)
		b.State = registry.Reserved
		if _, err = tx.UpdateBadge(b); err != nil {
			return err
		}
		return tx.ClearTrials(registry.SlotID{Badge: b.ID, AID: registry.PICC})
	}))
	k.mustFinish(card, "released from quarantine")
}

// One success sets the count back, so that a reader that fails now and then
// takes no badge out of service.
func TestSuccessClearsTrials(t *testing.T) {
	k := newKMS(t)
	k.holder()
	card := newCard(t, cardsim.EV3)
	k.tornAt(card, 30, cardsim.After, "torn")
	for range 25 { // each opens the card, and is torn away again
		if !k.tornAt(card, 14, cardsim.Before, "torn again") {
			t.Fatal("the card was finished")
		}
	}
	k.mustFinish(card, "torn 26 times")
}
