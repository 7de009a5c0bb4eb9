package server_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"badgekms/kms/pki"
	"badgekms/kms/server"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// stopping stops a server in the background.
func stopping(ctx context.Context, s *server.Server) <-chan error {
	done := make(chan error, 1)
	go func() { done <- s.Stop(ctx) }()
	return done
}

// waitStopping waits until the server takes no new calls.
func waitStopping(t *testing.T, w *world) {
	t.Helper()
	ctx := deadline(t)
	conn := w.dialAt(w.addr, pki.Monitor)
	for {
		_, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
		if status.Code(err) == codes.Unavailable {
			return
		}
		must(t, ctx.Err())
	}
}

// A graceful stop lets an enrolment under way end, and takes no new call.
func TestStopLetsConversationsEnd(t *testing.T) {
	w := newWorld(t)
	w.holder()
	card := newCard(t)
	conn := w.dial(pki.Station)
	k := begin(t, conn)
	k.open(opening(t, conn, card, provision))
	first := k.run()
	done := stopping(t.Context(), w.server)
	waitStopping(t, w)
	select {
	case err := <-done:
		t.Fatalf("Stop returned %v in the middle of a conversation", err)
	default:
	}
	k.answer(honest(card)(t.Context(), first))
	o, err := k.carry(honest(card))
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_UNSPECIFIED)
	must(t, <-done)
}

// A stop whose time is over cuts what is under way; the card is finished by
// the next process.
func TestStopCuts(t *testing.T) {
	w := newWorld(t)
	w.holder()
	card := newCard(t)
	conn := w.dial(pki.Station)
	k := begin(t, conn)
	k.open(opening(t, conn, card, provision))
	honest(card)(t.Context(), k.run()) // carried out, never answered
	over, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, w.server.Stop(over))
	if o, err := k.end(); status.Code(err) != codes.Unavailable && status.Code(err) != codes.Canceled {
		t.Errorf("the conversation ended with %v, %v", o, err)
	}

	_, addr := w.serve(w.options)
	o, err := converse(t, w.dialAt(addr, pki.Station), card, &badgekmsv1.Open{Procedure: provision}, nil, honest(card))
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_UNSPECIFIED)
}

// Somebody who watches the health does not hold up a graceful stop: he is told
// NOT_SERVING, and his stream ends.
func TestStopEndsHealthWatch(t *testing.T) {
	w := newWorld(t)
	w.server.SetReady(true)
	watch, err := healthv1.NewHealthClient(w.dial(pki.Monitor)).Watch(deadline(t), &healthv1.HealthCheckRequest{})
	must(t, err)
	r, err := watch.Recv()
	must(t, err)
	if r.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Fatalf("health %v", r.GetStatus())
	}
	must(t, w.server.Stop(deadline(t)))
	for err == nil {
		_, err = watch.Recv()
	}
	if status.Code(err) != codes.Canceled { // and not UNAVAILABLE, that of a stream that was cut
		t.Errorf("the watch ended with %v", err)
	}
}

// Health is what SetReady says, for the whole and for each service, and at
// first not ready.
func TestHealth(t *testing.T) {
	w := newWorld(t)
	client := healthv1.NewHealthClient(w.dial(pki.Monitor))
	names := []string{""}
	for name := range w.server.Services() {
		names = append(names, name)
	}
	if len(names) < 7 {
		t.Fatalf("services %q", names)
	}
	check := func(want healthv1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for _, name := range names {
			r, err := client.Check(deadline(t), &healthv1.HealthCheckRequest{Service: name})
			if err != nil || r.GetStatus() != want {
				t.Errorf("%q: %v, %v, want %v", name, r.GetStatus(), err, want)
			}
		}
	}
	check(healthv1.HealthCheckResponse_NOT_SERVING)
	w.server.SetReady(true)
	check(healthv1.HealthCheckResponse_SERVING)
	w.server.SetReady(false)
	check(healthv1.HealthCheckResponse_NOT_SERVING)
}

// Reflection is there only where it was asked for.
func TestReflection(t *testing.T) {
	const method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
	if err := poke(deadline(t), newWorld(t).dial(pki.Officer), method); status.Code(err) != codes.Unimplemented {
		t.Errorf("switched off: %v", err)
	}
	on := newWorld(t, func(o *server.Options) { o.Reflection = true })
	if err := poke(deadline(t), on.dial(pki.Officer), method); status.Code(err) == codes.Unimplemented {
		t.Errorf("switched on: %v", err)
	}
}

// explode panics with a secret among its arguments, where the runtime's own
// stack trace would print it.
//
//go:noinline
func explode(secret [16]byte) error {
	panic(fmt.Sprintf("a fault that knows %d bytes", len(secret)))
}

// A panic in a call ends that call as INTERNAL; it is logged with its place
// and without the arguments of the functions, and the KMS goes on.
func TestPanic(t *testing.T) {
	w := newWorld(t)
	card, _ := w.badge()
	secret := [16]byte{0xC5, 0x3A, 0x91, 0x5E, 0xC5, 0x3A, 0x91, 0x5E, 0xC5, 0x3A, 0x91, 0x5E, 0xC5, 0x3A, 0x91, 0x5E}
	w.custody.onDerive(func(context.Context) error { return explode(secret) })
	_, err := w.call(w.dial(pki.Terminal), card, authenticate)
	wantRefusal(t, err, badgekmsv1.Reason_REASON_INTERNAL)
	if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "a fault that knows") {
		t.Errorf("the caller is told %v", err)
	}
	text := w.log.String()
	for _, want := range []string{"panic in a call", "a fault that knows 16 bytes", "explode lifecycle_test.go:"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q:\n%s", want, text)
		}
	}
	for _, leak := range []string{"0xc5", "0x3a", "c53a", hex.EncodeToString(card.UID())} {
		if strings.Contains(strings.ToLower(text), leak) {
			t.Errorf("the log tells %q:\n%s", leak, text)
		}
	}
	w.custody.onDerive(nil)
	o, err := w.call(w.dial(pki.Terminal), card, authenticate)
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_UNSPECIFIED)
}

// A panic in a unary call, too.
func TestPanicInUnaryCall(t *testing.T) {
	w := newWorld(t, func(o *server.Options) { o.Office = nil })
	_, err := badgekmsv1.NewHolderServiceClient(w.dial(pki.Operator)).ListHolders(deadline(t), &badgekmsv1.ListHoldersRequest{})
	wantRefusal(t, err, badgekmsv1.Reason_REASON_INTERNAL)
	w.wantNoLeak(status.Convert(err).Message())
}

// Refused calls are recorded one by one only so often; those between are
// counted into one record, and none is lost at the end.
func TestRefusalsAreCounted(t *testing.T) {
	w := newWorld(t)
	conn := w.dial(pki.Terminal)
	hammer := func(n int) {
		for range n {
			err := poke(deadline(t), conn, "/badgekms.v1.DomainService/ListDomains")
			wantRefusal(t, err, badgekmsv1.Reason_REASON_PERMISSION_DENIED)
		}
	}
	counts := func() (list []int64) {
		for _, r := range w.refusals() {
			list = append(list, r.Count)
		}
		return list
	}
	hammer(50)
	if got := fmt.Sprint(counts()); got != "[1]" {
		t.Errorf("counts %s after 50 refusals", got)
	}
	must(t, w.server.Housekeep(t.Context()))
	if got := fmt.Sprint(counts()); got != "[1 49]" {
		t.Errorf("counts %s after housekeeping", got)
	}
	hammer(3)
	w.ahead.Store(int64(11 * time.Second))
	hammer(1) // tells of the three before it
	if got := fmt.Sprint(counts()); got != "[1 49 4]" {
		t.Errorf("counts %s after the interval", got)
	}
	hammer(5)
	must(t, w.server.Stop(t.Context()))
	if got := fmt.Sprint(counts()); got != "[1 49 4 5]" {
		t.Errorf("counts %s after the stop", got)
	}
	for _, r := range w.refusals() {
		if r.Actor.Workload != "spiffe://"+trustDomain+"/terminal/one" || r.Details["method"] != "/badgekms.v1.DomainService/ListDomains" {
			t.Errorf("record %+v", r)
		}
	}
}

// A refusal that cannot be recorded is still a refusal, and is recorded later.
func TestRefusalOutlivesStorageFailure(t *testing.T) {
	fault := &faultyStore{}
	w := newWorld(t, func(o *server.Options) {
		fault.Store = o.Store
		o.Store = fault
	})
	fault.fail(errors.New("disk full"))
	err := poke(deadline(t), w.dial(pki.Terminal), "/badgekms.v1.DomainService/ListDomains")
	wantRefusal(t, err, badgekmsv1.Reason_REASON_PERMISSION_DENIED)
	fault.fail(nil)
	must(t, w.server.Housekeep(t.Context()))
	if list := w.refusals(); len(list) != 1 || list[0].Count != 1 {
		t.Errorf("records %+v", list)
	}
}
