// Package server is the KMS's gRPC face (badgekms.v1 over HTTP/2 and TLS 1.3
// with client certificates; there is no plaintext listener). It adapts calls
// to procedures and services and holds no logic of its own: identity,
// authorisation, records of refusals, deadlines and the mapping of errors to
// google.rpc.Status are interceptors.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"badgekms/kms/authz"
	"badgekms/kms/domain"
	"badgekms/kms/office"
	"badgekms/kms/procedure"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// Options is what a Server works with. All fields but Reflection are needed.
type Options struct {
	TLS         *tls.Config
	TrustDomain string
	Methods     *authz.Table
	Procedures  *authz.Table
	Engine      *procedure.Engine
	Live        *Live
	Domains     *domain.Service
	Office      *office.Office
	Store       registry.Store
	Audit       registry.AuditTree
	// Terminal and Station bound a conversation, Silence the wait for each
	// message in it.
	Terminal, Station, Silence time.Duration
	Reflection                 bool
	Log                        *slog.Logger
	Now                        func() time.Time
}

// maxMessage bounds a message in bytes: a run's 16 KiB and its framing.
const maxMessage = 64 << 10

// Server serves the API.
type Server struct {
	grpc     *grpc.Server
	health   *health.Server
	refusals *refusals
	services []string
	stopping context.CancelFunc
}

// New makes a server; nothing listens yet.
func New(o Options) *Server {
	s := &Server{health: health.NewServer(), refusals: newRefusals(o.Store, o.Now)}
	stopping, stop := context.WithCancel(context.Background())
	s.stopping = stop
	g := &guard{trustDomain: o.TrustDomain, methods: o.Methods, refusals: s.refusals, log: o.Log, stopping: stopping}
	s.grpc = grpc.NewServer(
		grpc.Creds(&handshakes{credentials.NewTLS(o.TLS), s.refusals, o.Log}),
		grpc.ChainUnaryInterceptor(g.unary),
		grpc.ChainStreamInterceptor(g.stream),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 20 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 30 * time.Minute, MaxConnectionAgeGrace: 2 * time.Minute}),
	)
	badgekmsv1.RegisterConversationServiceServer(s.grpc, &conversations{Options: o, refusals: s.refusals})
	badgekmsv1.RegisterDomainServiceServer(s.grpc, &domains{service: o.Domains})
	badgekmsv1.RegisterHolderServiceServer(s.grpc, &holders{office: o.Office})
	badgekmsv1.RegisterBadgeServiceServer(s.grpc, &badges{office: o.Office})
	badgekmsv1.RegisterAuditServiceServer(s.grpc, &auditLog{tree: o.Audit})
	healthv1.RegisterHealthServer(s.grpc, s.health)
	for name := range s.grpc.GetServiceInfo() {
		s.services = append(s.services, name)
	}
	if o.Reflection {
		reflection.Register(s.grpc)
	}
	s.SetReady(false)
	return s
}

// Services lists what is served, for the test that compares it with the table
// of authorisations.
func (s *Server) Services() map[string]grpc.ServiceInfo { return s.grpc.GetServiceInfo() }

// SetReady tells health clients whether badges can be served.
func (s *Server) SetReady(ready bool) {
	status := healthv1.HealthCheckResponse_NOT_SERVING
	if ready {
		status = healthv1.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", status)
	for _, name := range s.services {
		s.health.SetServingStatus(name, status)
	}
}

// Serve answers calls until Stop, and is then no failure, even if Stop came
// first.
func (s *Server) Serve(l net.Listener) error {
	if err := s.grpc.Serve(l); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// Stop lets the calls under way end, until ctx does; then it cuts them. What
// was refused and not yet recorded is recorded.
func (s *Server) Stop(ctx context.Context) error {
	s.health.Shutdown()
	s.stopping()
	done := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.grpc.Stop()
		<-done
	}
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return s.refusals.flush(flush)
}

// Housekeep records refusals that were only counted; call it now and then.
func (s *Server) Housekeep(ctx context.Context) error { return s.refusals.flush(ctx) }
