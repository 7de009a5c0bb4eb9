package procedure_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"

	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/cardsim"
	"badgekms/reader/desfire"
	"badgekms/reader/key"
)

// tampered is a card on whose answers somebody else has the last word. Commands
// are told by their INS; a run still stops as the rule says.
type tampered struct {
	*cardsim.Card
	answer func(ins byte, r reader.Response) reader.Response
}

func (c *tampered) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	return reader.Exchange(func(ctx context.Context, raw []byte) ([]byte, error) {
		answer, err := c.Exchange(ctx, raw)
		if err != nil {
			return nil, err
		}
		r, err := reader.ParseResponse(answer)
		if err != nil {
			return nil, err
		}
		return c.answer(raw[1], r).Bytes(), nil
	}).Transmit(ctx, run)
}

// instead gives one answer to every command of an INS.
func instead(ins byte, r reader.Response) func(byte, reader.Response) reader.Response {
	return func(i byte, honest reader.Response) reader.Response {
		if i == ins {
			return r
		}
		return honest
	}
}

const insReadSig, insCreateApplication, insFreeMemory, insChangeKey, insSelect = 0x3C, 0xCA, 0x6E, 0xC4, 0x5A

// fill takes the memory of a card with somebody else's applications.
func fill(t *testing.T, card *cardsim.Card) {
	t.Helper()
	for n := byte(1); n < 100; n++ {
		rs, err := card.Transmit(t.Context(), []reader.Command{{
			APDU: []byte{0x90, insCreateApplication, 0, 0, 5, n, 0xAA, 0xAA, 0x0F, 0x8E, 0}, Expect: 0x9100,
		}})
		must(t, err)
		if rs[0].SW == 0x910E {
			return
		}
	}
	t.Fatal("the card does not fill up")
}

// isFactory tells whether a card still opens with the factory's key.
func isFactory(t *testing.T, card *cardsim.Card) bool {
	t.Helper()
	card.Reset()
	h := desfire.AuthenticateISO(0, key.TDEA2{}, rand.Reader)
	for _, step := range []func() (*desfire.Sealed, error){h.Start, h.Prove} {
		x, err := step()
		must(t, err)
		var b desfire.Batch
		b.Add(x)
		if err := b.Open(card.Transmit(t.Context(), x.Commands())); err != nil {
			return false
		}
	}
	return true
}

// unsuitable shows that a card which rules itself out is refused, by inspection
// too, and stays as it was: its key is the factory's, and it is no badge.
func unsuitable(t *testing.T, card *cardsim.Card, want badgekmsv1.Reason) {
	t.Helper()
	k := newKMS(t)
	k.holder()
	look, _ := k.present(card, card.UID(), badgekmsv1.Procedure_PROCEDURE_INSPECT)
	i, err := k.Inspect(t.Context(), look)
	must(t, err)
	if reason.Of(i.NotEncodable) != want {
		t.Errorf("inspection: %v, want %v", i.NotEncodable, want)
	}
	if _, err := k.provision(card, card.UID()); reason.Of(err) != want {
		t.Errorf("error %v, want %v", err, want)
	}
	if !isFactory(t, card) {
		t.Error("the card's key was changed for nothing")
	}
	must(t, k.store.View(t.Context(), func(tx registry.Tx) error {
		if _, err := tx.BadgeByUID(card.UID()); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("the registry has it: %v", err)
		}
		return nil
	}))
}

func TestFullCard(t *testing.T) {
	card := newCard(t, cardsim.EV3)
	fill(t, card)
	unsuitable(t, card, badgekmsv1.Reason_REASON_CARD_FULL)
}

// freeze sets the PICC settings of a factory card.
func freeze(t *testing.T, card *cardsim.Card, rights desfire.KeyRights) {
	t.Helper()
	h := desfire.AuthenticateISO(0, key.TDEA2{}, rand.Reader)
	send(t, card, h.Start)
	send(t, card, h.Prove)
	var b desfire.Batch
	b.Seal(h.Session(), desfire.ChangeKeySettings(rights))
	transmit(t, card, &b)
	card.Reset()
}

// Settings that cannot become those of the profile rule a card out; those that
// are, or can become so, do not.
func TestFrozenSettings(t *testing.T) {
	const all = desfire.MasterKeyChangeable | desfire.FreeListing | desfire.FreeCreateDelete | desfire.RightsChangeable
	for name, rights := range map[string]desfire.KeyRights{
		"settings frozen":   all &^ desfire.RightsChangeable,
		"key frozen":        all &^ desfire.MasterKeyChangeable,
		"everything frozen": desfire.FreeListing,
	} {
		t.Run(name, func(t *testing.T) {
			card := newCard(t, cardsim.EV3)
			freeze(t, card, rights)
			unsuitable(t, card, badgekmsv1.Reason_REASON_CARD_LOCKED)
		})
	}
	for name, rights := range map[string]desfire.KeyRights{
		"listing hidden": all &^ desfire.FreeListing,
		"creation bound": all &^ desfire.FreeCreateDelete,
	} {
		t.Run(name, func(t *testing.T) {
			k := newKMS(t)
			k.holder()
			card := newCard(t, cardsim.EV3)
			freeze(t, card, rights)
			k.mustFinish(card, name)
		})
	}
}

// What a card hides in the look, or somebody on the way makes of it, comes out
// in the session under its key: it is refused then, and finished once the card
// tells the truth, or is another.
func TestRefusedInSession(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(card *cardsim.Card)
		answer  func(byte, reader.Response) reader.Response
		want    badgekmsv1.Reason
	}{
		"memory hint forged": {func(card *cardsim.Card) { fill(t, card) }, func(ins byte, r reader.Response) reader.Response {
			if ins == insFreeMemory && len(r.Data) == 3 { // in plain; in the session it carries a MAC
				return reader.Response{Data: []byte{0, 0x20, 0}, SW: 0x9100}
			}
			return r
		}, badgekmsv1.Reason_REASON_CARD_FULL},
		"settings frozen and hidden": {func(card *cardsim.Card) { freeze(t, card, desfire.MasterKeyChangeable) },
			func(_ byte, r reader.Response) reader.Response { return r }, badgekmsv1.Reason_REASON_CARD_LOCKED},
		"key frozen and hidden": {func(card *cardsim.Card) { freeze(t, card, 0) },
			func(_ byte, r reader.Response) reader.Response { return r }, badgekmsv1.Reason_REASON_CARD_LOCKED},
		"out of memory all the same": {func(*cardsim.Card) {}, instead(insCreateApplication, reader.Response{SW: 0x910E}), badgekmsv1.Reason_REASON_CARD_FULL},
		"memory of the card fails":   {func(*cardsim.Card) {}, instead(insChangeKey, reader.Response{SW: 0x91EE}), badgekmsv1.Reason_REASON_CARD_ERROR},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKMS(t)
			k.holder()
			card := &tampered{Card: newCard(t, cardsim.EV3), answer: c.answer}
			c.prepare(card.Card)
			for range 2 { // and again
				if _, err := k.provision(card, card.UID()); reason.Of(err) != c.want {
					t.Errorf("error %v, want %v", err, c.want)
				}
			}
			k.notEncoded(card.UID())
		})
	}
}

// notEncoded shows that an interrupted card is a reserved badge.
func (k *kms) notEncoded(uid []byte) {
	k.t.Helper()
	must(k.t, k.store.View(k.t.Context(), func(tx registry.Tx) error {
		b, err := tx.BadgeByUID(uid)
		if err == nil && b.State != registry.Reserved {
			k.t.Errorf("the badge is %s", b.State)
		}
		return err
	}))
}

// Cards that are no DESFire say so by their status words, and are refused; a
// reader's own failure is nobody's fault.
func TestNoDESFire(t *testing.T) {
	k := newKMS(t)
	k.holder()
	for sw, want := range map[reader.SW]badgekmsv1.Reason{
		0x6E00: badgekmsv1.Reason_REASON_CARD_UNSUPPORTED, // unknown class
		0x6D00: badgekmsv1.Reason_REASON_CARD_UNSUPPORTED, // unknown instruction
		0x6300: badgekmsv1.Reason_REASON_CARD_ERROR,       // some readers, when the card is gone
		0x91EE: badgekmsv1.Reason_REASON_CARD_ERROR,
	} {
		card := &tampered{Card: newCard(t, cardsim.EV3), answer: func(byte, reader.Response) reader.Response { return reader.Response{SW: sw} }}
		if _, err := k.provision(card, card.UID()); reason.Of(err) != want {
			t.Errorf("enrolment of a card that answers %v: %v, want %v", sw, err, want)
		}
	}
	card := newCard(t, cardsim.EV3)
	k.mustFinish(card, "fresh")
	for sw, want := range map[reader.SW]badgekmsv1.Reason{
		0x6E00: badgekmsv1.Reason_REASON_CARD_UNSUPPORTED, 0x6300: badgekmsv1.Reason_REASON_CARD_ERROR, 0x91A0: badgekmsv1.Reason_REASON_APPLICATION_MISSING,
	} {
		if _, err := k.tap(&tampered{Card: card, answer: instead(insSelect, reader.Response{SW: sw})}, card.UID()); reason.Of(err) != want {
			t.Errorf("tap of a card that answers %v: %v, want %v", sw, err, want)
		}
	}
	old := &tampered{Card: card, answer: instead(0x71, reader.Response{SW: 0x911C})}
	if _, err := k.tap(old, card.UID()); reason.Of(err) != badgekmsv1.Reason_REASON_PROTOCOL_DOWNGRADED {
		t.Errorf("tap of a badge that answers as EV1: %v", err)
	}
}
