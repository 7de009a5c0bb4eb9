package relay

import (
	"context"
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
)

// ErrorDomain is the domain of every google.rpc.ErrorInfo of the KMS.
const ErrorDomain = "badgekms"

// scriptStale is ErrorInfo.reason of a refused opening script.
const scriptStale = "SCRIPT_STALE"

// RunScript runs an opening script on card and writes its version and the raw
// responses into open, as far as the run went. That a card answers otherwise
// than expected is no error: the KMS judges it. It fails as card does, or with
// a *ProtocolError for a script beyond the relay's limits.
func RunScript(ctx context.Context, card reader.Card, script *badgekmsv1.Script, open *badgekmsv1.Open) error {
	run, err := decodeCommands(script.GetCommands())
	if err != nil {
		return fmt.Errorf("opening script %q: %w", script.GetVersion(), err)
	}
	responses, err := card.Transmit(ctx, run)
	if err != nil {
		return fmt.Errorf("opening script: %w", err)
	}
	open.ScriptVersion = script.GetVersion()
	open.ScriptResponses = encodeResponses(responses)
	return nil
}

func encodeResponses(responses []reader.Response) [][]byte {
	raw := make([][]byte, len(responses))
	for i, r := range responses {
		raw[i] = r.Bytes()
	}
	return raw
}

// NewScriptStale is the gRPC error by which the KMS refuses an opening script
// that is not the current one: FAILED_PRECONDITION with the reason
// SCRIPT_STALE and the current script as details.
func NewScriptStale(current *badgekmsv1.Script) error {
	s, err := status.New(codes.FailedPrecondition, "the opening script is not the current one; run the attached one and start anew").
		WithDetails(&errdetails.ErrorInfo{Reason: scriptStale, Domain: ErrorDomain}, current)
	if err != nil {
		return status.Errorf(codes.Internal, "attach the opening script: %v", err)
	}
	return s.Err()
}

// StaleScript is the inverse of NewScriptStale: the current script that err
// carries, or nil where err is something else.
func StaleScript(err error) *badgekmsv1.Script {
	stale := false
	var script *badgekmsv1.Script
	for _, detail := range status.Convert(err).Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			stale = stale || d.GetDomain() == ErrorDomain && d.GetReason() == scriptStale
		case *badgekmsv1.Script:
			script = d
		}
	}
	if !stale {
		return nil
	}
	return script
}
