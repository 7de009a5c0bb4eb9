package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// What can be wrong with the files of a peer, to be tested with errors.Is.
var (
	ErrExpired     = errors.New("certificate expired")
	ErrNotYetValid = errors.New("certificate not valid yet")
	ErrWrongCA     = errors.New("certificate of another CA")
	ErrKeyMismatch = errors.New("the private key does not belong to the certificate")
	ErrWrongUse    = errors.New("certificate not made for this use")
)

// Files are the PEM files of one peer and the trust domain it belongs to.
type Files struct {
	Cert string // the peer's certificate, followed by intermediate CAs if any
	Key  string // its private key, PKCS #8, not readable by others
	CA   string // the CA whose certificates the other side must show, and that signed Cert
	// TrustDomain is the only one accepted, on both sides.
	TrustDomain string
}

// loaded is what Files held when they were last read.
type loaded struct {
	identity Identity
	pair     tls.Certificate
	roots    *x509.CertPool
}

// load reads the files and checks everything that can be checked without the
// other side, so that a mistake shows at start with its cure and not as a
// failed handshake.
func (f Files) load(now time.Time) (*loaded, error) {
	if err := CheckTrustDomain(f.TrustDomain); err != nil {
		return nil, err
	}
	authorities, err := readCertificates(f.CA)
	if err != nil {
		return nil, fmt.Errorf("CA certificate: %w", err)
	}
	chain, err := readCertificates(f.Cert)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	key, err := readKey(f.Key, nil)
	if err != nil {
		return nil, fmt.Errorf("private key: %w", err)
	}
	leaf := chain[0]
	if !samePublicKey(leaf.PublicKey, key) {
		return nil, fmt.Errorf("%s and %s: %w: issue them again together", f.Cert, f.Key, ErrKeyMismatch)
	}
	l := &loaded{roots: x509.NewCertPool(), pair: tls.Certificate{PrivateKey: key, Leaf: leaf}}
	for _, a := range authorities {
		if !a.IsCA {
			return nil, fmt.Errorf("%s: %w: %q is not a CA", f.CA, ErrWrongUse, a.Subject.CommonName)
		}
		l.roots.AddCert(a)
	}
	for _, c := range chain {
		l.pair.Certificate = append(l.pair.Certificate, c.Raw)
	}
	if l.identity, err = f.check(chain, l.roots, now); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Cert, err)
	}
	return l, nil
}

// check verifies the peer's own certificate as the other side will.
func (f Files) check(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) (Identity, error) {
	leaf := chain[0]
	if now.After(leaf.NotAfter) {
		return Identity{}, fmt.Errorf("%w on %s: issue a new one", ErrExpired, day(leaf.NotAfter))
	}
	if now.Before(leaf.NotBefore) {
		return Identity{}, fmt.Errorf("%w: it begins on %s: check this machine's clock", ErrNotYetValid, leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	id, err := ParseIdentity(leaf)
	if err != nil {
		return Identity{}, err
	}
	if err := id.checkDomain(f.TrustDomain); err != nil {
		return Identity{}, err
	}
	use := x509.ExtKeyUsageClientAuth
	if id.Role == KMS {
		use = x509.ExtKeyUsageServerAuth
	}
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	_, err = leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{use},
	})
	return id, explain(err, f.CA)
}

// explain turns an error of crypto/x509 into one of ours, with its cure.
func explain(err error, caPath string) error {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown):
		return fmt.Errorf("%w than that of %s: use the ca.crt of the CA that issued it", ErrWrongCA, caPath)
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return fmt.Errorf("%w: a client needs client authentication, the server server authentication: %w", ErrWrongUse, err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("%w: that of its CA, %s: %w", ErrExpired, caPath, err)
	}
	return fmt.Errorf("verify against %s: %w", caPath, err)
}

func samePublicKey(public any, key crypto.Signer) bool {
	p, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && p.Equal(public)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
