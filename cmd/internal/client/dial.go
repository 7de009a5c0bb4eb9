package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

// The connection's times. A door must not wait long for a KMS that is back,
// and a connection must not die unseen behind a firewall.
const (
	firstRetry     = 200 * time.Millisecond
	longestRetry   = 3 * time.Second
	connectTimeout = 3 * time.Second
	pingEvery      = 30 * time.Second
	pingTimeout    = 5 * time.Second
)

// ErrIdentity is wrapped by the errors about certificates.
var ErrIdentity = errors.New("certificate")

// Dial prepares a connection to the KMS by mutual TLS 1.3. It does not wait
// for the KMS; it reads the files, and reports what is wrong with them. The
// certificate is read anew for each connection, so a renewed one is taken up.
func Dial(s Settings) (*grpc.ClientConn, error) {
	config, _, err := tlsConfig(s)
	if err != nil {
		return nil, err
	}
	retry := backoff.Config{BaseDelay: firstRetry, Multiplier: 1.6, Jitter: 0.2, MaxDelay: longestRetry}
	conn, err := grpc.NewClient(s.KMS,
		grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: retry, MinConnectTimeout: connectTimeout}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingEvery, Timeout: pingTimeout, PermitWithoutStream: true}),
		grpc.WithIdleTimeout(0))
	if err != nil {
		return nil, &UsageError{Err: fmt.Errorf("--kms %q: %w", s.KMS, err)}
	}
	conn.Connect()
	return conn, nil
}

// Identity is the SPIFFE ID of this program's own certificate, after the same
// checks as Dial makes.
func Identity(s Settings) (string, error) {
	_, own, err := tlsConfig(s)
	return own, err
}

// tlsConfig reads the files. The server's name is not a DNS name but a SPIFFE
// ID, so verifyServer takes the place of the standard check.
func tlsConfig(s Settings) (*tls.Config, string, error) {
	pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
	if err != nil {
		return nil, "", fmt.Errorf("%w: --cert %s, --key %s: %w", ErrIdentity, s.Cert, s.Key, err)
	}
	own, err := spiffeID(pair.Leaf)
	if err != nil {
		return nil, "", fmt.Errorf("%w: --cert %s: %w", ErrIdentity, s.Cert, err)
	}
	if now := time.Now(); now.After(pair.Leaf.NotAfter) {
		return nil, "", fmt.Errorf("%w: --cert %s: it expired on %s", ErrIdentity, s.Cert, pair.Leaf.NotAfter.Format(time.RFC3339))
	}
	roots, err := loadRoots(s.CA)
	if err != nil {
		return nil, "", err
	}
	domain := s.TrustDomain
	if domain == "" {
		domain = own.Host
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // replaced by VerifyConnection
		VerifyConnection:   func(state tls.ConnectionState) error { return verifyServer(state, roots, domain, time.Now()) },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			renewed, err := tls.LoadX509KeyPair(s.Cert, s.Key)
			return &renewed, err
		},
	}, own.String(), nil
}

func loadRoots(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: --ca: %w", ErrIdentity, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%w: --ca %s: no PEM certificate in it", ErrIdentity, path)
	}
	return roots, nil
}

// verifyServer accepts a server whose certificate chains to roots, is meant
// for servers, and names exactly one identity: spiffe://<domain>/kms/<name>.
func verifyServer(state tls.ConnectionState, roots *x509.CertPool, domain string, now time.Time) error {
	if len(state.PeerCertificates) == 0 {
		return fmt.Errorf("%w: the server shows none", ErrIdentity)
	}
	leaf, chain := state.PeerCertificates[0], x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		chain.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: chain, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if err != nil {
		return fmt.Errorf("%w of the server: %w", ErrIdentity, err)
	}
	id, err := spiffeID(leaf)
	if err != nil {
		return fmt.Errorf("%w of the server: %w", ErrIdentity, err)
	}
	name, isKMS := strings.CutPrefix(id.Path, "/kms/")
	if id.Host != domain || !isKMS || name == "" || strings.Contains(name, "/") {
		return fmt.Errorf("%w of the server: it is %s, want spiffe://%s/kms/<name>", ErrIdentity, id, domain)
	}
	return nil
}

// spiffeID is the one URI of a certificate, which must be a SPIFFE ID
// (X.509-SVID §2).
func spiffeID(c *x509.Certificate) (*url.URL, error) {
	if len(c.URIs) != 1 || c.URIs[0].Scheme != "spiffe" || c.URIs[0].Host == "" {
		return nil, fmt.Errorf("it names %d URIs where one SPIFFE ID, spiffe://<trust-domain>/<role>/<name>, is needed", len(c.URIs))
	}
	return c.URIs[0], nil
}
