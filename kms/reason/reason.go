// Package reason ties every error that can end a call or a conversation to
// the one public vocabulary, badgekms.v1.Reason, and each Reason to its
// verdict and to its gRPC code (google.rpc.Code).
//
// Code that knows the reason says so with Refuse or Fail; errors of lower
// packages are recognised by Of. What nobody recognises is INTERNAL: undecided
// to the caller, and an error in the log.
package reason

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/apdu"
	"badgekms/reader/relay"
	relayreason "badgekms/reader/relay/reason"
)

// Error is an error with its Reason. The cause is for the log; callers of the
// API see the Reason and, where one was given, the message.
type Error struct {
	Reason badgekmsv1.Reason
	// Message says what happened to what, for people; never a key, never a
	// whole UID.
	Message string
	cause   error
}

// New makes an error with a reason and a message.
func New(r badgekmsv1.Reason, format string, args ...any) *Error {
	return &Error{Reason: r, Message: fmt.Sprintf(format, args...)}
}

// Wrap adds a reason and a message to cause, which is not nil.
func Wrap(cause error, r badgekmsv1.Reason, format string, args ...any) *Error {
	return &Error{Reason: r, Message: fmt.Sprintf(format, args...), cause: cause}
}

// Error gives the reason, the message and the cause.
func (e *Error) Error() string {
	s := Name(e.Reason)
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is match on the reason alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason && t.Message == "" && t.cause == nil
}

// Name is the reason as ErrorInfo, logs and audit records spell it, the same as
// on the reader's side: without the prefix of the enumeration. UNSPECIFIED, the
// reason of a grant, is empty.
func Name(r badgekmsv1.Reason) string { return relayreason.Name(r) }

// Of finds the reason of err: that of the first Error in its chain, the one
// that a broken rule of the relay names, what the sentinel errors of the
// packages below stand for, CARD_ERROR for any other error status of a card,
// or INTERNAL.
func Of(err error) badgekmsv1.Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	var broken *relay.ProtocolError
	if errors.As(err, &broken) {
		return broken.Reason
	}
	if s, ok := status.FromError(err); ok && s.Code() == codes.ResourceExhausted {
		return badgekmsv1.Reason_REASON_MESSAGE_INVALID // gRPC refused to read a message of that size
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			return s.reason
		}
	}
	var refused *apdu.StatusError
	if errors.As(err, &refused) {
		return badgekmsv1.Reason_REASON_CARD_ERROR
	}
	return badgekmsv1.Reason_REASON_INTERNAL
}
