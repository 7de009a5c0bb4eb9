package reason

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/relay"
)

func told(domain, reason string) error {
	s, err := status.New(codes.NotFound, "no").WithDetails(&errdetails.ErrorInfo{Domain: domain, Reason: reason})
	if err != nil {
		panic(err)
	}
	return s.Err()
}

func TestOf(t *testing.T) {
	tests := []struct {
		err  error
		want badgekmsv1.Reason
	}{
		{nil, badgekmsv1.Reason_REASON_UNSPECIFIED},
		{fmt.Errorf("x: %w", reader.ErrRemoved), badgekmsv1.Reason_REASON_CARD_REMOVED},
		{reader.ErrNoCard, badgekmsv1.Reason_REASON_CARD_REMOVED},
		{reader.ErrReader, badgekmsv1.Reason_REASON_READER_FAILED},
		{reader.ErrNoReader, badgekmsv1.Reason_REASON_READER_MISSING},
		{reader.ErrBusy, badgekmsv1.Reason_REASON_READER_BUSY},
		{reader.ErrUnavailable, badgekmsv1.Reason_REASON_PCSC_UNAVAILABLE},
		{context.DeadlineExceeded, badgekmsv1.Reason_REASON_CONVERSATION_TIMEOUT},
		{fmt.Errorf("%w: %w", relay.ErrUnanswered, status.Error(codes.DeadlineExceeded, "")), badgekmsv1.Reason_REASON_KMS_UNREACHABLE},
		{&relay.ProtocolError{Reason: badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER}, badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER},
		{fmt.Errorf("x: %w", told("badgekms", "HOLDER_UNKNOWN")), badgekmsv1.Reason_REASON_HOLDER_UNKNOWN},
		{told("badgekms", "A_REASON_OF_THE_FUTURE"), badgekmsv1.Reason_REASON_INTERNAL},
		{told("elsewhere", "HOLDER_UNKNOWN"), badgekmsv1.Reason_REASON_INTERNAL},
		{relay.NewScriptStale(&badgekmsv1.Script{}), badgekmsv1.Reason_REASON_SCRIPT_STALE},
		{fmt.Errorf("x: %w", status.Error(codes.Unavailable, "")), badgekmsv1.Reason_REASON_KMS_UNREACHABLE},
		{status.Error(codes.Unauthenticated, ""), badgekmsv1.Reason_REASON_CERTIFICATE_INVALID},
		{errors.New("anything"), badgekmsv1.Reason_REASON_INTERNAL},
	}
	for _, test := range tests {
		if got := Of(test.err); got != test.want {
			t.Errorf("Of(%v) = %v, want %v", test.err, got, test.want)
		}
	}
}

// TestVerdict pins the reasons that accuse nobody; every other one that the
// enum has is a refusal or the program's own fault.
func TestVerdict(t *testing.T) {
	undecided := map[string]bool{
		"BADGE_BUSY": true, "CARD_REMOVED": true, "READER_FAILED": true, "CARD_ERROR": true, "RELAY_SILENT": true,
		"CONVERSATION_TIMEOUT": true, "CONVERSATION_SUPERSEDED": true, "CUSTODY_UNAVAILABLE": true, "CUSTODY_DENIED": true,
		"CUSTODY_UNSUPPORTED": true, "STORAGE_FAILED": true, "KMS_STOPPING": true, "INTERNAL": true, "KMS_UNREACHABLE": true,
		"READER_MISSING": true, "READER_BUSY": true, "PCSC_UNAVAILABLE": true, "CONCURRENT_CHANGE": true, "DOMAIN_UNKNOWN": true,
	}
	faults := map[string]bool{"": true, "MESSAGE_INVALID": true, "MESSAGE_OUT_OF_ORDER": true, "SCRIPT_STALE": true, "DEADLINE_MISSING": true}
	for number := range badgekmsv1.Reason_name {
		r := badgekmsv1.Reason(number)
		want := badgekmsv1.Verdict_VERDICT_DENIED
		switch {
		case undecided[Name(r)]:
			want = badgekmsv1.Verdict_VERDICT_UNDECIDED
		case faults[Name(r)]:
			want = badgekmsv1.Verdict_VERDICT_UNSPECIFIED
		}
		if got := Verdict(r); got != want {
			t.Errorf("Verdict(%v) = %v, want %v", r, got, want)
		}
	}
}
