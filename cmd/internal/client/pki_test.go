package client

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"badgekms/kms/pki"
)

// leaf writes what the establishment's CA issues and names the files.
func leaf(t *testing.T, ca *pki.CA, dir string, role pki.Role, name string, hosts ...string) pki.Files {
	l, err := ca.Issue(role, name, hosts, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := l.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "ca.crt")
	if err := os.WriteFile(root, ca.CertPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return pki.Files{Cert: cert, Key: key, CA: root, TrustDomain: ca.TrustDomain()}
}

// TestOurCA: a station with a certificate of `kmsctl pki issue` speaks to a
// KMS with the KMS's own TLS.
func TestOurCA(t *testing.T) {
	dir := t.TempDir()
	ca, err := pki.Init(filepath.Join(dir, "ca"), "hospital.example", pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server, err := pki.Load(leaf(t, ca, dir, pki.KMS, "kms-1", "127.0.0.1"), time.Now, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	config, err := pki.ServerTLS(server)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	healthv1.RegisterHealthServer(s, health.NewServer())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(s.Stop)
	own := leaf(t, ca, dir, pki.Station, "desk-1")
	conn, err := Dial(Settings{KMS: listener.Addr().String(), Cert: own.Cert, Key: own.Key, CA: own.CA})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
}
