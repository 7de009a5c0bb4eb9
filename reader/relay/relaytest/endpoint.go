// Package relaytest stands in, in tests, for what surrounds the reader's end
// of a conversation: an Endpoint is a KMS's gRPC address that can go down and
// come back, a Desk is a set of PC/SC readers on which cards are put.
package relaytest

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

var errDown = errors.New("connection refused: the fake KMS is down")

// Endpoint is an in-memory gRPC address without TLS.
type Endpoint struct {
	register func(*grpc.Server)

	mu       sync.Mutex
	server   *grpc.Server
	listener *bufconn.Listener
}

// Serve starts an endpoint that is up, with the services that register adds,
// until the test ends.
func Serve(t testing.TB, register func(*grpc.Server)) *Endpoint {
	t.Helper()
	e := &Endpoint{register: register}
	e.Start()
	t.Cleanup(e.Stop)
	return e
}

// Start brings the endpoint up.
func (e *Endpoint) Start() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.server, e.listener = grpc.NewServer(), bufconn.Listen(1<<20)
	e.register(e.server)
	server, listener := e.server, e.listener
	go func() { _ = server.Serve(listener) }()
}

// Stop takes the endpoint down and breaks its connections.
func (e *Endpoint) Stop() {
	e.mu.Lock()
	server := e.server
	e.server, e.listener = nil, nil
	e.mu.Unlock()
	if server != nil {
		server.Stop()
	}
}

// Dial returns a client of the endpoint, closed when the test ends. It tries a
// lost connection again after 10 ms.
func (e *Endpoint) Dial(t testing.TB) *grpc.ClientConn {
	t.Helper()
	quick := backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1, MaxDelay: 10 * time.Millisecond}
	conn, err := grpc.NewClient("passthrough:///kms",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: quick, MinConnectTimeout: time.Second}),
		grpc.WithContextDialer(e.connect))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (e *Endpoint) connect(ctx context.Context, _ string) (net.Conn, error) {
	e.mu.Lock()
	listener := e.listener
	e.mu.Unlock()
	if listener == nil {
		return nil, errDown
	}
	return listener.DialContext(ctx)
}
