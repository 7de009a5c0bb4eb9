package reason_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"badgekms/kms/custody"
	"badgekms/kms/keyring"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/desfire"
	"badgekms/reader/relay"
	relayreason "badgekms/reader/relay/reason"
)

// ofClients are the reasons that only clients say.
func ofClients(r badgekmsv1.Reason) bool {
	switch r {
	case badgekmsv1.Reason_REASON_READER_MISSING, badgekmsv1.Reason_REASON_READER_BUSY,
		badgekmsv1.Reason_REASON_PCSC_UNAVAILABLE, badgekmsv1.Reason_REASON_KMS_UNREACHABLE:
		return true
	}
	return false
}

// every calls f with each Reason of the enumeration.
func every(t *testing.T, f func(r badgekmsv1.Reason)) {
	t.Helper()
	if len(badgekmsv1.Reason_name) < 50 {
		t.Fatalf("only %d reasons: the walk is broken", len(badgekmsv1.Reason_name))
	}
	for number := range badgekmsv1.Reason_name {
		f(badgekmsv1.Reason(number))
	}
}

// Every reason that can end a call has a gRPC code of its own choice. Internal
// is what a forgotten row gives, and rightly that of two.
func TestEveryReasonHasACode(t *testing.T) {
	every(t, func(r badgekmsv1.Reason) {
		internal := r == badgekmsv1.Reason_REASON_INTERNAL || r == badgekmsv1.Reason_REASON_CUSTODY_DENIED ||
			r == badgekmsv1.Reason_REASON_UNSPECIFIED || ofClients(r)
		if c := reason.Code(r); (c == codes.Internal) != internal || c == codes.OK || c == codes.Unknown {
			t.Errorf("%v travels as %v", r, c)
		}
	})
	if c := reason.Code(9999); c != codes.Internal {
		t.Errorf("a reason of the future travels as %v", c)
	}
}

// In an Outcome, only a grant has no reason, and only what is known of the
// card or the badge denies: an outage never looks like a refused badge.
func TestVerdict(t *testing.T) {
	every(t, func(r badgekmsv1.Reason) {
		want := badgekmsv1.Verdict_VERDICT_DENIED
		switch {
		case r == 0:
			want = badgekmsv1.Verdict_VERDICT_GRANTED
		case r == badgekmsv1.Reason_REASON_BADGE_BUSY:
			want = badgekmsv1.Verdict_VERDICT_UNDECIDED
		case r < badgekmsv1.Reason_REASON_CARD_REMOVED: // findings about badge and card
		case r < badgekmsv1.Reason_REASON_PERMISSION_DENIED, ofClients(r): // failures, and faults of messages
			want = badgekmsv1.Verdict_VERDICT_UNDECIDED
		case r == badgekmsv1.Reason_REASON_CONCURRENT_CHANGE, r == badgekmsv1.Reason_REASON_DOMAIN_UNKNOWN:
			want = badgekmsv1.Verdict_VERDICT_UNDECIDED
		}
		if got := reason.Verdict(r); got != want {
			t.Errorf("%v is %v, want %v", r, got, want)
		}
	})
}

// The KMS and the reader's side mean the same by a reason. Where they differ,
// it is because an Outcome always has a verdict, or because a refused
// administrator is not a refused badge; each such reason is named here.
func TestVerdictAgreesWithTheReadersSide(t *testing.T) {
	differ := map[badgekmsv1.Reason]bool{
		badgekmsv1.Reason_REASON_UNSPECIFIED:          true,
		badgekmsv1.Reason_REASON_MESSAGE_INVALID:      true,
		badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER: true,
		badgekmsv1.Reason_REASON_SCRIPT_STALE:         true,
		badgekmsv1.Reason_REASON_DEADLINE_MISSING:     true,
		badgekmsv1.Reason_REASON_CONCURRENT_CHANGE:    true,
		badgekmsv1.Reason_REASON_DOMAIN_UNKNOWN:       true,
	}
	every(t, func(r badgekmsv1.Reason) {
		ours, theirs := reason.Verdict(r), relayreason.Verdict(r)
		if ours != theirs && !differ[r] {
			t.Errorf("%v: the KMS says %v, the reader's side %v", r, ours, theirs)
		}
		if ours == badgekmsv1.Verdict_VERDICT_DENIED && theirs == badgekmsv1.Verdict_VERDICT_UNDECIDED ||
			ours == badgekmsv1.Verdict_VERDICT_UNSPECIFIED {
			t.Errorf("%v: the KMS says %v, the reader's side %v", r, ours, theirs)
		}
	})
}

func TestOf(t *testing.T) {
	status91 := func(sw reader.SW) error { return &apdu.StatusError{INS: apdu.INSChangeKey, SW: sw} }
	for _, c := range []struct {
		err  error
		want badgekmsv1.Reason
	}{
		{reason.New(badgekmsv1.Reason_REASON_CARD_FULL, "no room"), badgekmsv1.Reason_REASON_CARD_FULL},
		{reason.Wrap(custody.ErrUnavailable, badgekmsv1.Reason_REASON_KEY_REFUSED, ""), badgekmsv1.Reason_REASON_KEY_REFUSED},
		{errors.Join(errors.New("x"), reason.New(badgekmsv1.Reason_REASON_CARD_FULL, "")), badgekmsv1.Reason_REASON_CARD_FULL},

		{registry.ErrBusy, badgekmsv1.Reason_REASON_BADGE_BUSY},
		{&registry.BusyError{Badge: "b"}, badgekmsv1.Reason_REASON_BADGE_BUSY},
		{registry.ErrFenced, badgekmsv1.Reason_REASON_CONVERSATION_SUPERSEDED},
		{registry.ErrExhausted, badgekmsv1.Reason_REASON_ISSUE_NUMBERS_EXHAUSTED},
		{registry.ErrConflict, badgekmsv1.Reason_REASON_CONCURRENT_CHANGE},
		{&registry.TransitionError{From: registry.Ended, To: registry.Active}, badgekmsv1.Reason_REASON_STATE_INVALID},
		{registry.ErrCorrupt, badgekmsv1.Reason_REASON_STORAGE_FAILED},
		{registry.ErrStorage, badgekmsv1.Reason_REASON_STORAGE_FAILED},
		{registry.ErrClosed, badgekmsv1.Reason_REASON_KMS_STOPPING},

		{custody.ErrUnavailable, badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE},
		{fmt.Errorf("%w: %w", custody.ErrUnavailable, context.DeadlineExceeded), badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE},
		{custody.ErrDenied, badgekmsv1.Reason_REASON_CUSTODY_DENIED},
		{custody.ErrUnsupported, badgekmsv1.Reason_REASON_CUSTODY_UNSUPPORTED},
		{&custody.ShortMError{}, badgekmsv1.Reason_REASON_CUSTODY_UNSUPPORTED},
		{custody.ErrWrongAnswer, badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE},
		{custody.ErrUnknownMaster, badgekmsv1.Reason_REASON_DOMAIN_UNKNOWN},
		{keyring.ErrUnknownDomain, badgekmsv1.Reason_REASON_DOMAIN_UNKNOWN},
		{keyring.ErrNoActive, badgekmsv1.Reason_REASON_DOMAIN_UNKNOWN},

		{reader.ErrRemoved, badgekmsv1.Reason_REASON_CARD_REMOVED},
		{reader.ErrReader, badgekmsv1.Reason_REASON_READER_FAILED},
		{fmt.Errorf("%w: %w", desfire.ErrIncomplete, reader.ErrRemoved), badgekmsv1.Reason_REASON_CARD_REMOVED},
		{&relay.ProtocolError{Reason: badgekmsv1.Reason_REASON_MESSAGE_INVALID}, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		{&relay.ProtocolError{Reason: badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER}, badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER},
		{relay.ErrSilent, badgekmsv1.Reason_REASON_RELAY_SILENT},
		{relay.ErrDisconnected, badgekmsv1.Reason_REASON_RELAY_SILENT},
		{relay.ErrClosed, badgekmsv1.Reason_REASON_CARD_REMOVED},
		{fmt.Errorf("%w: %w", relay.ErrDisconnected, status.Error(codes.ResourceExhausted, "too large")), badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		{context.DeadlineExceeded, badgekmsv1.Reason_REASON_CONVERSATION_TIMEOUT},
		{context.Canceled, badgekmsv1.Reason_REASON_CARD_REMOVED},

		{status91(0x910E), badgekmsv1.Reason_REASON_CARD_FULL},
		{status91(0x91CE), badgekmsv1.Reason_REASON_CARD_FULL},
		{status91(0x919D), badgekmsv1.Reason_REASON_CARD_LOCKED},
		{status91(0x91EE), badgekmsv1.Reason_REASON_CARD_ERROR},
		{status91(0x91CD), badgekmsv1.Reason_REASON_CARD_ERROR},
		{status91(0x9177), badgekmsv1.Reason_REASON_CARD_ERROR},
		{status91(0x6300), badgekmsv1.Reason_REASON_CARD_ERROR},
		{status91(0x6E00), badgekmsv1.Reason_REASON_CARD_UNSUPPORTED},
		{status91(0x6D00), badgekmsv1.Reason_REASON_CARD_UNSUPPORTED},
		{desfire.ErrKeyRefused, badgekmsv1.Reason_REASON_CARD_ERROR},
		{desfire.ErrIntegrity, badgekmsv1.Reason_REASON_CARD_ERROR},
		{desfire.ErrSessionOver, badgekmsv1.Reason_REASON_CARD_ERROR},
		{desfire.ErrIncomplete, badgekmsv1.Reason_REASON_CARD_ERROR},
		{desfire.ErrAnswer, badgekmsv1.Reason_REASON_CARD_ERROR},
		{&desfire.CommandError{Err: status91(0x91EE)}, badgekmsv1.Reason_REASON_CARD_ERROR},

		{errors.New("anything"), badgekmsv1.Reason_REASON_INTERNAL},
		{registry.ErrInvalid, badgekmsv1.Reason_REASON_INTERNAL},
	} {
		for _, err := range []error{c.err, fmt.Errorf("outer: %w", c.err), errors.Join(errors.New("beside"), c.err)} {
			if got := reason.Of(err); got != c.want {
				t.Errorf("Of(%v) = %v, want %v", err, got, c.want)
			}
		}
	}
}

func TestErrorWords(t *testing.T) {
	cause := errors.New("https://vault:8200")
	e := reason.Wrap(cause, badgekmsv1.Reason_REASON_CARD_FULL, "%d bytes are free", 7)
	if text := e.Error(); !strings.HasPrefix(text, "CARD_FULL: 7 bytes are free: ") || !errors.Is(e, cause) {
		t.Errorf("%q", text)
	}
	if strings.Contains(e.Message, "vault") {
		t.Errorf("the message for callers names the cause: %q", e.Message)
	}
	if !errors.Is(e, &reason.Error{Reason: badgekmsv1.Reason_REASON_CARD_FULL}) || errors.Is(e, &reason.Error{Reason: badgekmsv1.Reason_REASON_CARD_LOCKED}) {
		t.Error("errors.Is does not go by the reason")
	}
	if errors.Is(e, reason.New(badgekmsv1.Reason_REASON_CARD_FULL, "another message")) {
		t.Error("two errors with messages of their own are the same")
	}
	if n := reason.Name(0); n != "" {
		t.Errorf("the name of no reason is %q", n)
	}
	if n := reason.Name(badgekmsv1.Reason_REASON_KEY_REFUSED); n != "KEY_REFUSED" {
		t.Errorf("name %q", n)
	}
}
