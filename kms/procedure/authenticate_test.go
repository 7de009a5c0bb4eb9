package procedure_test

import (
	"testing"
	"time"

	"badgekms/kms/audit"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/cardsim"
)

// Only an active badge within its time is granted; the others are told apart,
// and each answer is on record.
func TestTapByState(t *testing.T) {
	k := newKMS(t)
	k.holder()
	card := newCard(t, cardsim.EV3)
	k.mustFinish(card, "fresh")
	path := []struct {
		state registry.State
		want  badgekmsv1.Reason
	}{
		{registry.Suspended, badgekmsv1.Reason_REASON_BADGE_SUSPENDED},
		{registry.Lost, badgekmsv1.Reason_REASON_BADGE_LOST},
		{registry.Stolen, badgekmsv1.Reason_REASON_BADGE_STOLEN},
		{registry.Returned, badgekmsv1.Reason_REASON_BADGE_ENDED},
		{registry.Quarantined, badgekmsv1.Reason_REASON_BADGE_QUARANTINED},
		{registry.Suspended, badgekmsv1.Reason_REASON_BADGE_SUSPENDED},
		{registry.Active, badgekmsv1.Reason_REASON_UNSPECIFIED},
	}
	for _, step := range path {
		must(t, k.store.Update(t.Context(), func(tx registry.Tx) error {
			b, err := tx.BadgeByUID(card.UID())
			must(t, err)
			b.State = step.state
			_, err = tx.UpdateBadge(b)
			return err
		}))
		_, err := k.tap(card, card.UID())
		want := audit.Denied
		if step.want == 0 {
			must(t, err)
			want = audit.Granted
		} else if reason.Of(err) != step.want {
			t.Errorf("a badge that is %s: %v, want %v", step.state, err, step.want)
		}
		if got := k.lastRecord(); got.Outcome != want || got.Reason != reason.Name(step.want) {
			t.Errorf("a badge that is %s, on record: %+v", step.state, got)
		}
	}
	k.now = k.now.Add(4 * 365 * 24 * time.Hour)
	if _, err := k.tap(card, card.UID()); reason.Of(err) != badgekmsv1.Reason_REASON_BADGE_EXPIRED {
		t.Errorf("after four years: %v", err)
	}
}
