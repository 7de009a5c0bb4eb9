package server

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

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
	// stopping ends the streams of gRPC's own services (Health.Watch), which
	// have no end of their own: a graceful stop would wait for them.
	stopping context.Context
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
	if !isOurs(info.FullMethod) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(g.stopping, cancel)()
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
		err = reason.Wrap(err, badgekmsv1.Reason_REASON_CERTIFICATE_INVALID, "the client certificate names no identity of this establishment")
		return nil, g.refusals.refuse(ctx, pki.Identity{}, method, "method", err)
	}
	if err := g.methods.Check(id, method); err != nil {
		err = reason.Wrap(err, badgekmsv1.Reason_REASON_PERMISSION_DENIED, "role %s may not call %s", id.Role, method)
		return nil, g.refusals.refuse(ctx, id, method, "method", err)
	}
	if _, ok := ctx.Deadline(); !ok && isOurs(method) {
		return nil, reason.New(badgekmsv1.Reason_REASON_DEADLINE_MISSING, "%s needs a deadline", method)
	}
	return authz.WithIdentity(ctx, id), nil
}

// isOurs tells the methods of the API from those of gRPC's own services.
func isOurs(method string) bool { return strings.HasPrefix(method, "/badgekms.v1.") }

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

// leave turns a panic into an error, logs, and maps the error for the wire.
func (g *guard) leave(ctx context.Context, method string, err *error) {
	if p := recover(); p != nil {
		g.log.ErrorContext(ctx, "panic in a call", "method", method, "panic", fmt.Sprint(p), "stack", stack())
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

// stack tells where a panic was raised: functions and lines. What the runtime
// itself prints (debug.Stack) has their arguments too, which may be keys.
func stack() []string {
	const skip, most = 3, 64 // runtime.Callers, stack, leave
	callers := make([]uintptr, most)
	frames := runtime.CallersFrames(callers[:runtime.Callers(skip, callers)])
	var lines []string
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		lines = append(lines, fmt.Sprintf("%s %s:%d", f.Function, filepath.Base(f.File), f.Line))
	}
	return lines
}
