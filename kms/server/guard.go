package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"badgekms/kms/audit"
	"badgekms/kms/authz"
	"badgekms/kms/pki"
	"badgekms/kms/reason"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// guard stands before every call: who is it, may they, is there a deadline. A
// refusal is recorded, so it sits outside authorisation. What a handler
// returns is mapped to a status on the way out.
type guard struct {
	trustDomain string
	methods     *authz.Table
	refusals    *refusals
	log         *slog.Logger
}

func (g *guard) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	defer g.leave(ctx, info.FullMethod, &err)
	ctx, err = g.enter(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return handle(ctx, req)
}

func (g *guard) stream(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	defer g.leave(s.Context(), info.FullMethod, &err)
	ctx, err := g.enter(s.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return handle(srv, &identified{s, ctx})
}

// identified is a stream whose context carries the caller's identity.
type identified struct {
	grpc.ServerStream
	ctx context.Context
}

func (i *identified) Context() context.Context { return i.ctx }

// enter admits a call or records why not.
func (g *guard) enter(ctx context.Context, method string) (context.Context, error) {
	id, err := g.identity(ctx)
	if err != nil {
		return nil, g.refuse(ctx, pki.Identity{}, method, reason.Wrap(err, badgekmsv1.Reason_REASON_CERTIFICATE_INVALID, "the client certificate names no identity of this establishment"))
	}
	if err := g.methods.Check(id, method); err != nil {
		return nil, g.refuse(ctx, id, method, reason.Wrap(err, badgekmsv1.Reason_REASON_PERMISSION_DENIED, "role %s may not call %s", id.Role, method))
	}
	if _, ok := ctx.Deadline(); !ok && strings.HasPrefix(method, "/badgekms.v1.") {
		return nil, reason.New(badgekmsv1.Reason_REASON_DEADLINE_MISSING, "%s needs a deadline", method)
	}
	return authz.WithIdentity(ctx, id), nil
}

func (g *guard) identity(ctx context.Context) (pki.Identity, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return pki.Identity{}, authz.ErrUnauthenticated
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return pki.Identity{}, authz.ErrUnauthenticated
	}
	return pki.PeerIdentity(info.State, g.trustDomain)
}

// refuse records a refusal. One that cannot be recorded is still a refusal.
func (g *guard) refuse(ctx context.Context, id pki.Identity, method string, err error) error {
	who := ""
	if id != (pki.Identity{}) {
		who = id.String()
	}
	r := audit.Record{
		Action: "call.refuse", Outcome: audit.Refused, Reason: reason.Name(reason.Of(err)),
		Actor: audit.Actor{Workload: who}, Details: map[string]string{"method": method},
	}
	if failed := g.refusals.note(ctx, r); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

// leave turns a panic into an error, logs, and maps the error for the wire.
func (g *guard) leave(ctx context.Context, method string, err *error) {
	if p := recover(); p != nil {
		g.log.ErrorContext(ctx, "panic in a call", "method", method, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		*err = reason.New(badgekmsv1.Reason_REASON_INTERNAL, "a fault of the KMS; see its log")
	}
	if *err == nil {
		return
	}
	level := slog.LevelInfo
	if reason.Of(*err) == badgekmsv1.Reason_REASON_INTERNAL {
		level = slog.LevelError
	}
	g.log.Log(ctx, level, "call failed", "method", method, "error", *err)
	*err = statusOf(*err)
}
