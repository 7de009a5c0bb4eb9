package server_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"badgekms/kms/pki"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/relay"
)

const (
	authenticate = badgekmsv1.Procedure_PROCEDURE_AUTHENTICATE
	provision    = badgekmsv1.Procedure_PROCEDURE_PROVISION
	inspect      = badgekmsv1.Procedure_PROCEDURE_INSPECT
)

// A tap is two round trips and three card commands, an enrolment at most ten
// round trips, by the server's own count and by the card's.
func TestRoundTripsByTheServersCount(t *testing.T) {
	w := newWorld(t)
	w.holder()
	card := newCard(t)
	trips, sent := 1, 0 // the opening is one
	counting := func(ctx context.Context, run *badgekmsv1.Run) *badgekmsv1.Results {
		trips++
		r := honest(card)(ctx, run)
		sent += len(r.GetResponses())
		return r
	}
	o, err := w.provisionBy(card, counting)
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_UNSPECIFIED)
	if o.GetRoundTrips() > 10 || int(o.GetRoundTrips()) != trips {
		t.Errorf("enrolment: %d round trips by the server's count, %d by the relay's, at most 10 are allowed", o.GetRoundTrips(), trips)
	}
	w.handOver(o.GetBadgeId())

	conn := w.dial(pki.Terminal)
	open := opening(t, conn, card, authenticate)
	trips, sent = 1, len(open.GetScriptResponses())
	k := begin(t, conn)
	k.open(open)
	o, err = k.carry(counting)
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_UNSPECIFIED)
	if o.GetRoundTrips() != 2 || trips != 2 || sent != 3 {
		t.Errorf("tap: %d round trips by the server's count, %d by the relay's, %d card commands, want 2, 2 and 3", o.GetRoundTrips(), trips, sent)
	}
	if o.GetHolderId() != "H-1" || o.GetGeneration() != 1 || o.GetAssertion() != "" {
		t.Errorf("outcome %v", o)
	}
}

// Calls without a deadline are refused, all of ours.
func TestDeadlineMissing(t *testing.T) {
	w := newWorld(t)
	officer, station := w.dial(pki.Officer), w.dial(pki.Station)
	tried := 0
	for _, m := range served(w.server) {
		if !strings.HasPrefix(m, "/badgekms.v1.") {
			continue
		}
		conn := officer
		if strings.Contains(m, "Conversation") {
			conn = station
		}
		tried++
		wantRefusal(t, poke(t.Context(), conn, m), badgekmsv1.Reason_REASON_DEADLINE_MISSING)
	}
	if tried < 10 {
		t.Errorf("only %d methods were tried", tried)
	}
	if err := poke(t.Context(), officer, "/grpc.health.v1.Health/Check"); err != nil {
		t.Errorf("a health check needs none: %v", err)
	}
}

// A stale script is refused, and the current one comes with the refusal.
func TestStaleScript(t *testing.T) {
	w := newWorld(t)
	conn := w.dial(pki.Station)
	for _, p := range []badgekmsv1.Procedure{authenticate, provision, inspect} {
		card := newCard(t)
		o := opening(t, conn, card, p)
		o.ScriptVersion = "0123456789abcdef"
		k := begin(t, conn)
		k.open(o)
		_, err := k.end()
		wantRefusal(t, err, badgekmsv1.Reason_REASON_SCRIPT_STALE)
		r, scriptErr := badgekmsv1.NewConversationServiceClient(conn).GetScript(deadline(t), &badgekmsv1.GetScriptRequest{Procedure: p})
		must(t, scriptErr)
		if got := relay.StaleScript(err); got.GetVersion() != r.GetScript().GetVersion() || len(got.GetCommands()) != len(r.GetScript().GetCommands()) {
			t.Errorf("%v: the refusal carries %v, current is %v", p, got, r.GetScript())
		}
	}
}

// Each message that breaks the rules ends the conversation with the reason,
// and the card works at its next presentation.
func TestBrokenRules(t *testing.T) {
	w := newWorld(t)
	w.holder()
	conn := w.dial(pki.Station)
	invalid, order := badgekmsv1.Reason_REASON_MESSAGE_INVALID, badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER
	for name, c := range map[string]struct {
		change func(*badgekmsv1.Open) // of the opening
		then   func(k *talk)          // after it; nil: the opening is refused
		want   badgekmsv1.Reason
	}{
		"more responses than the script has commands": {func(o *badgekmsv1.Open) {
			for range 20 {
				o.ScriptResponses = append(o.ScriptResponses, []byte{0x91, 0x00})
			}
		}, nil, invalid},
		"a response without status word": {func(o *badgekmsv1.Open) { o.ScriptResponses[0] = []byte{0x91} }, nil, invalid},
		"UID of 5 bytes":                 {func(o *badgekmsv1.Open) { o.Uid = make([]byte, 5) }, nil, invalid},
		"no UID":                         {func(o *badgekmsv1.Open) { o.Uid = nil }, nil, invalid},
		"UID of 11 bytes":                {func(o *badgekmsv1.Open) { o.Uid = make([]byte, 11) }, nil, invalid},
		"no procedure":                   {func(o *badgekmsv1.Open) { o.Procedure = 0 }, nil, invalid},
		"unknown procedure":              {func(o *badgekmsv1.Open) { o.Procedure = 99 }, nil, invalid},
		"another relay version":          {func(o *badgekmsv1.Open) { o.RelayVersion = 2 }, nil, invalid},
		"a request id of a kilobyte":     {func(o *badgekmsv1.Open) { o.RequestId = strings.Repeat("x", 1024) }, nil, invalid},
		"responses of 20 KiB":            {func(o *badgekmsv1.Open) { o.ScriptResponses[0] = make([]byte, 20<<10) }, nil, invalid},
		"second Open": {nil, func(k *talk) {
			k.run()
			k.open(&badgekmsv1.Open{})
		}, order},
		"Results of another Run": {nil, func(k *talk) {
			run := k.run()
			r := results(run, nil, reader.ErrRemoved)
			r.Seq += 1
			k.answer(r)
		}, order},
		"Results twice": {nil, func(k *talk) {
			r := honest(k.card)(k.stream.Context(), k.run())
			k.answer(r)
			k.answer(r)
		}, order},
		"more responses than commands": {nil, func(k *talk) {
			run := k.run()
			r := results(run, nil, nil)
			for range len(run.GetCommands()) + 1 {
				r.Responses = append(r.Responses, []byte{0x91, 0x00})
			}
			k.answer(r)
		}, invalid},
		"no stop": {nil, func(k *talk) {
			r := results(k.run(), nil, nil)
			r.Stop = badgekmsv1.Stop_STOP_UNSPECIFIED
			k.answer(r)
		}, invalid},
		"an empty message": {nil, func(k *talk) {
			k.run()
			k.send(&badgekmsv1.ConverseRequest{})
		}, invalid},
	} {
		t.Run(name, func(t *testing.T) {
			card := newCard(t)
			o := opening(t, conn, card, provision)
			if c.change != nil {
				c.change(o)
			}
			k := begin(t, conn)
			k.card = card
			k.open(o)
			if c.then != nil {
				c.then(k)
			}
			_, err := k.carry(func(context.Context, *badgekmsv1.Run) *badgekmsv1.Results {
				return &badgekmsv1.Results{} // of a Run that was sent before the rule was broken
			})
			wantRefusal(t, err, c.want)
			w.wantNoLeak(status.Convert(err).Message(), card.UID())
			w.mustWork(card)
		})
	}
}

// A first message that is not Open is refused.
func TestFirstMessageMustBeOpen(t *testing.T) {
	w := newWorld(t)
	k := begin(t, w.dial(pki.Station))
	k.answer(&badgekmsv1.Results{Seq: 1})
	_, err := k.end()
	wantRefusal(t, err, badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER)
}

// A message above the limit of the transport is refused by gRPC itself, before
// the opening and in mid-procedure. The record says whose fault it was.
func TestOversizedMessage(t *testing.T) {
	w := newWorld(t)
	w.holder()
	conn := w.dial(pki.Station)
	k := begin(t, conn)
	k.open(&badgekmsv1.Open{Reader: strings.Repeat("x", 1<<20)})
	if _, err := k.end(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("an opening of 1 MiB: %v", err)
	}

	card := newCard(t)
	k = begin(t, conn)
	k.open(opening(t, conn, card, provision))
	k.answer(&badgekmsv1.Results{Seq: k.run().GetSeq(), Responses: [][]byte{make([]byte, 1<<20)}})
	if _, err := k.end(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("Results of 1 MiB: %v", err)
	}
	w.waitIdle(card.UID())
	found := 0
	for _, r := range w.records() {
		if r.Action == "card.encode" && r.Reason == "MESSAGE_INVALID" {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d records of the failed enrolment", found)
	}
	w.mustWork(card)
}

// A caller that falls silent, before the opening or in mid-procedure, holds
// nothing for longer than the silence that is allowed.
func TestSilence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.holder()
	impatient := w.options
	impatient.Silence = 500 * time.Millisecond
	_, addr := w.serve(impatient)
	conn := w.dialAt(addr, pki.Station)
	_, err := begin(t, conn).end()
	wantRefusal(t, err, badgekmsv1.Reason_REASON_RELAY_SILENT)

	card := newCard(t)
	k := begin(t, conn)
	k.open(opening(t, conn, card, provision))
	k.run()
	o, err := k.end()
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_RELAY_SILENT)
	w.mustWork(card)
}

// A conversation ends when its time is over, that of a terminal by its own
// limit; the limit of the other role does not count.
func TestConversationTimeLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	active, _ := w.badge()
	for role, p := range map[pki.Role]badgekmsv1.Procedure{pki.Terminal: authenticate, pki.Station: provision} {
		short, card := w.options, newCard(t)
		if role == pki.Terminal {
			short.Terminal, card = 2*time.Second, active
		} else {
			short.Station = 2 * time.Second
		}
		_, addr := w.serve(short)
		conn := w.dialAt(addr, role)
		k := begin(t, conn)
		k.open(opening(t, conn, card, p))
		k.run()
		o, err := k.end()
		must(t, err)
		wantOutcome(t, o, badgekmsv1.Reason_REASON_CONVERSATION_TIMEOUT)
	}
}

// Close in mid-run ends the conversation for the cause that it names.
func TestCloseInMidRun(t *testing.T) {
	w := newWorld(t)
	w.holder()
	conn := w.dial(pki.Station)
	for said, want := range map[badgekmsv1.Reason]badgekmsv1.Reason{
		badgekmsv1.Reason_REASON_UNSPECIFIED:   badgekmsv1.Reason_REASON_CARD_REMOVED,
		badgekmsv1.Reason_REASON_CARD_REMOVED:  badgekmsv1.Reason_REASON_CARD_REMOVED,
		badgekmsv1.Reason_REASON_READER_FAILED: badgekmsv1.Reason_REASON_READER_FAILED,
		badgekmsv1.Reason_REASON_BADGE_STOLEN:  badgekmsv1.Reason_REASON_CARD_REMOVED,
	} {
		card := newCard(t)
		k := begin(t, conn)
		k.open(opening(t, conn, card, provision))
		k.run()
		k.close(said)
		o, err := k.end()
		must(t, err)
		wantOutcome(t, o, want)
		w.mustWork(card)
	}
}

// A client that is gone in mid-procedure leaves a card that the next
// presentation finishes, at whichever run it went, with the run carried out or
// not.
func TestClientGone(t *testing.T) {
	t.Parallel()
	for _, carried := range []bool{false, true} {
		went := 0
		for n := 1; ; n++ {
			w := newWorld(t)
			w.holder()
			card := newCard(t)
			conn := w.dialAt(w.addr, pki.Station)
			k := begin(t, conn)
			k.open(opening(t, conn, card, provision))
			seen := 0
			o, err := k.carry(func(ctx context.Context, run *badgekmsv1.Run) *badgekmsv1.Results {
				seen++
				if seen == n && !carried {
					return nil
				}
				r := honest(card)(ctx, run)
				if seen == n {
					return nil
				}
				return r
			})
			if err == nil {
				wantOutcome(t, o, badgekmsv1.Reason_REASON_UNSPECIFIED)
				break
			}
			went++
			k.hangUp()
			must(t, conn.Close())
			w.waitIdle(card.UID())
			w.mustWork(card)
		}
		if went < 5 {
			t.Errorf("only %d runs to go away at", went)
		}
	}
}
