package reason

import (
	badgekmsv1 "badgekms/proto/badgekms/v1"
	relayreason "badgekms/reader/relay/reason"

	"google.golang.org/grpc/codes"
)

// Verdict is the verdict that a conversation ends with for this reason. It is
// what the reader's side makes of the same reason (package relay/reason), but
// an Outcome always has one: without a reason it is a grant, and what is not a
// finding about the card or the badge is UNDECIDED, since an outage never
// looks like a refused badge.
func Verdict(r badgekmsv1.Reason) badgekmsv1.Verdict {
	if r == badgekmsv1.Reason_REASON_UNSPECIFIED {
		return badgekmsv1.Verdict_VERDICT_GRANTED
	}
	v := relayreason.Verdict(r)
	if v == badgekmsv1.Verdict_VERDICT_UNSPECIFIED {
		return badgekmsv1.Verdict_VERDICT_UNDECIDED
	}
	return v
}

// Code is the gRPC code that an error with this reason travels under.
func Code(r badgekmsv1.Reason) codes.Code {
	if c, ok := table[r]; ok {
		return c
	}
	return codes.Internal
}

// table has a row for every Reason that can end a call; a test walks the
// enumeration. Reasons that only clients say are not in it.
var table = map[badgekmsv1.Reason]codes.Code{
	badgekmsv1.Reason_REASON_BADGE_UNKNOWN:           codes.NotFound,
	badgekmsv1.Reason_REASON_BADGE_NOT_HANDED_OVER:   codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_BADGE_SUSPENDED:         codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_BADGE_LOST:              codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_BADGE_STOLEN:            codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_BADGE_ENDED:             codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_BADGE_EXPIRED:           codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_BADGE_INCOMPLETE:        codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_BADGE_QUARANTINED:       codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_BADGE_ALREADY_ENCODED:   codes.AlreadyExists,
	badgekmsv1.Reason_REASON_BADGE_BUSY:              codes.Aborted,
	badgekmsv1.Reason_REASON_APPLICATION_MISSING:     codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_APPLICATION_OCCUPIED:    codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_KEY_REFUSED:             codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_PROTOCOL_DOWNGRADED:     codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_UID_RANDOM:              codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_UID_MISMATCH:            codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_CARD_UNSUPPORTED:        codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_CARD_NOT_GENUINE:        codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_CARD_FULL:               codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_CARD_KEYS_UNKNOWN:       codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_TRIALS_EXHAUSTED:        codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_ISSUE_NUMBERS_EXHAUSTED: codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_CARD_LOCKED:             codes.FailedPrecondition,

	badgekmsv1.Reason_REASON_CARD_REMOVED:            codes.Aborted,
	badgekmsv1.Reason_REASON_READER_FAILED:           codes.Aborted,
	badgekmsv1.Reason_REASON_CARD_ERROR:              codes.Aborted,
	badgekmsv1.Reason_REASON_RELAY_SILENT:            codes.DeadlineExceeded,
	badgekmsv1.Reason_REASON_CONVERSATION_TIMEOUT:    codes.DeadlineExceeded,
	badgekmsv1.Reason_REASON_CONVERSATION_SUPERSEDED: codes.Aborted,

	badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE: codes.Unavailable,
	badgekmsv1.Reason_REASON_CUSTODY_DENIED:      codes.Internal,
	badgekmsv1.Reason_REASON_CUSTODY_UNSUPPORTED: codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_STORAGE_FAILED:      codes.Unavailable,
	badgekmsv1.Reason_REASON_KMS_STOPPING:        codes.Unavailable,
	badgekmsv1.Reason_REASON_INTERNAL:            codes.Internal,

	badgekmsv1.Reason_REASON_MESSAGE_INVALID:      codes.InvalidArgument,
	badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER: codes.InvalidArgument,
	badgekmsv1.Reason_REASON_SCRIPT_STALE:         codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_DEADLINE_MISSING:     codes.InvalidArgument,
	badgekmsv1.Reason_REASON_PERMISSION_DENIED:    codes.PermissionDenied,
	badgekmsv1.Reason_REASON_CERTIFICATE_INVALID:  codes.Unauthenticated,
	badgekmsv1.Reason_REASON_STATE_INVALID:        codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_CONCURRENT_CHANGE:    codes.Aborted,

	badgekmsv1.Reason_REASON_HOLDER_UNKNOWN: codes.NotFound,
	badgekmsv1.Reason_REASON_HOLDER_EXISTS:  codes.AlreadyExists,
	badgekmsv1.Reason_REASON_DOMAIN_UNKNOWN: codes.FailedPrecondition,
	badgekmsv1.Reason_REASON_DOMAIN_EXISTS:  codes.AlreadyExists,
}
