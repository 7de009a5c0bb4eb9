package reason

import (
	badgekmsv1 "badgekms/proto/badgekms/v1"

	"google.golang.org/grpc/codes"
)

// Verdict is the verdict that a conversation ends with for this reason. What
// is not a finding about the card or the badge is UNDECIDED: an outage never
// looks like a refused badge.
func Verdict(r badgekmsv1.Reason) badgekmsv1.Verdict {
	switch {
	case r == badgekmsv1.Reason_REASON_UNSPECIFIED:
		return badgekmsv1.Verdict_VERDICT_GRANTED
	case row(r).denies:
		return badgekmsv1.Verdict_VERDICT_DENIED
	}
	return badgekmsv1.Verdict_VERDICT_UNDECIDED
}

// Code is the gRPC code that an error with this reason travels under.
func Code(r badgekmsv1.Reason) codes.Code { return row(r).code }

// meaning is what the table says of one reason.
type meaning struct {
	code   codes.Code
	denies bool
}

func row(r badgekmsv1.Reason) meaning {
	if m, ok := table[r]; ok {
		return m
	}
	return meaning{code: codes.Internal}
}

// table has a row for every Reason that can end a call; a test walks the
// enumeration. Reasons that only clients say are not in it.
var table = map[badgekmsv1.Reason]meaning{
	badgekmsv1.Reason_REASON_BADGE_UNKNOWN:           {codes.NotFound, true},
	badgekmsv1.Reason_REASON_BADGE_NOT_HANDED_OVER:   {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_BADGE_SUSPENDED:         {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_BADGE_LOST:              {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_BADGE_STOLEN:            {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_BADGE_ENDED:             {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_BADGE_EXPIRED:           {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_BADGE_INCOMPLETE:        {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_BADGE_QUARANTINED:       {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_BADGE_ALREADY_ENCODED:   {codes.AlreadyExists, true},
	badgekmsv1.Reason_REASON_BADGE_BUSY:              {codes.Aborted, false},
	badgekmsv1.Reason_REASON_APPLICATION_MISSING:     {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_APPLICATION_OCCUPIED:    {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_KEY_REFUSED:             {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_PROTOCOL_DOWNGRADED:     {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_UID_RANDOM:              {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_UID_MISMATCH:            {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_CARD_UNSUPPORTED:        {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_CARD_NOT_GENUINE:        {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_CARD_FULL:               {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_CARD_KEYS_UNKNOWN:       {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_TRIALS_EXHAUSTED:        {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_ISSUE_NUMBERS_EXHAUSTED: {codes.FailedPrecondition, true},
	badgekmsv1.Reason_REASON_CARD_LOCKED:             {codes.FailedPrecondition, true},

	badgekmsv1.Reason_REASON_CARD_REMOVED:            {codes.Aborted, false},
	badgekmsv1.Reason_REASON_READER_FAILED:           {codes.Aborted, false},
	badgekmsv1.Reason_REASON_CARD_ERROR:              {codes.Aborted, false},
	badgekmsv1.Reason_REASON_RELAY_SILENT:            {codes.DeadlineExceeded, false},
	badgekmsv1.Reason_REASON_CONVERSATION_TIMEOUT:    {codes.DeadlineExceeded, false},
	badgekmsv1.Reason_REASON_CONVERSATION_SUPERSEDED: {codes.Aborted, false},

	badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE: {codes.Unavailable, false},
	badgekmsv1.Reason_REASON_CUSTODY_DENIED:      {codes.Internal, false},
	badgekmsv1.Reason_REASON_CUSTODY_UNSUPPORTED: {codes.FailedPrecondition, false},
	badgekmsv1.Reason_REASON_STORAGE_FAILED:      {codes.Unavailable, false},
	badgekmsv1.Reason_REASON_KMS_STOPPING:        {codes.Unavailable, false},
	badgekmsv1.Reason_REASON_INTERNAL:            {codes.Internal, false},

	badgekmsv1.Reason_REASON_MESSAGE_INVALID:      {codes.InvalidArgument, false},
	badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER: {codes.InvalidArgument, false},
	badgekmsv1.Reason_REASON_SCRIPT_STALE:         {codes.FailedPrecondition, false},
	badgekmsv1.Reason_REASON_DEADLINE_MISSING:     {codes.InvalidArgument, false},
	badgekmsv1.Reason_REASON_PERMISSION_DENIED:    {codes.PermissionDenied, false},
	badgekmsv1.Reason_REASON_CERTIFICATE_INVALID:  {codes.Unauthenticated, false},
	badgekmsv1.Reason_REASON_STATE_INVALID:        {codes.FailedPrecondition, false},
	badgekmsv1.Reason_REASON_CONCURRENT_CHANGE:    {codes.Aborted, false},

	badgekmsv1.Reason_REASON_HOLDER_UNKNOWN: {codes.NotFound, true},
	badgekmsv1.Reason_REASON_HOLDER_EXISTS:  {codes.AlreadyExists, false},
	badgekmsv1.Reason_REASON_DOMAIN_UNKNOWN: {codes.FailedPrecondition, false},
	badgekmsv1.Reason_REASON_DOMAIN_EXISTS:  {codes.AlreadyExists, false},
}
