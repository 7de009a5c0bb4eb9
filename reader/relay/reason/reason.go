// Package reason says what an error means to people: it maps the errors of
// readers (PC/SC), of a relayed conversation and of gRPC (google.rpc.ErrorInfo
// of domain "badgekms") to the one vocabulary, badgekms.v1.Reason.
package reason

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/relay"
)

// local are the errors that arise on this side, in order of precedence.
var local = []struct {
	err    error
	reason badgekmsv1.Reason
}{
	{reader.ErrRemoved, badgekmsv1.Reason_REASON_CARD_REMOVED},
	{reader.ErrNoCard, badgekmsv1.Reason_REASON_CARD_REMOVED},
	{reader.ErrNoReader, badgekmsv1.Reason_REASON_READER_MISSING},
	{reader.ErrBusy, badgekmsv1.Reason_REASON_READER_BUSY},
	{reader.ErrUnavailable, badgekmsv1.Reason_REASON_PCSC_UNAVAILABLE},
	{reader.ErrReader, badgekmsv1.Reason_REASON_READER_FAILED},
	{reader.ErrMalformed, badgekmsv1.Reason_REASON_READER_FAILED},
	{relay.ErrUnanswered, badgekmsv1.Reason_REASON_KMS_UNREACHABLE},
	{context.DeadlineExceeded, badgekmsv1.Reason_REASON_CONVERSATION_TIMEOUT},
	{relay.ErrNoDeadline, badgekmsv1.Reason_REASON_DEADLINE_MISSING},
}

// byCode are the gRPC errors that carry no ErrorInfo of ours: they come from
// gRPC itself, or from what stands between us and the KMS.
var byCode = map[codes.Code]badgekmsv1.Reason{
	codes.Unavailable:        badgekmsv1.Reason_REASON_KMS_UNREACHABLE,
	codes.DeadlineExceeded:   badgekmsv1.Reason_REASON_CONVERSATION_TIMEOUT,
	codes.PermissionDenied:   badgekmsv1.Reason_REASON_PERMISSION_DENIED,
	codes.Unauthenticated:    badgekmsv1.Reason_REASON_CERTIFICATE_INVALID,
	codes.InvalidArgument:    badgekmsv1.Reason_REASON_MESSAGE_INVALID,
	codes.ResourceExhausted:  badgekmsv1.Reason_REASON_MESSAGE_INVALID,
	codes.FailedPrecondition: badgekmsv1.Reason_REASON_STATE_INVALID,
	codes.Aborted:            badgekmsv1.Reason_REASON_CONCURRENT_CHANGE,
}

// Of says what err means; where both ends tell, the KMS's own word counts.
// What cannot be told is INTERNAL; a nil error is
// UNSPECIFIED.
func Of(err error) badgekmsv1.Reason {
	if err == nil {
		return badgekmsv1.Reason_REASON_UNSPECIFIED
	}
	s, isStatus := status.FromError(err)
	if r, told := ofDetails(s); told {
		return r
	}
	for _, l := range local {
		if errors.Is(err, l.err) {
			return l.reason
		}
	}
	var broken *relay.ProtocolError
	if errors.As(err, &broken) {
		return broken.Reason
	}
	if r, known := byCode[s.Code()]; known && isStatus {
		return r
	}
	return badgekmsv1.Reason_REASON_INTERNAL
}

// ofDetails reads the KMS's own reason where there is one.
func ofDetails(s *status.Status) (badgekmsv1.Reason, bool) {
	for _, detail := range s.Details() {
		info, ok := detail.(*errdetails.ErrorInfo)
		if !ok || info.GetDomain() != relay.ErrorDomain {
			continue
		}
		if number, known := badgekmsv1.Reason_value["REASON_"+info.GetReason()]; known {
			return badgekmsv1.Reason(number), true
		}
	}
	return badgekmsv1.Reason_REASON_UNSPECIFIED, false
}

// Verdict says how the end of a task with reason r is to be understood where no
// Outcome says it: DENIED if the card, the badge or the request was refused on
// purpose, UNDECIDED if something on the way failed, so that nobody is accused
// and trying again is the cure, and UNSPECIFIED if the program itself is at
// fault. It follows the groups of numbers of the enum, but for three reasons of
// a KMS that is busy or not set up yet.
func Verdict(r badgekmsv1.Reason) badgekmsv1.Verdict {
	switch {
	case r == badgekmsv1.Reason_REASON_UNSPECIFIED:
		return badgekmsv1.Verdict_VERDICT_UNSPECIFIED
	case r == badgekmsv1.Reason_REASON_BADGE_BUSY, r == badgekmsv1.Reason_REASON_CONCURRENT_CHANGE, r == badgekmsv1.Reason_REASON_DOMAIN_UNKNOWN:
		return badgekmsv1.Verdict_VERDICT_UNDECIDED
	case r < badgekmsv1.Reason_REASON_CARD_REMOVED:
		return badgekmsv1.Verdict_VERDICT_DENIED
	case r < badgekmsv1.Reason_REASON_MESSAGE_INVALID:
		return badgekmsv1.Verdict_VERDICT_UNDECIDED
	case r < badgekmsv1.Reason_REASON_PERMISSION_DENIED:
		return badgekmsv1.Verdict_VERDICT_UNSPECIFIED
	case r < badgekmsv1.Reason_REASON_KMS_UNREACHABLE:
		return badgekmsv1.Verdict_VERDICT_DENIED
	}
	return badgekmsv1.Verdict_VERDICT_UNDECIDED
}

// Name is the reason as it travels and as --json prints it: the enum's name
// without its prefix, and "" for UNSPECIFIED.
func Name(r badgekmsv1.Reason) string {
	if r == badgekmsv1.Reason_REASON_UNSPECIFIED {
		return ""
	}
	return strings.TrimPrefix(r.String(), "REASON_")
}

// VerdictName is the verdict as --json prints it: "granted", "denied" or
// "undecided", and "" for UNSPECIFIED.
func VerdictName(v badgekmsv1.Verdict) string {
	if v == badgekmsv1.Verdict_VERDICT_UNSPECIFIED {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(v.String(), "VERDICT_"))
}
