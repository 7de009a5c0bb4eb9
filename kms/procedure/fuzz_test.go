package procedure_test

import (
	"context"
	"testing"

	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/cardsim"
)

// scripted is a card whose answers are cut out of a script, and empty at its
// end.
type scripted struct{ answers []byte }

// Transmit implements reader.Card: each answer is a length byte, so many bytes
// of data, and a status word.
func (s *scripted) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	return reader.Exchange(func(context.Context, []byte) ([]byte, error) {
		if len(s.answers) == 0 {
			return nil, reader.ErrRemoved
		}
		n := min(int(s.answers[0])+2, len(s.answers)-1)
		answer := s.answers[1 : 1+n]
		s.answers = s.answers[1+n:]
		return answer, nil
	}).Transmit(ctx, run)
}

// recording notes what a card answers, in the form of scripted.
type recording struct {
	reader.Card
	script []byte
}

func (r *recording) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	rs, err := r.Card.Transmit(ctx, run)
	for _, a := range rs {
		r.script = append(append(r.script, byte(len(a.Data))), a.Bytes()...)
	}
	return rs, err
}

// FuzzHostileCard: whatever a card answers, no procedure panics, nothing is
// proven, no badge is encoded or granted. The seeds are what an honest card
// answers; replayed, they must fail as anything else does.
func FuzzHostileCard(f *testing.F) {
	k := newKMS(f)
	k.holder()
	card, err := cardsim.New(cardsim.Options{Type: cardsim.EV3, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	must(f, err)
	honest := &recording{Card: card}
	p, err := k.provision(honest, card.UID())
	must(f, err)
	k.handOver(p.BadgeID)
	enrolment := honest.script
	honest.script = nil
	if _, err := k.tap(honest, card.UID()); err != nil {
		f.Fatal(err)
	}
	if len(enrolment) < 200 || len(honest.script) < 40 {
		f.Fatal("the honest card's answers were not recorded")
	}
	for _, procedure := range []badgekmsv1.Procedure{
		badgekmsv1.Procedure_PROCEDURE_PROVISION, badgekmsv1.Procedure_PROCEDURE_AUTHENTICATE, badgekmsv1.Procedure_PROCEDURE_INSPECT,
	} {
		f.Add(byte(procedure), card.UID(), enrolment)
		f.Add(byte(procedure), []byte{4, 9, 9, 9, 9, 9, 9}, enrolment)
		f.Add(byte(procedure), card.UID(), honest.script)
	}
	f.Fuzz(func(t *testing.T, which byte, uid, answers []byte) {
		if len(uid) != 7 {
			return
		}
		k.t = t
		hostile := &scripted{answers: answers}
		procedure := badgekmsv1.Procedure(which%3 + 1)
		c, _ := k.present(hostile, uid, procedure)
		switch procedure {
		case badgekmsv1.Procedure_PROCEDURE_PROVISION:
			if p, err := k.Provision(t.Context(), c, provisionFor("H-1")); err == nil {
				t.Errorf("encoded %+v", p)
			}
		case badgekmsv1.Procedure_PROCEDURE_AUTHENTICATE:
			if tap, err := k.Authenticate(t.Context(), c); err == nil {
				t.Errorf("granted %+v", tap)
			}
		default:
			_, _ = k.Inspect(t.Context(), c)
		}
		nothingProven(t, k, uid, p.BadgeID)
	})
}

// nothingProven looks for a proven slot on any badge but the honest one.
func nothingProven(t *testing.T, k *kms, uid []byte, honest string) {
	t.Helper()
	must(t, k.store.View(t.Context(), func(tx registry.Tx) error {
		b, err := tx.BadgeByUID(uid)
		if err != nil || b.ID == honest {
			return nil
		}
		slots, err := tx.CardSlots(b.ID)
		for _, s := range slots {
			if s.State == registry.SlotProven {
				t.Errorf("%s is proven", s.SlotID)
			}
		}
		if b.State != registry.Reserved {
			t.Errorf("badge %s is %s", b.ID, b.State)
		}
		return err
	}))
}
