package server

import (
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"badgekms/kms/reason"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/relay"
)

// statusOf maps an error to what the caller may see: the Reason as ErrorInfo,
// and the message that was meant for people. Causes stay in the log: they name
// back ends and files.
func statusOf(err error) error {
	if _, ok := err.(interface{ GRPCStatus() *status.Status }); ok {
		return err
	}
	r := reason.Of(err)
	s := status.New(reason.Code(r), publicMessage(r, err))
	detailed, failed := s.WithDetails(&errdetails.ErrorInfo{Reason: reason.Name(r), Domain: relay.ErrorDomain})
	if failed != nil {
		return s.Err()
	}
	return detailed.Err()
}

func publicMessage(r badgekmsv1.Reason, err error) string {
	var e *reason.Error
	if errors.As(err, &e) && e.Message != "" {
		return e.Message
	}
	var p *relay.ProtocolError
	if errors.As(err, &p) {
		return p.Error()
	}
	return reason.Name(r)
}
