package procedure_test

import (
	"errors"
	"slices"
	"testing"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/cardsim"
)

// People watch the steps: they are counted without a gap, the last one is the
// number announced with it, and only what is done is named.
func TestProgress(t *testing.T) {
	const (
		check    = badgekmsv1.Stage_STAGE_CARD_CHECK
		resume   = badgekmsv1.Stage_STAGE_RESUME
		cardKey  = badgekmsv1.Stage_STAGE_CARD_KEY
		create   = badgekmsv1.Stage_STAGE_APPLICATION
		adminKey = badgekmsv1.Stage_STAGE_ADMIN_KEY
		fill     = badgekmsv1.Stage_STAGE_KEYS_AND_FILES
		verify   = badgekmsv1.Stage_STAGE_VERIFY
	)
	for name, c := range map[string]struct {
		tear byte // the command that takes effect last; 0: none is lost
		want []badgekmsv1.Stage
	}{
		"fresh":                {0, []badgekmsv1.Stage{check, cardKey, create, adminKey, fill, verify}},
		"no application yet":   {0x51, []badgekmsv1.Stage{check, resume, create, adminKey, fill, verify}},
		"application is there": {0xCB, []badgekmsv1.Stage{check, resume, fill, verify}},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKMS(t)
			k.holder()
			card := newCard(t, cardsim.EV3)
			if c.tear != 0 {
				tearAfter(t, k, card, c.tear)
			}
			conversation, _ := k.present(card, card.UID(), badgekmsv1.Procedure_PROCEDURE_PROVISION)
			var stages []badgekmsv1.Stage
			last, announced := 0, 0
			conversation.Progress = func(step, of int, stage badgekmsv1.Stage) {
				if step != last+1 || step > of {
					t.Errorf("step %d of %d after step %d", step, of, last)
				}
				last, announced = step, of
				stages = append(stages, stage)
			}
			_, err := k.Provision(t.Context(), conversation, provisionFor("H-1"))
			must(t, err)
			if !slices.Equal(stages, c.want) || last != announced {
				t.Errorf("%v, the last was %d of %d, want %v", stages, last, announced, c.want)
			}
		})
	}
}

// tearAfter pulls the card away when a command of an enrolment took effect.
func tearAfter(t *testing.T, k *kms, card *cardsim.Card, ins byte) {
	t.Helper()
	watched := &counted{Card: card}
	watched.onRun = func(run []reader.Command) {
		for i, c := range run {
			if c.APDU[1] == ins {
				card.TearAt(i+1, cardsim.After)
			}
		}
	}
	if _, err := k.provision(watched, card.UID()); !errors.Is(err, reader.ErrRemoved) {
		t.Fatalf("not torn: %v", err)
	}
}
