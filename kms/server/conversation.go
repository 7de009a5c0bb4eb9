package server

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"badgekms/kms/audit"
	"badgekms/kms/authz"
	"badgekms/kms/pki"
	"badgekms/kms/procedure"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/relay"
)

// conversations serves ConversationService.
type conversations struct {
	badgekmsv1.UnsafeConversationServiceServer
	Options
	refusals *refusals
}

// GetScript implements the method of the API.
func (s *conversations) GetScript(ctx context.Context, r *badgekmsv1.GetScriptRequest) (*badgekmsv1.GetScriptResponse, error) {
	id, err := authz.FromContext(ctx)
	if err != nil {
		return nil, err
	}
	script, err := s.script(ctx, id, r.GetProcedure())
	if err != nil {
		return nil, err
	}
	return &badgekmsv1.GetScriptResponse{Script: scriptMessage(script)}, nil
}

// script finds the opening script of a procedure that the caller may run, or
// records that it may not.
func (s *conversations) script(ctx context.Context, id pki.Identity, p badgekmsv1.Procedure) (procedure.Script, error) {
	script, ok := s.Engine.Script(p)
	if !ok {
		return script, reason.New(badgekmsv1.Reason_REASON_MESSAGE_INVALID, "procedure %d is not known to this KMS", p)
	}
	name := strings.ToLower(strings.TrimPrefix(p.String(), "PROCEDURE_"))
	if err := s.Procedures.Check(id, name); err != nil {
		err = reason.Wrap(err, badgekmsv1.Reason_REASON_PERMISSION_DENIED, "role %s may not %s", id.Role, name)
		return script, s.refusals.refuse(ctx, id, name, "procedure", err)
	}
	return script, nil
}

func scriptMessage(s procedure.Script) *badgekmsv1.Script {
	m := &badgekmsv1.Script{Version: s.Version}
	for _, c := range s.Commands {
		m.Commands = append(m.Commands, &badgekmsv1.Command{Apdu: c.APDU, ExpectedSw: uint32(c.Expect)})
	}
	return m
}

// Converse implements the method of the API: one conversation.
func (s *conversations) Converse(stream badgekmsv1.ConversationService_ConverseServer) error {
	started := s.Now()
	id, err := authz.FromContext(stream.Context())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(stream.Context(), s.limit(id.Role))
	defer cancel()
	remote := relay.NewRemote(stream, relay.Options{Silence: s.Silence, Log: s.Log})
	open, err := remote.Open(ctx)
	if err != nil {
		return err
	}
	c, err := s.conversation(ctx, id, open, remote)
	if err != nil {
		return err
	}
	defer s.Live.begin(c.ID)()
	outcome, err := s.run(ctx, c, open)
	if errors.Is(err, relay.ErrProtocol) {
		return err
	}
	s.Log.Log(ctx, level(outcome.GetReason()), "conversation", "id", c.ID, "procedure", open.GetProcedure().String(), "peer", id.String(),
		"reader", open.GetReader(), "verdict", outcome.GetVerdict().String(), "reason", reason.Name(outcome.GetReason()),
		"badge", outcome.GetBadgeId(), "cause", err)
	outcome.Conversation = c.ID
	outcome.DecidedAt = timestamppb.New(s.Now())
	outcome.RoundTrips = uint32(remote.RoundTrips())
	outcome.KmsMicroseconds = uint64((s.Now().Sub(started) - remote.Waited()).Microseconds())
	return remote.Conclude(outcome)
}

func (s *conversations) limit(r pki.Role) time.Duration {
	if r == pki.Terminal {
		return s.Terminal
	}
	return s.Station
}

// conversation checks the opening and makes a Conversation of it.
func (s *conversations) conversation(ctx context.Context, id pki.Identity, open *badgekmsv1.Open, remote *relay.Remote) (procedure.Conversation, error) {
	script, err := s.script(ctx, id, open.GetProcedure())
	if err != nil {
		return procedure.Conversation{}, err
	}
	if open.GetScriptVersion() != script.Version {
		return procedure.Conversation{}, relay.NewScriptStale(scriptMessage(script))
	}
	opening, err := openingResponses(script, open.GetScriptResponses())
	if err != nil {
		return procedure.Conversation{}, err
	}
	switch len(open.GetUid()) {
	case 4, 7, 10:
	default:
		return procedure.Conversation{}, reason.New(badgekmsv1.Reason_REASON_MESSAGE_INVALID, "Open.uid has %d bytes, want 4, 7 or 10", len(open.GetUid()))
	}
	conversationID, err := registry.NewID(s.Now(), rand.Reader)
	return procedure.Conversation{
		ID: conversationID, Actor: audit.Actor{Workload: id.String(), Station: id.Name},
		RequestID: open.GetRequestId(), UID: open.GetUid(), Card: remote, Opening: opening,
		// A caller that is gone is found out by the next Run.
		Progress: func(step, of int, stage badgekmsv1.Stage) { _ = remote.Progress(step, of, stage) },
	}, err
}

// openingResponses reads the answers to the opening script and applies the
// stop rule to them.
func openingResponses(script procedure.Script, raw [][]byte) ([]reader.Response, error) {
	if len(raw) > len(script.Commands) {
		return nil, reason.New(badgekmsv1.Reason_REASON_MESSAGE_INVALID, "Open.script_responses has %d entries for a script of %d commands", len(raw), len(script.Commands))
	}
	var responses []reader.Response
	for i, b := range raw {
		r, err := reader.ParseResponse(b)
		if err != nil {
			return nil, reason.New(badgekmsv1.Reason_REASON_MESSAGE_INVALID, "Open.script_responses[%d]: %v", i, err)
		}
		responses = append(responses, r)
		if r.SW != script.Commands[i].Expect {
			break
		}
	}
	return responses, nil
}

// run runs the procedure. Its error is already told in the outcome.
func (s *conversations) run(ctx context.Context, c procedure.Conversation, open *badgekmsv1.Open) (*badgekmsv1.Outcome, error) {
	switch open.GetProcedure() {
	case badgekmsv1.Procedure_PROCEDURE_AUTHENTICATE:
		tap, err := s.Engine.Authenticate(ctx, c)
		return tapOutcome(tap, err), err
	case badgekmsv1.Procedure_PROCEDURE_PROVISION:
		p, err := s.Engine.Provision(ctx, c, procedure.ProvisionRequest{HolderID: open.GetProvision().GetHolderId()})
		return provisionOutcome(p, err), err
	default:
		i, err := s.Engine.Inspect(ctx, c)
		return inspectOutcome(i, err), err
	}
}
