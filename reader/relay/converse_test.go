package relay_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/relay"
	"badgekms/reader/relay/relaytest"
)

type stream = grpc.BidiStreamingServer[badgekmsv1.ConverseRequest, badgekmsv1.ConverseResponse]

// kms is a KMS whose conversations are a function of the test.
type kms struct {
	badgekmsv1.UnimplementedConversationServiceServer
	script   func() (*badgekmsv1.Script, error)
	converse func(stream) error
}

func (k *kms) GetScript(context.Context, *badgekmsv1.GetScriptRequest) (*badgekmsv1.GetScriptResponse, error) {
	script, err := k.script()
	return &badgekmsv1.GetScriptResponse{Script: script}, err
}

func (k *kms) Converse(s stream) error { return k.converse(s) }

func (k *kms) client(t *testing.T) badgekmsv1.ConversationServiceClient {
	endpoint := relaytest.Serve(t, func(s *grpc.Server) { badgekmsv1.RegisterConversationServiceServer(s, k) })
	return badgekmsv1.NewConversationServiceClient(endpoint.Dial(t))
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func command(ins byte) reader.Command {
	return reader.Command{APDU: []byte{0x90, ins, 0, 0, 0}, Expect: 0x9100}
}

func outcome(o *badgekmsv1.Outcome) *badgekmsv1.ConverseResponse {
	return &badgekmsv1.ConverseResponse{Message: &badgekmsv1.ConverseResponse_Outcome{Outcome: o}}
}

func run(seq uint32, commands ...*badgekmsv1.Command) *badgekmsv1.ConverseResponse {
	return &badgekmsv1.ConverseResponse{Message: &badgekmsv1.ConverseResponse_Run{Run: &badgekmsv1.Run{Seq: seq, Commands: commands}}}
}

// TestBothEnds: a procedure over Remote sees what it would see on the card
// itself, and its caller sees progress and outcome.
func TestBothEnds(t *testing.T) {
	granted := &badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_GRANTED, Conversation: "c-1", RoundTrips: 3}
	var opened *badgekmsv1.Open
	k := &kms{converse: func(s stream) error {
		remote := relay.NewRemote(s, relay.Options{})
		var err error
		if opened, err = remote.Open(s.Context()); err != nil {
			return err
		}
		if err := remote.Progress(1, 2, badgekmsv1.Stage_STAGE_CARD_CHECK); err != nil {
			return err
		}
		first, err := remote.Transmit(s.Context(), []reader.Command{command(0x01), command(0x02)})
		if err != nil || len(first) != 2 || first[1].Data[0] != 0x02 {
			return status.Errorf(codes.Internal, "first run: %v %v", first, err)
		}
		second, err := remote.Transmit(s.Context(), []reader.Command{command(0xEE), command(0x03)})
		if err != nil || len(second) != 1 || second[0].SW != 0x91AE {
			return status.Errorf(codes.Internal, "second run: %v %v", second, err)
		}
		if remote.RoundTrips() != 3 {
			return status.Errorf(codes.Internal, "%d round trips", remote.RoundTrips())
		}
		return remote.Conclude(granted)
	}}
	var sent []byte
	card := reader.Exchange(func(_ context.Context, apdu []byte) ([]byte, error) {
		sent = append(sent, apdu[1])
		if apdu[1] == 0xEE {
			return []byte{0x91, 0xAE}, nil
		}
		return []byte{apdu[1], 0x91, 0x00}, nil
	})
	var steps []*badgekmsv1.Progress
	got, err := relay.Converse(deadline(t), k.client(t), card, &badgekmsv1.Open{RequestId: "r-1", Uid: relaytest.Hex("04782E21801D80")},
		func(p *badgekmsv1.Progress) { steps = append(steps, p) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(granted, got, protocmp.Transform()); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]byte{0x01, 0x02, 0xEE}, sent); diff != "" {
		t.Errorf("the card saw (-want +got):\n%s", diff)
	}
	if len(steps) != 1 || steps[0].GetStage() != badgekmsv1.Stage_STAGE_CARD_CHECK {
		t.Errorf("progress: %v", steps)
	}
	if opened.GetRequestId() != "r-1" || opened.GetRelayVersion() != relay.Version {
		t.Errorf("opening: %v", opened)
	}
}

func TestConverseNeedsADeadline(t *testing.T) {
	_, err := relay.Converse(t.Context(), nil, nil, &badgekmsv1.Open{}, nil)
	if !errors.Is(err, relay.ErrNoDeadline) {
		t.Errorf("%v, want ErrNoDeadline", err)
	}
}

// TestCardLoss: the loss is reported, and the KMS has the last word if it
// says one.
func TestCardLoss(t *testing.T) {
	lost := &badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_UNDECIDED, Reason: badgekmsv1.Reason_REASON_CARD_REMOVED}
	card := reader.Exchange(func(_ context.Context, apdu []byte) ([]byte, error) {
		if apdu[1] == 0x02 {
			return nil, reader.ErrRemoved
		}
		return []byte{0x91, 0x00}, nil
	})
	for name, conclude := range map[string]func(stream, *relay.Remote) error{
		"told": func(_ stream, r *relay.Remote) error { return r.Conclude(lost) },
		"silent": func(s stream, _ *relay.Remote) error {
			<-s.Context().Done()
			return s.Context().Err()
		},
		"failed": func(stream, *relay.Remote) error { return status.Error(codes.Aborted, "card removed") },
	} {
		t.Run(name, func(t *testing.T) {
			k := &kms{converse: func(s stream) error {
				r := relay.NewRemote(s, relay.Options{})
				got, err := r.Transmit(s.Context(), []reader.Command{command(0x01), command(0x02)})
				if !errors.Is(err, reader.ErrRemoved) || len(got) != 1 {
					return status.Errorf(codes.Internal, "the KMS saw %v %v", got, err)
				}
				return conclude(s, r)
			}}
			got, err := relay.Converse(deadline(t), k.client(t), card, &badgekmsv1.Open{}, nil)
			if name == "told" {
				if err != nil || got.GetReason() != badgekmsv1.Reason_REASON_CARD_REMOVED {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			if !errors.Is(err, reader.ErrRemoved) || got != nil {
				t.Errorf("%v, %v, want ErrRemoved", got, err)
			}
		})
	}
}

func TestHostileKMS(t *testing.T) {
	good := &badgekmsv1.Command{Apdu: []byte{0x90, 0x5A, 0, 0, 0}, ExpectedSw: 0x9100}
	many := make([]*badgekmsv1.Command, relay.MaxCommands+1)
	for i := range many {
		many[i] = good
	}
	tests := map[string][]*badgekmsv1.ConverseResponse{
		"first run is not 1": {run(2, good)},
		"run repeated":       {run(1, good), run(1, good)},
		"no command":         {run(1)},
		"too many commands":  {run(1, many...)},
		"too many bytes":     {run(1, &badgekmsv1.Command{Apdu: make([]byte, relay.MaxBytes+1), ExpectedSw: 0x9000})},
		"no APDU":            {run(1, &badgekmsv1.Command{Apdu: []byte{0x90}, ExpectedSw: 0x9100})},
		"no status word":     {run(1, &badgekmsv1.Command{Apdu: good.GetApdu(), ExpectedSw: 0x19100})},
		"empty message":      {{}},
		"no outcome":         {},
	}
	for name, messages := range tests {
		t.Run(name, func(t *testing.T) {
			k := &kms{converse: func(s stream) error {
				for _, m := range messages {
					if err := s.Send(m); err != nil {
						return err
					}
				}
				return nil
			}}
			got, err := relay.Converse(deadline(t), k.client(t), relaytest.Card(nil, nil), &badgekmsv1.Open{}, nil)
			if !errors.Is(err, relay.ErrProtocol) || got != nil {
				t.Errorf("%v, %v, want ErrProtocol", got, err)
			}
		})
	}
}

// TestVerdictBeforeMoreRuns: what was decided stays decided when the runs
// after it fail.
func TestVerdictBeforeMoreRuns(t *testing.T) {
	k := &kms{converse: func(s stream) error {
		if err := s.Send(outcome(&badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_GRANTED, MoreRuns: true})); err != nil {
			return err
		}
		return status.Error(codes.Unavailable, "stopping")
	}}
	got, err := relay.Converse(deadline(t), k.client(t), relaytest.Card(nil, nil), &badgekmsv1.Open{}, nil)
	if got.GetVerdict() != badgekmsv1.Verdict_VERDICT_GRANTED || status.Code(errors.Unwrap(err)) != codes.Unavailable {
		t.Errorf("%v, %v", got, err)
	}
}

func TestUnanswered(t *testing.T) {
	k := &kms{converse: func(s stream) error { <-s.Context().Done(); return s.Context().Err() }}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := relay.Converse(ctx, k.client(t), relaytest.Card(nil, nil), &badgekmsv1.Open{}, nil)
	if !errors.Is(err, relay.ErrUnanswered) {
		t.Errorf("%v, want ErrUnanswered", err)
	}
}

// TestStaleScript: a refused script is replaced by the one that came with the
// refusal, once, and kept for the next conversation.
func TestStaleScript(t *testing.T) {
	script := func(version string, ins byte) *badgekmsv1.Script {
		return &badgekmsv1.Script{Version: version, Commands: []*badgekmsv1.Command{{Apdu: []byte{0x90, ins, 0, 0, 0}, ExpectedSw: 0x9100}}}
	}
	tests := map[string]struct {
		alwaysStale bool
		want        codes.Code
		converses   int32
		sent        string
	}{
		"once":   {false, codes.OK, 3, "\x01\x02\x02"},
		"always": {true, codes.FailedPrecondition, 4, "\x01\x02\x02\x02"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var fetches, converses atomic.Int32
			k := &kms{script: func() (*badgekmsv1.Script, error) { fetches.Add(1); return script("v1", 0x01), nil }}
			k.converse = func(s stream) error {
				converses.Add(1)
				open, err := relay.NewRemote(s, relay.Options{}).Open(s.Context())
				if err != nil {
					return err
				}
				if test.alwaysStale || open.GetScriptVersion() != "v2" {
					return relay.NewScriptStale(script("v2", 0x02))
				}
				if got := string(open.GetScriptResponses()[0]); got != "\x02\x91\x00" {
					return status.Errorf(codes.Internal, "responses %x", got)
				}
				return s.Send(outcome(&badgekmsv1.Outcome{Verdict: badgekmsv1.Verdict_VERDICT_GRANTED}))
			}
			var sent strings.Builder
			card := reader.Exchange(func(_ context.Context, apdu []byte) ([]byte, error) {
				sent.WriteByte(apdu[1])
				return []byte{apdu[1], 0x91, 0x00}, nil
			})
			caller := relay.NewCaller(k.client(t))
			for range 2 {
				open := &badgekmsv1.Open{Procedure: badgekmsv1.Procedure_PROCEDURE_AUTHENTICATE}
				_, timings, err := caller.Call(deadline(t), card, open, nil)
				if status.Code(rootOf(err)) != test.want {
					t.Fatalf("Call: %v, want %v", err, test.want)
				}
				if timings.Total <= 0 || timings.Script <= 0 {
					t.Errorf("timings %+v", timings)
				}
			}
			if fetches.Load() != 1 || converses.Load() != test.converses || sent.String() != test.sent {
				t.Errorf("%d fetches, %d conversations, card saw %x; want 1, %d, %x",
					fetches.Load(), converses.Load(), sent.String(), test.converses, test.sent)
			}
		})
	}
}

// rootOf is the innermost error of a chain.
func rootOf(err error) error {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}

func TestScriptFailures(t *testing.T) {
	good := &badgekmsv1.Script{Version: "v1", Commands: []*badgekmsv1.Command{{Apdu: []byte{0x90, 1, 0, 0, 0}, ExpectedSw: 0x9100}}}
	tests := map[string]struct {
		script *badgekmsv1.Script
		err    error
		card   reader.Card
		want   error
	}{
		"card lost":    {good, nil, reader.Exchange(func(context.Context, []byte) ([]byte, error) { return nil, reader.ErrRemoved }), reader.ErrRemoved},
		"no script":    {nil, nil, relaytest.Card(nil, nil), relay.ErrProtocol},
		"wrong script": {&badgekmsv1.Script{Commands: []*badgekmsv1.Command{{}}}, nil, relaytest.Card(nil, nil), relay.ErrProtocol},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k := &kms{script: func() (*badgekmsv1.Script, error) { return test.script, test.err }}
			_, _, err := relay.NewCaller(k.client(t)).Call(deadline(t), test.card, &badgekmsv1.Open{}, nil)
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}
