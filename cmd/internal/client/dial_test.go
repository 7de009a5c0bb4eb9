package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// ca is a root made by the standard library, not by ours.
type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCA(t *testing.T) *ca {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &ca{cert: cert, key: key}
}

// issue makes a certificate for both sides of TLS; change may alter it.
func (c *ca) issue(t *testing.T, id string, change func(*x509.Certificate)) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	uri, err := url.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), URIs: []*url.URL{uri}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, key.Public(), c.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func write(t *testing.T, path, kind string, der []byte) string {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// files writes what the settings name.
func files(t *testing.T, own tls.Certificate, root *ca) Settings {
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return Settings{
		Cert: write(t, filepath.Join(dir, "own.pem"), "CERTIFICATE", own.Certificate[0]),
		Key:  write(t, filepath.Join(dir, "own.key"), "PRIVATE KEY", key),
		CA:   write(t, filepath.Join(dir, "ca.pem"), "CERTIFICATE", root.cert.Raw),
	}
}

// serve is a gRPC server over TLS that demands a certificate of root.
func serve(t *testing.T, cert tls.Certificate, root *ca) string {
	roots := x509.NewCertPool()
	roots.AddCert(root.cert)
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{cert},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots, MinVersion: tls.VersionTLS13})))
	healthv1.RegisterHealthServer(s, health.NewServer())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(s.Stop)
	return listener.Addr().String()
}

const door = "spiffe://hospital.example/terminal/door-1"

// TestServerIdentity connects to servers with all kinds of certificates; only
// a KMS of the trust domain is spoken to.
func TestServerIdentity(t *testing.T) {
	root, other := newCA(t), newCA(t)
	tests := map[string]struct {
		server tls.Certificate
		domain string
		says   string // "" means that the call succeeds
	}{
		"a KMS":                   {root.issue(t, "spiffe://hospital.example/kms/kms-1", nil), "", ""},
		"a KMS, domain given":     {root.issue(t, "spiffe://hospital.example/kms/kms-1", nil), "hospital.example", ""},
		"another domain expected": {root.issue(t, "spiffe://hospital.example/kms/kms-1", nil), "clinic.example", "want spiffe://clinic.example/kms/"},
		"another domain":          {root.issue(t, "spiffe://clinic.example/kms/kms-1", nil), "", "want spiffe://hospital.example/kms/"},
		"a terminal":              {root.issue(t, "spiffe://hospital.example/terminal/door-2", nil), "", "want spiffe://"},
		"no name":                 {root.issue(t, "spiffe://hospital.example/kms/", nil), "", "want spiffe://"},
		"a deeper path":           {root.issue(t, "spiffe://hospital.example/kms/a/b", nil), "", "want spiffe://"},
		"another CA":              {other.issue(t, "spiffe://hospital.example/kms/kms-1", nil), "", "unknown authority"},
		"a DNS name only": {root.issue(t, "x:", func(c *x509.Certificate) {
			c.URIs, c.DNSNames = nil, []string{"kms.hospital.example"}
		}), "", "0 URIs"},
		"two identities": {root.issue(t, "spiffe://hospital.example/kms/kms-1", func(c *x509.Certificate) {
			c.URIs = append(c.URIs, &url.URL{Scheme: "spiffe", Host: "hospital.example", Path: "/kms/2"})
		}), "", "2 URIs"},
		"a client's certificate": {root.issue(t, "spiffe://hospital.example/kms/kms-1", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), "", "incompatible key usage"},
		"expired": {root.issue(t, "spiffe://hospital.example/kms/kms-1", func(c *x509.Certificate) {
			c.NotAfter = time.Now().Add(-time.Minute)
		}), "", "expired"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := files(t, root.issue(t, door, nil), root)
			s.KMS, s.TrustDomain = serve(t, test.server, root), test.domain
			conn, err := Dial(s)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err = healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
			if test.says == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want Unavailable with %q", err, test.says)
			}
		})
	}
}

func TestOwnFiles(t *testing.T) {
	root := newCA(t)
	good := files(t, root.issue(t, door, nil), root)
	expired := files(t, root.issue(t, door, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), root)
	nameless := files(t, root.issue(t, "x:", func(c *x509.Certificate) { c.URIs = nil }), root)
	tests := map[string]struct {
		settings Settings
		says     string
	}{
		"good":          {good, ""},
		"expired":       {expired, "expired on"},
		"no identity":   {nameless, "SPIFFE"},
		"missing":       {Settings{Cert: "/nonexistent.pem", Key: good.Key, CA: good.CA}, "nonexistent"},
		"another's key": {Settings{Cert: good.Cert, Key: expired.Key, CA: good.CA}, "private key"},
		"no CA":         {Settings{Cert: good.Cert, Key: good.Key, CA: good.Key}, "no PEM certificate"},
		"CA missing":    {Settings{Cert: good.Cert, Key: good.Key, CA: "/nonexistent.pem"}, "nonexistent"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			own, err := Identity(test.settings)
			if test.says == "" {
				if err != nil || own != door {
					t.Errorf("%q, %v", own, err)
				}
				return
			}
			if !errors.Is(err, ErrIdentity) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, want ErrIdentity with %q", err, test.says)
			}
			if exitCode(err) != ExitFailed {
				t.Errorf("exit code %d", exitCode(err))
			}
		})
	}
}
