package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"

	"google.golang.org/grpc"

	"badgekms/kms/pki"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/cardsim"
	"badgekms/reader/relay"
)

// answer is a relay: it makes Results of a Run, honestly or not. nil gives up.
type answer func(ctx context.Context, run *badgekmsv1.Run) *badgekmsv1.Results

func commands(run []*badgekmsv1.Command) []reader.Command {
	var all []reader.Command
	for _, c := range run {
		all = append(all, reader.Command{APDU: c.GetApdu(), Expect: reader.SW(c.GetExpectedSw())})
	}
	return all
}

// results is what an honest relay makes of a run that ended with rs and err.
func results(run *badgekmsv1.Run, rs []reader.Response, err error) *badgekmsv1.Results {
	m := &badgekmsv1.Results{Seq: run.GetSeq(), Stop: badgekmsv1.Stop_STOP_DONE}
	for _, r := range rs {
		m.Responses = append(m.Responses, r.Bytes())
	}
	switch n := len(rs); {
	case errors.Is(err, reader.ErrRemoved):
		m.Stop = badgekmsv1.Stop_STOP_REMOVED
	case err != nil:
		m.Stop = badgekmsv1.Stop_STOP_READER
	case n > 0 && uint32(rs[n-1].SW) != run.GetCommands()[n-1].GetExpectedSw():
		m.Stop = badgekmsv1.Stop_STOP_STATUS
	}
	return m
}

// honest carries runs to a card as the rules say.
func honest(card reader.Card) answer {
	return func(ctx context.Context, run *badgekmsv1.Run) *badgekmsv1.Results {
		rs, err := card.Transmit(ctx, commands(run.GetCommands()))
		return results(run, rs, err)
	}
}

// talk is a conversation of which a test says every message itself.
type talk struct {
	t      testing.TB
	stream badgekmsv1.ConversationService_ConverseClient
	// hangUp breaks the connection off.
	hangUp context.CancelFunc
	// card is what a test case that sends a message of its own answers with.
	card reader.Card
}

// begin opens a stream and sends nothing.
func begin(t testing.TB, conn grpc.ClientConnInterface) *talk {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	stream, err := badgekmsv1.NewConversationServiceClient(conn).Converse(ctx)
	must(t, err)
	return &talk{t: t, stream: stream, hangUp: cancel}
}

func (k *talk) open(o *badgekmsv1.Open) {
	k.t.Helper()
	k.send(&badgekmsv1.ConverseRequest{Message: &badgekmsv1.ConverseRequest_Open{Open: o}})
}

func (k *talk) answer(r *badgekmsv1.Results) {
	k.t.Helper()
	k.send(&badgekmsv1.ConverseRequest{Message: &badgekmsv1.ConverseRequest_Results{Results: r}})
}

func (k *talk) close(r badgekmsv1.Reason) {
	k.t.Helper()
	k.send(&badgekmsv1.ConverseRequest{Message: &badgekmsv1.ConverseRequest_Close{Close: &badgekmsv1.Close{Reason: r}}})
}

// send may find the stream ended: what the KMS said of it is then read.
func (k *talk) send(m *badgekmsv1.ConverseRequest) {
	k.t.Helper()
	if err := k.stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
		k.t.Fatal(err)
	}
}

// next gives the next Run, or the Outcome, or the error that ended it all.
func (k *talk) next() (*badgekmsv1.Run, *badgekmsv1.Outcome, error) {
	for {
		m, err := k.stream.Recv()
		if err != nil {
			return nil, nil, err
		}
		switch {
		case m.GetRun() != nil:
			return m.GetRun(), nil, nil
		case m.GetOutcome() != nil:
			return nil, m.GetOutcome(), nil
		}
	}
}

// run is the next Run, which must come.
func (k *talk) run() *badgekmsv1.Run {
	k.t.Helper()
	run, outcome, err := k.next()
	if run == nil {
		k.t.Fatalf("outcome %v, error %v, where a Run is awaited", outcome, err)
	}
	return run
}

// end is the Outcome or the error; no further Run may come.
func (k *talk) end() (*badgekmsv1.Outcome, error) {
	k.t.Helper()
	run, outcome, err := k.next()
	if run != nil {
		k.t.Fatalf("Run %d where the end is awaited", run.GetSeq())
	}
	return outcome, err
}

// opening runs the opening script on a card and makes the Open of it.
func opening(t testing.TB, conn grpc.ClientConnInterface, card *cardsim.Card, p badgekmsv1.Procedure) *badgekmsv1.Open {
	t.Helper()
	r, err := badgekmsv1.NewConversationServiceClient(conn).GetScript(deadline(t), &badgekmsv1.GetScriptRequest{Procedure: p})
	must(t, err)
	o := &badgekmsv1.Open{Procedure: p, Uid: card.UID(), RelayVersion: relay.Version}
	if p == badgekmsv1.Procedure_PROCEDURE_PROVISION {
		o.Provision = &badgekmsv1.ProvisionParameters{HolderId: "H-1"}
	}
	card.Reset()
	must(t, relay.RunScript(deadline(t), card, r.GetScript(), o))
	return o
}

// converse holds a conversation with a relay of the test's own. Without a
// script it asks for the current one.
func converse(t testing.TB, conn grpc.ClientConnInterface, card *cardsim.Card, o *badgekmsv1.Open, script *badgekmsv1.Script, a answer) (*badgekmsv1.Outcome, error) {
	t.Helper()
	if script == nil {
		o = opening(t, conn, card, o.GetProcedure())
	} else {
		o.RelayVersion = relay.Version
		card.Reset()
		must(t, relay.RunScript(deadline(t), card, script, o))
	}
	k := begin(t, conn)
	k.open(o)
	return k.carry(a)
}

// carry answers every Run until the end.
func (k *talk) carry(a answer) (*badgekmsv1.Outcome, error) {
	for {
		run, outcome, err := k.next()
		if err != nil || outcome != nil {
			return outcome, err
		}
		r := a(k.stream.Context(), run)
		if r == nil {
			return nil, errGaveUp
		}
		k.answer(r)
	}
}

var errGaveUp = fmt.Errorf("the test's relay gave up")

// provisionBy enrols a card through a relay of the test's own.
func (w *world) provisionBy(card *cardsim.Card, a answer) (*badgekmsv1.Outcome, error) {
	w.t.Helper()
	return converse(w.t, w.dial(pki.Station), card, &badgekmsv1.Open{Procedure: badgekmsv1.Procedure_PROCEDURE_PROVISION}, nil, a)
}

// waitIdle waits until no conversation writes to the card any more.
func (w *world) waitIdle(uid []byte) {
	w.t.Helper()
	ctx := deadline(w.t)
	for {
		err := w.store.View(ctx, func(tx registry.Tx) error {
			_, err := tx.OpenProcedure(uid)
			return err
		})
		if errors.Is(err, registry.ErrNotFound) {
			return
		}
		must(w.t, err)
		must(w.t, ctx.Err())
		runtime.Gosched()
	}
}
