package relay

import (
	"errors"
	"fmt"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
)

// The errors of a conversation, beside those of package reader; to be tested
// with errors.Is.
var (
	// ErrProtocol: the other end broke the rules of the relay. It is always
	// wrapped by a *ProtocolError.
	ErrProtocol = errors.New("the other end of the conversation broke the relay's rules")
	// ErrSilent: the caller did not answer in time.
	ErrSilent = errors.New("the caller fell silent")
	// ErrClosed: the caller ended the conversation without naming a cause.
	ErrClosed = errors.New("the caller closed the conversation")
	// ErrDisconnected: the stream broke.
	ErrDisconnected = errors.New("the connection to the caller was lost")
	// ErrUnanswered: the KMS sent nothing at all before the deadline.
	ErrUnanswered = errors.New("the KMS did not answer")
	// ErrNoDeadline: the context of a conversation has no deadline.
	ErrNoDeadline = errors.New("a conversation needs a deadline")
)

// ProtocolError tells which rule of the relay the other end broke. It wraps
// ErrProtocol.
type ProtocolError struct {
	// Reason is MESSAGE_INVALID or MESSAGE_OUT_OF_ORDER.
	Reason badgekmsv1.Reason
	// Detail names the message and field; it holds no byte of an APDU.
	Detail string
}

// Error implements error.
func (e *ProtocolError) Error() string { return ErrProtocol.Error() + ": " + e.Detail }

// Unwrap makes errors.Is(err, ErrProtocol) true.
func (e *ProtocolError) Unwrap() error { return ErrProtocol }

func invalid(format string, args ...any) error {
	return &ProtocolError{Reason: badgekmsv1.Reason_REASON_MESSAGE_INVALID, Detail: fmt.Sprintf(format, args...)}
}

func outOfOrder(format string, args ...any) error {
	return &ProtocolError{Reason: badgekmsv1.Reason_REASON_MESSAGE_OUT_OF_ORDER, Detail: fmt.Sprintf(format, args...)}
}

// closed is the error that a Close message stands for.
func closed(reason badgekmsv1.Reason) error {
	switch reason {
	case badgekmsv1.Reason_REASON_CARD_REMOVED:
		return reader.ErrRemoved
	case badgekmsv1.Reason_REASON_READER_FAILED:
		return reader.ErrReader
	}
	return ErrClosed
}
