package procedure_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"badgekms/kms/procedure"
	"badgekms/reader"
	"badgekms/reader/cardsim"
)

// moments are the two ways to tear a card away at a command.
var moments = map[cardsim.Moment]string{cardsim.Before: "before", cardsim.After: "after"}

// stride is the step of a loop over all commands; -short samples it.
func stride(sample int) int {
	if testing.Short() {
		return sample
	}
	return 1
}

// mustFinish presents a card to an honest reader: it becomes a badge and opens
// a door.
func (k *kms) mustFinish(card *cardsim.Card, what string) {
	k.t.Helper()
	card.TearAt(0, cardsim.Before)
	p, err := k.provision(card, card.UID())
	if err != nil {
		k.t.Fatalf("%s, then presented again: %v", what, err)
	}
	k.handOver(p.BadgeID)
	if _, err := k.tap(card, card.UID()); err != nil {
		k.t.Fatalf("%s, tap: %v", what, err)
	}
}

// tornAt provisions a card that is torn away at the n-th command; false if the
// enrolment ended before.
func (k *kms) tornAt(card *cardsim.Card, n int, m cardsim.Moment, what string) bool {
	k.t.Helper()
	card.TearAt(n, m)
	_, err := k.provision(card, card.UID())
	if err != nil && !errors.Is(err, reader.ErrRemoved) {
		k.t.Fatalf("%s: %v", what, err)
	}
	return err != nil
}

// Wherever a card is torn away during its enrolment, before or after a
// command took effect, the next presentation finishes it, and the badge works.
func TestTornEnrolmentIsResumed(t *testing.T) {
	for _, typ := range cardTypes {
		for moment, name := range moments {
			t.Run(fmt.Sprintf("%s, %s the command", typ, name), func(t *testing.T) {
				t.Parallel()
				k := newKMS(t)
				k.holder()
				n := 1
				for ; ; n += stride(9) {
					card := newCard(t, typ)
					what := fmt.Sprintf("torn at command %d", n)
					if !k.tornAt(card, n, moment, what) {
						break
					}
					k.mustFinish(card, what)
				}
				if n < 30 {
					t.Errorf("only %d commands to tear at", n)
				}
				t.Logf("torn at each of %d commands, resumed each time", n-1)
			})
		}
	}
}

// A card that is torn away twice, first at one command and then at another of
// the enrolment that was to finish it, is finished by the third presentation.
func TestTornTwice(t *testing.T) {
	for first, firstName := range moments {
		for second, secondName := range moments {
			t.Run(firstName+", then "+secondName, func(t *testing.T) {
				t.Parallel()
				k := newKMS(t)
				k.holder()
				pairs := 0
				for n := 9; n < 60; n += 7 * stride(2) {
					for m := 8; m < 60; m += 9 * stride(2) {
						card := newCard(t, cardsim.EV3)
						what := fmt.Sprintf("torn at command %d, then at %d", n, m)
						if !k.tornAt(card, n, first, what) || !k.tornAt(card, m, second, what) {
							break
						}
						pairs++
						k.mustFinish(card, what)
					}
				}
				if pairs < 10 {
					t.Errorf("only %d pairs of tears", pairs)
				}
				t.Logf("%d pairs", pairs)
			})
		}
	}
}

// dying is a card at whose n-th run the KMS is killed: nothing of the
// procedure runs any more, not even what it does when it fails.
type dying struct {
	*cardsim.Card
	n       int
	carried bool // the run still reaches the card
}

func (d *dying) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	if d.n--; d.n != 0 {
		return d.Card.Transmit(ctx, run)
	}
	if d.carried {
		_, _ = d.Card.Transmit(ctx, run)
	}
	runtime.Goexit()
	return nil, nil
}

// The KMS is killed at each run of an enrolment, before the run reached the
// card and after; a new process finishes the card.
func TestKMSKilled(t *testing.T) {
	for _, carried := range []bool{false, true} {
		t.Run(fmt.Sprintf("run carried out %t", carried), func(t *testing.T) {
			t.Parallel()
			k := newKMS(t)
			k.holder()
			killed := 0
			for n := 2; ; n++ { // the first run is the opening script, which the KMS does not send
				card := newCard(t, cardsim.EV3)
				ended := make(chan bool)
				go func() {
					done := false
					defer func() { ended <- done }()
					_, err := k.provision(&dying{Card: card, n: n, carried: carried}, card.UID())
					done = err == nil
				}()
				if <-ended {
					break
				}
				killed++
				k.restart(func(o *procedure.Options) { o.Instance = fmt.Sprintf("test-%d", n) })
				k.mustFinish(card, fmt.Sprintf("killed at run %d", n))
			}
			if killed < 5 {
				t.Errorf("only %d runs to be killed at", killed)
			}
		})
	}
}
