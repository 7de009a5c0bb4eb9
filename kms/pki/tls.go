package pki

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// Credentials are the loaded files of one peer. They are read again at the next
// handshake after one of them changed; if the new ones do not pass the checks
// of Load, the old ones stay in use and the reason is reported. Safe for concurrent use.
type Credentials struct {
	files  Files
	now    func() time.Time
	report func(error)

	mu      sync.Mutex
	current *loaded
	stamp   stamp
}

// stamp tells one state of the three files from another.
type stamp [3]struct {
	size     int64
	modified time.Time
}

// Load reads and checks the files. The error says which file is wrong, how, and
// what to do: ErrExpired, ErrNotYetValid, ErrWrongCA, ErrKeyMismatch,
// ErrWrongUse, ErrReadable, ErrIdentity, or one of reading. now is time.Now
// except in tests. report is told of each later attempt to read changed files
// again, nil for a success; it may be called by several goroutines, one at a
// time, and must not use the credentials.
func Load(files Files, now func() time.Time, report func(error)) (*Credentials, error) {
	c := &Credentials{files: files, now: now, report: report}
	c.stamp = files.stamp()
	current, err := files.load(now())
	if err != nil {
		return nil, err
	}
	c.current = current
	return c, nil
}

// Identity is the peer's own.
func (c *Credentials) Identity() Identity { return c.fresh().identity }

// NotAfter is when the certificate in use ends.
func (c *Credentials) NotAfter() time.Time { return c.fresh().pair.Leaf.NotAfter }

// fresh gives the credentials in use, after another look at the files.
func (c *Credentials) fresh() *loaded {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.files.stamp()
	if now == c.stamp {
		return c.current
	}
	c.stamp = now
	next, err := c.files.load(c.now())
	if err == nil && next.identity != c.current.identity {
		err = fmt.Errorf("%w: %s became %s: restart to change identity", ErrIdentity, c.current.identity, next.identity)
	}
	if err != nil {
		c.report(fmt.Errorf("certificate files changed, the old ones stay in use: %w", err))
		return c.current
	}
	c.current = next
	c.report(nil)
	return next
}

// stamp looks at the files. One that is missing has the zero stamp.
func (f Files) stamp() stamp {
	var s stamp
	for i, path := range []string{f.Cert, f.Key, f.CA} {
		if info, err := os.Stat(path); err == nil {
			s[i].size, s[i].modified = info.Size(), info.ModTime()
		}
	}
	return s
}

// alpnHTTP2 is the protocol of gRPC (RFC 9113 §3.3).
const alpnHTTP2 = "h2"

// ServerTLS is the configuration of a server: TLS 1.3, and only clients whose
// certificate is of our CA and trust domain, in a client's role. The
// credentials are of the role KMS.
func ServerTLS(c *Credentials) (*tls.Config, error) {
	if id := c.Identity(); id.Role != KMS {
		return nil, fmt.Errorf("%w: a server needs a certificate of role kms, %s is that of %s", ErrWrongUse, c.files.Cert, id)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{alpnHTTP2},
		Time:       c.now,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return c.serverConfig(), nil
		},
	}, nil
}

// serverConfig is made for each handshake, from the files as they are then.
func (c *Credentials) serverConfig() *tls.Config {
	current := c.fresh()
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		NextProtos:   []string{alpnHTTP2},
		Time:         c.now,
		Certificates: []tls.Certificate{current.pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    current.roots,
		// A resumed session would skip a CA file that changed meanwhile.
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			id, err := PeerIdentity(state, c.files.TrustDomain)
			if err == nil && id.Role == KMS {
				err = fmt.Errorf("%w: %s is not a client", ErrIdentity, id)
			}
			return err
		},
	}
}

// ClientTLS is the configuration of a client: TLS 1.3, and only a server whose
// certificate is of our CA, for the host that was dialled, and of role kms in
// our trust domain. The credentials are of any other role. The client's own
// certificate is renewed without a restart, its CA file is not.
func ClientTLS(c *Credentials) (*tls.Config, error) {
	current := c.fresh()
	if current.identity.Role == KMS {
		return nil, fmt.Errorf("%w: %s is the server's certificate, a client needs its own", ErrWrongUse, c.files.Cert)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{alpnHTTP2},
		Time:       c.now,
		RootCAs:    current.roots,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair := c.fresh().pair
			return &pair, nil
		},
		VerifyConnection: func(state tls.ConnectionState) error {
			id, err := PeerIdentity(state, c.files.TrustDomain)
			if err == nil && id.Role != KMS {
				err = fmt.Errorf("%w: the server showed the certificate of %s, not of a kms", ErrIdentity, id)
			}
			return err
		},
	}, nil
}
