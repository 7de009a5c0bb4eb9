package client

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/status"

	"badgekms/enroll"
	"badgekms/enroll/text"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/relay/reason"
)

// The exit codes of all programs.
const (
	ExitDone      = 0 // done or granted
	ExitFailed    = 1
	ExitUsage     = 2
	ExitDenied    = 3 // refused or denied
	ExitUndecided = 4 // undecided or unavailable
)

// UsageError is a mistake in the arguments or settings.
type UsageError struct{ Err error }

// Error implements error.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// Verdict is an error that stands for an exit code alone: what there is to say
// was printed as a result.
type Verdict badgekmsv1.Verdict

// Error implements error.
func (v Verdict) Error() string { return reason.VerdictName(badgekmsv1.Verdict(v)) }

// exitCode maps an error to its code.
func exitCode(err error) int {
	var usage *UsageError
	if errors.As(err, &usage) {
		return ExitUsage
	}
	switch verdictOf(err) {
	case badgekmsv1.Verdict_VERDICT_GRANTED:
		return ExitDone
	case badgekmsv1.Verdict_VERDICT_DENIED:
		return ExitDenied
	case badgekmsv1.Verdict_VERDICT_UNDECIDED:
		return ExitUndecided
	}
	return ExitFailed
}

func verdictOf(err error) badgekmsv1.Verdict {
	var verdict Verdict
	switch {
	case errors.As(err, &verdict):
		return badgekmsv1.Verdict(verdict)
	case errors.Is(err, ErrIdentity), errors.Is(err, context.Canceled), isOwn(err):
		return badgekmsv1.Verdict_VERDICT_UNSPECIFIED
	}
	return enroll.VerdictOf(err)
}

// isOwn tells whether err is this program's own, such as a full disk under
// Stdout: neither the KMS nor the reader had a part in it.
func isOwn(err error) bool {
	_, remote := status.FromError(err)
	return !remote && !errors.Is(err, enroll.ErrNoCardCame) && enroll.ReasonOf(err) == badgekmsv1.Reason_REASON_INTERNAL && !isRefusal(err)
}

func isRefusal(err error) bool {
	var refusal *enroll.Refusal
	return errors.As(err, &refusal)
}

// explain says on Stderr what went wrong, and with --json also on Stdout.
func (p *Program) explain(ctx context.Context, command *cobra.Command, err error) {
	var usage *UsageError
	var verdict Verdict
	l := p.Language
	switch {
	case errors.As(err, &verdict):
	case errors.As(err, &usage):
		p.Tell(l.Say(text.UsageError, err.Error()))
		p.Tell(l.Say(text.SeeHelp, command.CommandPath()))
	case ctx.Err() != nil:
		p.Tell(l.Say(text.Interrupted))
	default:
		p.explainFailure(err)
	}
}

// failureJSON is version 1 of a failure in JSON.
type failureJSON struct {
	V            int    `json:"v"`
	Verdict      string `json:"verdict"`
	Reason       string `json:"reason,omitempty"`
	Text         string `json:"text"`
	Cure         string `json:"cure,omitempty"`
	Conversation string `json:"conversation,omitempty"`
	Detail       string `json:"detail,omitempty"`
}

func (p *Program) explainFailure(err error) {
	f := p.failure(err)
	p.Say(text.FailureHead, capital(p.Language.Verdict(verdictOf(err))), f.Text)
	if f.Cure != "" {
		p.Tell(p.Language.Say(text.ToDo, f.Cure))
	}
	if f.Detail != "" {
		p.Tell(p.Language.Say(text.Details, f.Detail))
	}
	if !p.Settings.JSON {
		return
	}
	if err := json.NewEncoder(p.Options.Stdout).Encode(f); err != nil {
		p.Tell(err.Error())
	}
}

// failure is err in the words of the user's language.
func (p *Program) failure(err error) failureJSON {
	f := failureJSON{V: 1, Verdict: reason.VerdictName(verdictOf(err))}
	if f.Verdict == "" {
		f.Verdict = "failed"
	}
	if errors.Is(err, enroll.ErrNoCardCame) {
		f.Text = p.Language.Say(text.NoCardCame)
		return f
	}
	if isOwn(err) && !errors.Is(err, ErrIdentity) {
		f.Text = err.Error()
		return f
	}
	r := enroll.ReasonOf(err)
	if errors.Is(err, ErrIdentity) {
		r = badgekmsv1.Reason_REASON_CERTIFICATE_INVALID
	}
	entry := p.Language.Reason(r)
	f.Reason, f.Text, f.Cure = reason.Name(r), entry.Text, entry.Cure
	var refusal *enroll.Refusal
	if errors.As(err, &refusal) {
		f.Conversation = refusal.Outcome.GetConversation()
	}
	f.Detail = err.Error()
	return f
}

// Say writes a sentence on Stderr.
func (p *Program) Say(m text.Message, args ...any) { p.Tell(p.Language.Say(m, args...)) }
