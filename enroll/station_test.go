package enroll

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/relay"
	"badgekms/reader/relay/reason"
	"badgekms/reader/relay/relaytest"
)

const desk1 = "Desk 1"

var (
	uidA = relaytest.Hex("04782E21801D80")
	uidB = relaytest.Hex("04782E21801D81")
)

// kms encodes cards: three runs of one command each, INS 01, 02, 03.
type kms struct {
	badgekmsv1.UnimplementedConversationServiceServer
	opens   []*badgekmsv1.Open
	denied  badgekmsv1.Reason
	busy    int // how many conversations find the badge busy
	forgets bool
}

func (k *kms) GetScript(context.Context, *badgekmsv1.GetScriptRequest) (*badgekmsv1.GetScriptResponse, error) {
	return &badgekmsv1.GetScriptResponse{Script: &badgekmsv1.Script{Version: "v1"}}, nil
}

func (k *kms) Converse(s grpc.BidiStreamingServer[badgekmsv1.ConverseRequest, badgekmsv1.ConverseResponse]) error {
	remote := relay.NewRemote(s, relay.Options{})
	open, err := remote.Open(s.Context())
	if err != nil {
		return err
	}
	k.opens = append(k.opens, open)
	if open.GetProcedure() == badgekmsv1.Procedure_PROCEDURE_INSPECT {
		return remote.Conclude(&badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_GRANTED,
			Result: &badgekmsv1.Outcome_Inspection{Inspection: &badgekmsv1.Inspection{Product: "DESFire EV3 8K", Uid: open.GetUid()}}})
	}
	return k.provision(s.Context(), remote)
}

func (k *kms) provision(ctx context.Context, remote *relay.Remote) error {
	if k.busy > 0 && len(k.opens) > 2 {
		k.busy--
		return remote.Conclude(&badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_UNDECIDED, Reason: badgekmsv1.Reason_REASON_BADGE_BUSY})
	}
	if k.denied != 0 {
		return remote.Conclude(&badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_DENIED, Reason: k.denied, Conversation: "c-9"})
	}
	for step := 1; step <= 3; step++ {
		if err := remote.Progress(step, 3, badgekmsv1.Stage(step)); err != nil {
			return err
		}
		_, err := remote.Transmit(ctx, []reader.Command{{APDU: []byte{0x90, byte(step), 0, 0, 0}, Expect: 0x9100}})
		if reader.IsLoss(err) {
			return remote.Conclude(&badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_UNDECIDED, Reason: reason.Of(err)})
		}
		if err != nil {
			return status.Error(codes.Internal, err.Error())
		}
	}
	if k.forgets {
		return remote.Conclude(&badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_GRANTED})
	}
	return remote.Conclude(&badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_GRANTED, BadgeId: "B-1",
		Result: &badgekmsv1.Outcome_Provisioned{Provisioned: &badgekmsv1.Provisioned{CredentialNumber: make([]byte, 16)}}})
}

// provisions are the openings that asked for a provisioning.
func (k *kms) provisions() []*badgekmsv1.Open {
	return slices.DeleteFunc(slices.Clone(k.opens), func(o *badgekmsv1.Open) bool {
		return o.GetProcedure() != badgekmsv1.Procedure_PROCEDURE_PROVISION
	})
}

// bench is a station whose events drive the test's hands.
type bench struct {
	kms    *kms
	desk   *relaytest.Desk
	events []string
	hands  func(Event)
}

func newBench(t *testing.T) (*bench, *Station) {
	b := &bench{kms: &kms{}, desk: relaytest.NewDesk(desk1), hands: func(Event) {}}
	endpoint := relaytest.Serve(t, func(s *grpc.Server) { badgekmsv1.RegisterConversationServiceServer(s, b.kms) })
	s := NewStation(Config{Readers: b.desk, ReaderName: desk1,
		Client: badgekmsv1.NewConversationServiceClient(endpoint.Dial(t)), Notify: b.notify})
	s.busyPause = time.Millisecond
	t.Cleanup(func() {
		if n := b.desk.Open(); n != 0 {
			t.Errorf("%d connections were left open", n)
		}
	})
	return b, s
}

var kinds = map[EventKind]string{WaitingForCard: "wait", CardSeen: "seen", Inspected: "inspected", Step: "step",
	PutBack: "putback", OtherCard: "other", Busy: "busy"}

func (b *bench) notify(e Event) {
	b.events = append(b.events, kinds[e.Kind])
	b.hands(e)
}

// torn is a card that leaves the desk at the command with this INS, once.
func (b *bench) torn(uid []byte, ins byte) reader.Card {
	done := false
	return relaytest.Card(uid, func(_ context.Context, apdu []byte) ([]byte, error) {
		if apdu[1] == ins && !done {
			done = true
			b.desk.Take(desk1)
			return nil, reader.ErrRemoved
		}
		return []byte{0x91, 0x00}, nil
	})
}

func (b *bench) expect(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(b.events, " "); got != want {
		t.Errorf("events:\n got %s\nwant %s", got, want)
	}
}

func TestIssue(t *testing.T) {
	b, s := newBench(t)
	b.hands = func(e Event) {
		if e.Kind == WaitingForCard {
			b.desk.Put(desk1, relaytest.Card(uidA, nil))
		}
	}
	issued, err := s.Issue(t.Context(), Order{HolderID: "H-1", Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	b.expect(t, "wait seen inspected step step step")
	if issued.Outcome.GetBadgeId() != "B-1" || issued.Presentations != 1 {
		t.Errorf("%+v", issued)
	}
	open := b.kms.provisions()[0]
	if open.GetProvision().GetHolderId() != "H-1" || open.GetReader() != desk1 || string(open.GetUid()) != string(uidA) {
		t.Errorf("opening: %v", open)
	}
	if got := b.desk.Opened(); len(got) != 1 || got[0] != reader.Exclusive {
		t.Errorf("sharing %v, want one exclusive connection", got)
	}
}

// TestResume: the card is lifted in mid-enrolment, another one is put, then
// the first one again.
func TestResume(t *testing.T) {
	b, s := newBench(t)
	first := b.torn(uidA, 0x02)
	b.desk.Put(desk1, first)
	b.hands = func(e Event) {
		switch e.Kind {
		case PutBack:
			b.desk.Put(desk1, relaytest.Card(uidB, nil))
		case OtherCard:
			b.desk.Take(desk1)
			b.desk.Put(desk1, first)
		}
	}
	b.kms.busy = 2
	issued, err := s.Issue(t.Context(), Order{Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	b.expect(t, "wait seen inspected step step putback seen other seen busy busy step step step")
	if issued.Presentations != 3 {
		t.Errorf("%d presentations, want 3", issued.Presentations)
	}
	for _, open := range b.kms.provisions() {
		if open.GetRequestId() != b.kms.provisions()[0].GetRequestId() || string(open.GetUid()) != string(uidA) {
			t.Errorf("another request or card: %v", open)
		}
	}
}

// TestResumeAfterUnplug: the reader is unplugged with the card on it.
func TestResumeAfterUnplug(t *testing.T) {
	b, s := newBench(t)
	done := false
	card := relaytest.Card(uidA, func(_ context.Context, apdu []byte) ([]byte, error) {
		if apdu[1] == 0x03 && !done {
			done = true
			b.desk.Detach(desk1)
			return nil, reader.ErrReader
		}
		return []byte{0x91, 0x00}, nil
	})
	b.desk.Put(desk1, card)
	b.hands = func(e Event) {
		if e.Kind == PutBack && e.Reason == badgekmsv1.Reason_REASON_READER_FAILED {
			b.desk.Attach(desk1)
			b.desk.Put(desk1, card)
		}
	}
	if _, err := s.Issue(t.Context(), Order{Resume: true}); err != nil {
		t.Fatal(err)
	}
	b.expect(t, "wait seen inspected step step step putback seen step step step")
}

func TestIssueFailures(t *testing.T) {
	tests := map[string]struct {
		set    func(*bench, *Station)
		order  Order
		reason badgekmsv1.Reason
		says   badgekmsv1.Verdict
	}{
		"denied": {func(b *bench, _ *Station) { b.kms.denied = badgekmsv1.Reason_REASON_BADGE_ALREADY_ENCODED }, Order{Resume: true},
			badgekmsv1.Reason_REASON_BADGE_ALREADY_ENCODED, badgekmsv1.Verdict_VERDICT_DENIED},
		"lost, not resumed": {func(b *bench, _ *Station) { b.desk.Take(desk1); b.desk.Put(desk1, b.torn(uidA, 0x02)) }, Order{},
			badgekmsv1.Reason_REASON_CARD_REMOVED, badgekmsv1.Verdict_VERDICT_UNDECIDED},
		"busy elsewhere": {func(b *bench, _ *Station) { b.desk.SetConnectError(reader.ErrBusy) }, Order{Resume: true},
			badgekmsv1.Reason_REASON_READER_BUSY, badgekmsv1.Verdict_VERDICT_UNDECIDED},
		"no such reader": {func(_ *bench, s *Station) { s.config.ReaderName = "Desk 7" }, Order{Resume: true},
			badgekmsv1.Reason_REASON_READER_MISSING, badgekmsv1.Verdict_VERDICT_UNDECIDED},
		"a KMS that says done and brings nothing": {func(b *bench, _ *Station) { b.kms.forgets = true }, Order{Resume: true},
			badgekmsv1.Reason_REASON_MESSAGE_INVALID, badgekmsv1.Verdict_VERDICT_UNSPECIFIED},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b, s := newBench(t)
			b.desk.Put(desk1, relaytest.Card(uidA, nil))
			test.set(b, s)
			issued, err := s.Issue(t.Context(), test.order)
			if issued != nil || ReasonOf(err) != test.reason || VerdictOf(err) != test.says {
				t.Errorf("%v: %v, %v; want %v, %v", err, ReasonOf(err), VerdictOf(err), test.reason, test.says)
			}
		})
	}
}

func TestReaderMissingNamesTheAttached(t *testing.T) {
	_, s := newBench(t)
	s.config.ReaderName = "Desk 7"
	_, err := s.Inspect(t.Context())
	if !errors.Is(err, reader.ErrNoReader) || !strings.Contains(err.Error(), desk1) {
		t.Errorf("%v, want ErrNoReader that names %q", err, desk1)
	}
}

func TestInspect(t *testing.T) {
	b, s := newBench(t)
	b.desk.Put(desk1, relaytest.Card(uidA, nil))
	outcome, err := s.Inspect(t.Context())
	if err != nil || outcome.GetInspection().GetProduct() != "DESFire EV3 8K" {
		t.Errorf("%v, %v", outcome, err)
	}
	b.expect(t, "wait seen")
}

func TestNoCardCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStation(Config{Readers: relaytest.NewDesk(desk1), ReaderName: desk1, Wait: time.Minute})
		start := time.Now()
		_, err := s.Inspect(t.Context())
		if !errors.Is(err, ErrNoCardCame) || time.Since(start) != time.Minute || VerdictOf(err) != badgekmsv1.Verdict_VERDICT_UNDECIDED {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Inspect(ctx); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrNoCardCame) {
			t.Errorf("%v, want the context's error", err)
		}
	})
}
