package server_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"badgekms/kms/pki"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/cardsim"
)

// deaf is a relay that ignores the stop rule: it sends every command of a run
// to the card, whatever the card answers, and reports all of it as done.
func deaf(card reader.Card) answer {
	return func(ctx context.Context, run *badgekmsv1.Run) *badgekmsv1.Results {
		var all []reader.Response
		for _, c := range commands(run.GetCommands()) {
			rs, err := card.Transmit(ctx, []reader.Command{c})
			if err != nil {
				return results(run, all, err)
			}
			all = append(all, rs...)
		}
		r := results(run, all, nil)
		r.Stop = badgekmsv1.Stop_STOP_DONE
		return r
	}
}

// fillMemory takes the card's memory with applications of somebody else.
func fillMemory(t *testing.T, card *cardsim.Card) {
	t.Helper()
	for n := byte(1); ; n++ {
		rs, err := card.Transmit(t.Context(), []reader.Command{{
			// CreateApplication: AID, KS1, KS2 of 14 AES keys.
			APDU: []byte{0x90, 0xCA, 0, 0, 5, n, 0xAA, 0xAA, 0x0F, 0x8E, 0}, Expect: 0x9100,
		}})
		must(t, err)
		if rs[0].SW == 0x910E {
			return
		}
		if rs[0].SW != 0x9100 || n > 100 {
			t.Fatalf("application %d: %v", n, rs[0].SW)
		}
	}
}

// A relay that ignores the stop rule changes no outcome: the verdict, the
// reason and what the registry then knows are those of an honest relay.
func TestRelayWithoutStopRule(t *testing.T) {
	for name, prepare := range map[string]func(w *world, card *cardsim.Card) *cardsim.Card{
		"factory card": func(_ *world, card *cardsim.Card) *cardsim.Card { return card },
		"full card": func(w *world, card *cardsim.Card) *cardsim.Card {
			fillMemory(w.t, card)
			return card
		},
		"encoded already": func(w *world, card *cardsim.Card) *cardsim.Card {
			w.encode(card)
			return card
		},
		"keys of someone else": func(w *world, card *cardsim.Card) *cardsim.Card {
			other := newWorld(w.t)
			other.holder()
			other.encode(card)
			return card
		},
		"clone of a badge": func(w *world, card *cardsim.Card) *cardsim.Card {
			w.encode(card)
			clone, err := cardsim.New(cardsim.Options{Type: cardsim.EV3, UID: card.UID()})
			must(w.t, err)
			return clone
		},
		"half encoded": func(w *world, card *cardsim.Card) *cardsim.Card {
			card.Reset()
			card.TearAt(28, cardsim.After)
			o, err := w.call(w.dial(pki.Station), card, provision)
			must(w.t, err)
			wantOutcome(w.t, o, badgekmsv1.Reason_REASON_CARD_REMOVED)
			card.TearAt(0, cardsim.After)
			return card
		},
	} {
		t.Run(name, func(t *testing.T) {
			end := func(relay func(reader.Card) answer) (*badgekmsv1.Outcome, cardState) {
				w := newWorld(t)
				w.holder()
				card := prepare(w, newCard(t))
				o, err := w.provisionBy(card, relay(card))
				must(t, err)
				return o, w.state(card.UID())
			}
			honestly, want := end(honest)
			deafly, got := end(deaf)
			if honestly.GetVerdict() != deafly.GetVerdict() || honestly.GetReason() != deafly.GetReason() {
				t.Errorf("honest: %v %v, deaf: %v %v", honestly.GetVerdict(), honestly.GetReason(), deafly.GetVerdict(), deafly.GetReason())
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("registry, honest (-) and deaf (+):\n%s", diff)
			}
		})
	}
}

// A card that fails in the middle of a run, and a relay that goes on all the
// same and hides the failure: nothing is believed, and the card is finished at
// its next presentation. At every command.
func TestRelayThatHidesFailures(t *testing.T) {
	forEachCommand(t, 30, func(w *world, card *cardsim.Card, n int) answer {
		seen := 0
		return func(ctx context.Context, run *badgekmsv1.Run) *badgekmsv1.Results {
			var all []reader.Response
			for _, c := range commands(run.GetCommands()) {
				seen++
				if seen == n { // the card never gets this one, and all is said to be well
					all = append(all, reader.Response{SW: c.Expect})
					continue
				}
				rs, err := card.Transmit(ctx, []reader.Command{c})
				must(t, err)
				all = append(all, rs...)
			}
			r := results(run, all, nil)
			r.Stop = badgekmsv1.Stop_STOP_DONE
			return r
		}
	})
}

// A relay that answers 9100 for the card, from the n-th command on: whatever
// it claims, no slot becomes proven by it.
func TestRelayThatForgesSuccess(t *testing.T) {
	forEachCommand(t, 30, func(w *world, card *cardsim.Card, n int) answer {
		seen := 0
		return func(ctx context.Context, run *badgekmsv1.Run) *badgekmsv1.Results {
			var all []reader.Response
			for _, c := range commands(run.GetCommands()) {
				seen++
				if seen >= n {
					all = append(all, reader.Response{SW: c.Expect, Data: make([]byte, 16)})
					continue
				}
				rs, err := card.Transmit(ctx, []reader.Command{c})
				must(t, err)
				all = append(all, rs...)
			}
			r := results(run, all, nil)
			r.Stop = badgekmsv1.Stop_STOP_DONE
			return r
		}
	})
}

// forEachCommand lets a hostile relay strike at each command of an enrolment.
// None of it ends in a grant, what the registry takes for proven is on the
// card, and the card works once it is presented to an honest reader.
func forEachCommand(t *testing.T, atLeast int, strike func(w *world, card *cardsim.Card, n int) answer) {
	t.Parallel()
	step := 1
	if testing.Short() {
		step = 7
	}
	struck := 0
	w := newWorld(t)
	w.holder()
	for n := 1; ; n += step {
		card := newCard(t)
		o, err := w.provisionBy(card, strike(w, card, n))
		must(t, err)
		if o.GetVerdict() == badgekmsv1.Verdict_VERDICT_GRANTED {
			break // the enrolment ended before the strike
		}
		struck += step
		if s := w.state(card.UID()); s.Badge == "encoded" {
			t.Errorf("struck at command %d: outcome %v, and the badge is encoded", n, o)
		}
		w.mustWork(card)
	}
	if struck < atLeast {
		t.Errorf("only %d commands to strike at", struck)
	}
}

// Without any card, a relay that answers 9100 to everything proves nothing: no
// slot of the registry says that a card holds a key of ours.
func TestForgedCardProvesNothing(t *testing.T) {
	w := newWorld(t)
	w.holder()
	card := newCard(t)
	o, err := w.provisionBy(card, func(_ context.Context, run *badgekmsv1.Run) *badgekmsv1.Results {
		r := results(run, nil, nil)
		for _, c := range run.GetCommands() {
			r.Responses = append(r.Responses, reader.Response{SW: reader.SW(c.GetExpectedSw())}.Bytes())
		}
		return r
	})
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_CARD_ERROR)
	s := w.state(card.UID())
	if len(s.Slots) != 9 || s.Intents != 1 {
		t.Errorf("registry %+v, want 9 slots under one open intent", s)
	}
	for slot, state := range s.Slots {
		if state != "pending" {
			t.Errorf("slot %s is %s", slot, state)
		}
	}
	w.mustWork(card)
}

// What was recorded of a granted tap is worth nothing in another conversation,
// with and without the recorded opening.
func TestReplayedTap(t *testing.T) {
	w := newWorld(t)
	card, badge := w.badge()
	conn := w.dial(pki.Terminal)
	recordedOpening := opening(t, conn, card, authenticate)
	var recorded []*badgekmsv1.Results
	k := begin(t, conn)
	k.open(recordedOpening)
	o, err := k.carry(func(ctx context.Context, run *badgekmsv1.Run) *badgekmsv1.Results {
		r := honest(card)(ctx, run)
		recorded = append(recorded, r)
		return r
	})
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_UNSPECIFIED)

	for name, open := range map[string]*badgekmsv1.Open{
		"all of it":             recordedOpening,
		"after a fresh opening": opening(t, conn, card, authenticate),
	} {
		rest := recorded
		k := begin(t, conn)
		k.open(open)
		o, err := k.carry(func(_ context.Context, run *badgekmsv1.Run) *badgekmsv1.Results {
			if len(rest) == 0 {
				return results(run, nil, reader.ErrRemoved)
			}
			r := rest[0]
			rest = rest[1:]
			return r
		})
		must(t, err)
		t.Log(name)
		wantOutcome(t, o, badgekmsv1.Reason_REASON_KEY_REFUSED)
		if o.GetBadgeId() != badge {
			t.Errorf("%s: badge %q on record, want %q", name, o.GetBadgeId(), badge)
		}
	}
	// The badge itself is none the worse for it.
	o, err = w.call(conn, card, authenticate)
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_UNSPECIFIED)
}

// A relay that puts an earlier answer in the place of a later one, at each
// command: the MACs and counters of the session tell.
func TestReplayedAnswers(t *testing.T) {
	forEachCommand(t, 20, func(w *world, card *cardsim.Card, n int) answer {
		seen := 0
		var before []byte
		return func(ctx context.Context, run *badgekmsv1.Run) *badgekmsv1.Results {
			r := honest(card)(ctx, run)
			for i, raw := range r.GetResponses() {
				// An answer that is the same by right, such as a bare 9100 of a
				// plain command, is no replay that could be told.
				if len(raw) > 2 && before != nil && !bytes.Equal(raw, before) {
					if seen++; seen == n {
						r.Responses[i] = before
						r.Stop = badgekmsv1.Stop_STOP_DONE
					}
				}
				if len(raw) > 2 {
					before = raw
				}
			}
			return r
		}
	})
}

// Two conversations about one card at once: the second is told that the badge
// is busy and disturbs nothing.
func TestBusyBadge(t *testing.T) {
	w := newWorld(t)
	w.holder()
	conn := w.dial(pki.Station)
	card := newCard(t)
	k := begin(t, conn)
	k.open(opening(t, conn, card, provision))
	run := k.run()

	// A twin claims the same UID meanwhile.
	twin, err := cardsim.New(cardsim.Options{Type: cardsim.EV3, UID: card.UID()})
	must(t, err)
	o, err := w.provisionBy(twin, honest(twin))
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_BADGE_BUSY)

	k.answer(honest(card)(t.Context(), run))
	o, err = k.carry(honest(card))
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_UNSPECIFIED)
}

// A conversation that another process of the KMS takes for dead is fenced off:
// when its relay wakes up, it may write to the card no more.
func TestFencedConversation(t *testing.T) {
	w := newWorld(t)
	w.holder()
	card := newCard(t)
	conn := w.dial(pki.Station)
	k := begin(t, conn)
	k.open(opening(t, conn, card, provision))
	for range 2 { // the card has its own PICC key now, and the KMS knows
		run := k.run()
		k.answer(honest(card)(t.Context(), run))
	}
	held := honest(card)(t.Context(), k.run())

	_, addr := w.serve(w.options)
	o, err := converse(t, w.dialAt(addr, pki.Station), card, &badgekmsv1.Open{Procedure: provision}, nil, honest(card))
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_UNSPECIFIED)
	if !o.GetProvisioned().GetResumed() {
		t.Error("the second conversation resumed nothing")
	}

	// The answers are good, but the next run would write.
	k.answer(held)
	o, err = k.end()
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_CONVERSATION_SUPERSEDED)
	if s := w.state(card.UID()); s.Badge != "encoded" || s.Intents != 0 {
		t.Errorf("registry %+v", s)
	}
}
