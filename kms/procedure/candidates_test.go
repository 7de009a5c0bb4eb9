package procedure_test

import (
	"errors"
	"testing"

	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/cardsim"
)

// A card may hold any of the keys that were sent to it. One presentation tries
// two of them and no more, the next goes on with those that were tried less,
// and a card that shows its initial key after all is enrolled with a new one.
func TestTwoTrialsAtATime(t *testing.T) {
	k := newKMS(t)
	k.holder()
	card := newCard(t, cardsim.EV3)
	const attempts = 3
	for range attempts {
		tearAtChangeKey(t, k, card)
	}
	impostor, err := cardsim.New(cardsim.Options{Type: cardsim.EV3, UID: card.UID()})
	must(t, err)
	own(t, impostor, listAndCreate)

	for presentation, want := range []struct {
		trials int
		reason badgekmsv1.Reason
	}{
		{2, badgekmsv1.Reason_REASON_BADGE_INCOMPLETE},
		{2, badgekmsv1.Reason_REASON_BADGE_INCOMPLETE},
	} {
		watched := &counted{Card: impostor}
		tried := 0
		watched.onRun = func(run []reader.Command) {
			if run[len(run)-1].APDU[1] == 0x71 {
				tried++
			}
		}
		_, err := k.provision(watched, impostor.UID())
		if reason.Of(err) != want.reason || tried != want.trials {
			t.Errorf("presentation %d: %d keys tried, %v", presentation+1, tried, err)
		}
	}
	spent := map[int]int{}
	must(t, k.store.View(t.Context(), func(tx registry.Tx) error {
		intents, err := tx.UnsettledIntents(card.UID())
		for _, i := range intents {
			spent[i.Slots[0].Trials]++
		}
		return err
	}))
	if spent[1] != 2 || spent[2] != 1 {
		t.Errorf("trials spent by attempt, as trials:attempts: %v, want 1:2 2:1", spent)
	}
	if _, err := k.provision(card, card.UID()); err != nil {
		t.Errorf("the card itself, afterwards: %v", err)
	}
}

// tearAtChangeKey pulls the card away just before it gets its own key.
func tearAtChangeKey(t *testing.T, k *kms, card *cardsim.Card) {
	t.Helper()
	watched := &counted{Card: card}
	watched.onRun = func(run []reader.Command) {
		for i, c := range run {
			if c.APDU[1] == 0xC4 {
				card.TearAt(i+1, cardsim.Before)
			}
		}
	}
	if _, err := k.provision(watched, card.UID()); !errors.Is(err, reader.ErrRemoved) {
		t.Fatalf("not torn: %v", err)
	}
}
