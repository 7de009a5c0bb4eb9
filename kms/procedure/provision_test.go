package procedure_test

import (
	"bytes"
	"testing"

	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/cardsim"
	"badgekms/reader/desfire"
)

var cardTypes = []cardsim.Type{cardsim.EV2, cardsim.EV3}

// A fresh card becomes a badge in at most 10 round trips, and the badge opens
// a door in two, with three card commands.
func TestEnrolAndTap(t *testing.T) {
	for _, typ := range cardTypes {
		t.Run(string(typ), func(t *testing.T) {
			k := newKMS(t)
			k.holder()
			card := newCard(t, typ)
			station := &counted{Card: card}
			p, err := k.provision(station, card.UID())
			must(t, err)
			if len(p.CredentialNumber) != 16 || p.HolderID != "H-1" || p.Resumed || p.Repeated {
				t.Errorf("result %+v", p)
			}
			if station.trips > 10 {
				t.Errorf("%d round trips, at most 10 are allowed", station.trips)
			}
			t.Logf("%s: %d round trips, %d card commands, the opening included", p.Product, station.trips, station.commands)

			if _, err := k.tap(card, card.UID()); reason.Of(err) != badgekmsv1.Reason_REASON_BADGE_NOT_HANDED_OVER {
				t.Errorf("tap before the hand-over: %v", err)
			}
			k.handOver(p.BadgeID)
			door := &counted{Card: card}
			tap, err := k.tap(door, card.UID())
			must(t, err)
			if tap.BadgeID != p.BadgeID || tap.HolderID != "H-1" || tap.Generation != 1 {
				t.Errorf("tap %+v", tap)
			}
			if door.trips != 2 || door.commands != 3 {
				t.Errorf("a tap took %d round trips and %d card commands, want 2 and 3", door.trips, door.commands)
			}
		})
	}
}

// Every slot of the badge is proven, with the same issue number, and no intent
// stays open.
func TestEnrolmentIsSettled(t *testing.T) {
	k := newKMS(t)
	k.holder()
	card := newCard(t, cardsim.EV3)
	p, err := k.provision(card, card.UID())
	must(t, err)
	must(t, k.store.View(t.Context(), func(tx registry.Tx) error {
		slots, err := tx.CardSlots(p.BadgeID)
		must(t, err)
		if len(slots) != 9 {
			t.Errorf("%d slots, want the PICC key and 8", len(slots))
		}
		for _, s := range slots {
			if s.State != registry.SlotProven || s.Key.Kind != registry.KeyDomain || s.Key.Issue.Attempt() != 1 {
				t.Errorf("%s: %s, %s", s.SlotID, s.State, s.Key)
			}
		}
		open, err := tx.UnsettledIntents(card.UID())
		if len(open) != 0 {
			t.Errorf("%d intents are open", len(open))
		}
		return err
	}))
}

// The same request again writes nothing and gives the same badge.
func TestRepeatedRequest(t *testing.T) {
	k := newKMS(t)
	k.holder()
	card := newCard(t, cardsim.EV3)
	c, _ := k.present(card, card.UID(), badgekmsv1.Procedure_PROCEDURE_PROVISION)
	c.RequestID = "7f3c"
	first, err := k.Provision(t.Context(), c, provisionFor("H-1"))
	must(t, err)
	again, err := k.Provision(t.Context(), c, provisionFor("H-1"))
	must(t, err)
	if !again.Repeated || again.BadgeID != first.BadgeID || !bytes.Equal(again.CredentialNumber, first.CredentialNumber) {
		t.Errorf("first %+v, again %+v", first, again)
	}
	other := newCard(t, cardsim.EV3)
	c.UID = other.UID()
	if _, err := k.Provision(t.Context(), c, provisionFor("H-1")); reason.Of(err) != badgekmsv1.Reason_REASON_MESSAGE_INVALID {
		t.Errorf("the same request for another card: %v", err)
	}
}

func TestRefusedCards(t *testing.T) {
	k := newKMS(t)
	k.holder()
	encoded := newCard(t, cardsim.EV3)
	_, err := k.provision(encoded, encoded.UID())
	must(t, err)

	clone, err := cardsim.New(cardsim.Options{Type: cardsim.EV3, UID: encoded.UID()})
	must(t, err)
	foreign := newCard(t, cardsim.EV2)
	other := newKMS(t)
	other.holder()
	_, err = other.provision(foreign, foreign.UID())
	must(t, err)
	fresh := newCard(t, cardsim.EV3)
	old := newCard(t, cardsim.EV1)

	for name, c := range map[string]struct {
		card   reader.Card
		uid    []byte
		holder string
		want   badgekmsv1.Reason
	}{
		"encoded already":           {encoded, encoded.UID(), "H-1", badgekmsv1.Reason_REASON_BADGE_ALREADY_ENCODED},
		"factory card, badge's UID": {clone, clone.UID(), "H-1", badgekmsv1.Reason_REASON_KEY_REFUSED},
		"keys of someone else":      {foreign, foreign.UID(), "H-1", badgekmsv1.Reason_REASON_CARD_KEYS_UNKNOWN},
		"random UID":                {fresh, []byte{0x08, 1, 2, 3}, "H-1", badgekmsv1.Reason_REASON_UID_RANDOM},
		"another UID than shown":    {fresh, []byte{4, 1, 2, 3, 4, 5, 6}, "H-1", badgekmsv1.Reason_REASON_UID_MISMATCH},
		"an EV1 card":               {old, old.UID(), "H-1", badgekmsv1.Reason_REASON_CARD_UNSUPPORTED},
		"unknown holder":            {fresh, fresh.UID(), "H-404", badgekmsv1.Reason_REASON_HOLDER_UNKNOWN},
	} {
		t.Run(name, func(t *testing.T) {
			conversation, _ := k.present(c.card, c.uid, badgekmsv1.Procedure_PROCEDURE_PROVISION)
			_, err := k.Provision(t.Context(), conversation, provisionFor(c.holder))
			if reason.Of(err) != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	// None of the refusals wrote on a card.
	if _, err := k.provision(fresh, fresh.UID()); err != nil {
		t.Errorf("the fresh card afterwards: %v", err)
	}
}

// A badge recorded as EV3 whose UID answers as EV1 is a downgrade, even if the
// application is there.
func TestDowngradedBadge(t *testing.T) {
	k := newKMS(t)
	k.holder()
	badge := newCard(t, cardsim.EV3)
	p, err := k.provision(badge, badge.UID())
	must(t, err)
	k.handOver(p.BadgeID)

	old, err := cardsim.New(cardsim.Options{Type: cardsim.EV1, UID: badge.UID()})
	must(t, err)
	var b desfire.Batch
	b.Seal(desfire.PlainSession{}, desfire.CreateApplication(desfire.Application{
		AID: desfire.AID(k.Profile.Application.AID), Rights: 0x0B, KeyCount: 8, KeyType: desfire.KeyTypeAES,
	}))
	transmit(t, old, &b)
	if _, err := k.tap(old, old.UID()); reason.Of(err) != badgekmsv1.Reason_REASON_PROTOCOL_DOWNGRADED {
		t.Errorf("tap: %v", err)
	}
}

// No command that carries key bytes leaves before the flush of the intent that
// tells of it: whenever a run with ChangeKey comes by, the registry shows an
// open intent of this card from a transaction that is durable.
func TestIntentBeforeKeyBytes(t *testing.T) {
	k := newKMS(t)
	k.holder()
	card := newCard(t, cardsim.EV3)
	seen := 0
	watched := &counted{Card: card}
	watched.onRun = func(run []reader.Command) {
		if !carriesKey(run) {
			return
		}
		seen++
		if k.committed == 0 {
			t.Error("key bytes leave before any flush")
		}
		must(t, k.store.View(t.Context(), func(tx registry.Tx) error {
			open, err := tx.UnsettledIntents(card.UID())
			if len(open) != 1 {
				t.Errorf("key bytes leave with %d open intents", len(open))
			}
			return err
		}))
	}
	_, err := k.provision(watched, card.UID())
	must(t, err)
	if seen < 3 {
		t.Errorf("only %d runs with key bytes were seen", seen)
	}
}

// carriesKey tells whether a run holds ChangeKey (C4) or SetConfiguration (5C).
func carriesKey(run []reader.Command) bool {
	for _, c := range run {
		if c.APDU[1] == 0xC4 || c.APDU[1] == 0x5C {
			return true
		}
	}
	return false
}
