package main

import (
	"context"
	"time"

	"badgekms/enroll/text"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/cardsim"
	"badgekms/reader/desfire"
	"badgekms/reader/terminal"
)

// tap lays a card on the door's reader for one tap.
func (s *story) tap(ctx context.Context, c *cardsim.Card) (terminal.Tap, error) {
	if err := s.field.put(s.field.door(), c); err != nil {
		return terminal.Tap{}, err
	}
	t := terminal.New(terminal.Config{
		Readers: s.field.readers(), ReaderName: s.field.door(),
		Client: badgekmsv1.NewConversationServiceClient(s.door), Log: s.log,
	})
	tap, err := t.Once(ctx)
	if err != nil {
		return tap, err
	}
	return tap, s.field.remove(s.field.door())
}

func (s *story) taps(ctx context.Context) error {
	s.begin("Each of the three opens the main door")
	for _, p := range s.people {
		tap, err := s.tap(ctx, p.card)
		if err != nil {
			return err
		}
		if tap.Verdict != badgekmsv1.Verdict_VERDICT_GRANTED || tap.HolderID != p.id || tap.BadgeID != p.badge {
			return notAsTold("the tap of %s: %s %s %v", p.name, tap.Verdict, tap.Reason, tap.Err)
		}
		if tap.RoundTrips != 2 {
			return notAsTold("the tap of %s took %d round trips, not 2", p.name, tap.RoundTrips)
		}
		s.say("GRANTED  %s (%s), key generation %d, %d network round trips, %s", p.name, tap.HolderID, tap.Generation,
			tap.RoundTrips, tap.Timings.Total.Round(100*time.Microsecond))
	}
	return nil
}

// stranger is a card that must not open the door.
type stranger struct {
	what string
	card func() (*cardsim.Card, error)
	want badgekmsv1.Reason
}

func (s *story) refusals(ctx context.Context) error {
	s.begin("Three other cards do not")
	aid := desfire.AID(s.profile.Application.AID)
	for _, x := range []stranger{
		{"a card with an application like ours that nobody enrolled", func() (*cardsim.Card, error) {
			return imitation(ctx, nil, aid)
		}, badgekmsv1.Reason_REASON_BADGE_UNKNOWN},
		{"a clone: the UID of " + s.people[0].name + "'s badge, and other keys", func() (*cardsim.Card, error) {
			return imitation(ctx, s.people[0].card.UID(), aid)
		}, badgekmsv1.Reason_REASON_KEY_REFUSED},
		{"a card fresh from the factory", func() (*cardsim.Card, error) {
			return blank(cardsim.EV3)
		}, badgekmsv1.Reason_REASON_APPLICATION_MISSING},
	} {
		card, err := x.card()
		if err != nil {
			return err
		}
		tap, err := s.tap(ctx, card)
		if err != nil {
			return err
		}
		if tap.Verdict != badgekmsv1.Verdict_VERDICT_DENIED || tap.Reason != x.want {
			return notAsTold("%s: %s %s %v", x.what, tap.Verdict, tap.Reason, tap.Err)
		}
		s.say("DENIED   %s: %s", x.what, text.English.Reason(tap.Reason).Text)
	}
	return nil
}
