package enroll

import (
	"bytes"
	"context"
	"time"

	"github.com/google/uuid"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/relay"
	"badgekms/reader/relay/presence"
)

// Order says what to issue.
type Order struct {
	// HolderID is the person the badge is assigned to; empty: none yet.
	HolderID string
	// Resume: a card that is lost on the way may be put back, and the flow
	// goes on by itself. Otherwise the loss is the flow's error, and the next
	// order for that card finishes the work.
	Resume bool
}

// Issued is a badge that the KMS encoded and verified.
type Issued struct {
	// Outcome is the KMS's word; its provisioned result is set.
	Outcome *badgekmsv1.Outcome
	// Presentations is how often the card was put on the reader.
	Presentations int
	// Timings are those of the last conversation.
	Timings relay.Timings
}

// Issue waits for a card, inspects it and has it encoded. All presentations
// share one request id, so the KMS knows them for one enrolment. It fails as
// Inspect does.
func (s *Station) Issue(ctx context.Context, order Order) (*Issued, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	field, err := s.follow(ctx)
	if err != nil {
		return nil, err
	}
	job := &issuing{station: s, order: order, field: field, requestID: uuid.NewString()}
	s.config.Notify(Event{Kind: WaitingForCard})
	for {
		issued, err := job.presentation(ctx)
		if err == nil {
			return issued, nil
		}
		why := ReasonOf(err)
		if !order.Resume || !curedByPutting(why) || ctx.Err() != nil {
			return nil, err
		}
		s.config.Notify(Event{Kind: PutBack, Reason: why})
	}
}

// curedByPutting tells whether the card only has to be put back.
func curedByPutting(r badgekmsv1.Reason) bool {
	switch r {
	case badgekmsv1.Reason_REASON_CARD_REMOVED,
		badgekmsv1.Reason_REASON_READER_FAILED,
		badgekmsv1.Reason_REASON_READER_MISSING,
		badgekmsv1.Reason_REASON_RELAY_SILENT:
		return true
	}
	return false
}

// issuing is one order under way.
type issuing struct {
	station   *Station
	order     Order
	field     *presence.Field
	requestID string
	served    uint64 // number of the last presentation
	count     int    // presentations so far
	uid       []byte // of the card, once it was read
	inspected bool
}

// presentation waits for the card and does what can be done while it lies
// there.
func (j *issuing) presentation(ctx context.Context) (*Issued, error) {
	card, err := j.takeCard(ctx)
	if err != nil {
		return nil, err
	}
	defer card.card.Close()
	if err := j.inspect(ctx, card); err != nil {
		return nil, err
	}
	outcome, timings, err := j.provision(ctx, card)
	if err != nil {
		return nil, err
	}
	return &Issued{Outcome: outcome, Presentations: j.count, Timings: timings}, nil
}

// takeCard connects to the next card that is presented. Once a card was read,
// no other one is taken under the same request id.
func (j *issuing) takeCard(ctx context.Context) (*present, error) {
	for {
		insertion, err := j.station.next(ctx, j.field, j.served)
		if err != nil {
			return nil, err
		}
		j.served = insertion.Number
		j.count++
		j.station.config.Notify(Event{Kind: CardSeen})
		card, err := j.station.connect(ctx, insertion)
		if err != nil {
			return nil, err
		}
		if j.uid == nil || bytes.Equal(j.uid, card.uid) {
			j.uid = card.uid
			return card, nil
		}
		_ = card.card.Close()
		j.station.config.Notify(Event{Kind: OtherCard})
	}
}

// inspect shows once what the card is. It refuses nothing: whether the card
// can be encoded is PROVISION's to say.
func (j *issuing) inspect(ctx context.Context, card *present) error {
	if j.inspected {
		return nil
	}
	outcome, err := card.inspect(ctx)
	if err != nil {
		return err
	}
	j.inspected = true
	j.station.config.Notify(Event{Kind: Inspected, Inspection: outcome.GetInspection()})
	return nil
}

// provision has the card encoded. A put-back card may still be busy with the
// conversation that broke off: that is waited for.
func (j *issuing) provision(ctx context.Context, card *present) (*badgekmsv1.Outcome, relay.Timings, error) {
	for try := 0; ; try++ {
		outcome, timings, err := card.converse(ctx, &badgekmsv1.Open{
			Procedure: badgekmsv1.Procedure_PROCEDURE_PROVISION,
			RequestId: j.requestID,
			Provision: &badgekmsv1.ProvisionParameters{HolderId: j.order.HolderID},
		})
		if err == nil && outcome.GetProvisioned() == nil {
			err = incomplete("the Outcome of PROVISION holds no badge")
		}
		busy := err != nil && ReasonOf(err) == badgekmsv1.Reason_REASON_BADGE_BUSY
		if !busy || j.count < 2 || try == busyRetries {
			return outcome, timings, err
		}
		j.station.config.Notify(Event{Kind: Busy})
		select {
		case <-ctx.Done():
			return nil, timings, ctx.Err()
		case <-time.After(j.station.busyPause):
		}
	}
}
