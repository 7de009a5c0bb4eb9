package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
)

// lossGrace is how long the KMS's verdict is awaited after the card was lost.
const lossGrace = time.Second

// Converse carries one conversation from open to its final Outcome: each Run
// of the KMS is executed on card and answered. ctx must have a deadline
// (ErrNoDeadline). onProgress may be nil.
//
// A card that is lost is reported to the KMS, whose Outcome is awaited a
// little longer; without one, the loss itself is returned (reader.ErrRemoved,
// reader.ErrReader). A refusal by the KMS is the gRPC status error; a server
// that breaks the relay's rules is a *ProtocolError. Where the KMS had decided
// but announced further runs, the decision is returned beside the error of
// what followed.
func Converse(ctx context.Context, client badgekmsv1.ConversationServiceClient, card reader.Card,
	open *badgekmsv1.Open, onProgress func(*badgekmsv1.Progress)) (*badgekmsv1.Outcome, error) {
	if _, ok := ctx.Deadline(); !ok {
		return nil, ErrNoDeadline
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.Converse(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the conversation: %w", unanswered(err))
	}
	open.RelayVersion = Version
	p := &pump{stream: stream, card: card, cancel: cancel, onProgress: onProgress}
	// An error of Send is the stream's end; Recv tells its cause.
	_ = stream.Send(&badgekmsv1.ConverseRequest{Message: &badgekmsv1.ConverseRequest_Open{Open: open}})
	return p.carry(ctx)
}

// pump is the reader's side of one conversation.
type pump struct {
	stream     badgekmsv1.ConversationService_ConverseClient
	card       reader.Card
	cancel     context.CancelFunc
	onProgress func(*badgekmsv1.Progress)
	heard      bool
	seq        uint32
	loss       error
	decided    *badgekmsv1.Outcome
}

// carry serves the KMS's messages until the final Outcome.
func (p *pump) carry(ctx context.Context) (*badgekmsv1.Outcome, error) {
	for {
		message, err := p.stream.Recv()
		if err != nil {
			return p.decided, p.broken(err)
		}
		p.heard = true
		switch m := message.GetMessage().(type) {
		case *badgekmsv1.ConverseResponse_Run:
			err = p.run(ctx, m.Run)
		case *badgekmsv1.ConverseResponse_Progress:
			if p.onProgress != nil {
				p.onProgress(m.Progress)
			}
		case *badgekmsv1.ConverseResponse_Outcome:
			p.decided = m.Outcome
			if !m.Outcome.GetMoreRuns() {
				return m.Outcome, nil
			}
		default:
			err = invalid("a message that is neither Run, Progress nor Outcome")
		}
		if err != nil {
			return p.decided, err
		}
	}
}

// broken prefers the loss of the card over the end of the stream it led to.
func (p *pump) broken(err error) error {
	if p.loss != nil {
		return p.loss
	}
	if errors.Is(err, io.EOF) {
		return outOfOrder("the KMS ended the conversation without an Outcome")
	}
	if !p.heard {
		err = unanswered(err)
	}
	return fmt.Errorf("conversation: %w", err)
}

// unanswered marks a deadline that passed before the KMS said anything: it is
// the KMS that cannot be reached, not a conversation that took too long.
func unanswered(err error) error {
	if status.Code(err) == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrUnanswered, err)
	}
	return err
}

// run executes one Run and answers it.
func (p *pump) run(ctx context.Context, m *badgekmsv1.Run) error {
	if m.GetSeq() != p.seq+1 {
		return outOfOrder("Run.seq is %d where %d is awaited", m.GetSeq(), p.seq+1)
	}
	p.seq = m.GetSeq()
	run, err := decodeCommands(m.GetCommands())
	if err != nil {
		return err
	}
	if len(run) == 0 {
		return invalid("Run %d holds no command", p.seq)
	}
	start := time.Now()
	responses, err := p.card.Transmit(ctx, run)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	results := &badgekmsv1.Results{
		Seq:          p.seq,
		Responses:    encodeResponses(responses),
		Stop:         stopOf(run, responses, err),
		Microseconds: uint64(time.Since(start).Microseconds()),
	}
	if err != nil && p.loss == nil {
		p.loss = fmt.Errorf("run %d: %w", p.seq, err)
		time.AfterFunc(lossGrace, p.cancel)
	}
	_ = p.stream.Send(&badgekmsv1.ConverseRequest{Message: &badgekmsv1.ConverseRequest_Results{Results: results}})
	return nil
}

// stopOf says why a run ended.
func stopOf(run []reader.Command, responses []reader.Response, err error) badgekmsv1.Stop {
	switch {
	case errors.Is(err, reader.ErrRemoved), errors.Is(err, reader.ErrNoCard):
		return badgekmsv1.Stop_STOP_REMOVED
	case err != nil:
		return badgekmsv1.Stop_STOP_READER
	}
	if n := len(responses); n > 0 && responses[n-1].SW != run[n-1].Expect {
		return badgekmsv1.Stop_STOP_STATUS
	}
	return badgekmsv1.Stop_STOP_DONE
}
