package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// ErrRequest is wrapped by the error for a certificate that the CA does not
// issue.
var ErrRequest = errors.New("certificate not issued")

// Leaf is a certificate with its private key.
type Leaf struct {
	Identity Identity
	NotAfter time.Time
	CertPEM  []byte
	keyPEM   []byte
}

// Issue draws an ECDSA P-256 key and signs a certificate for it. hosts are the
// DNS names or IP addresses at which clients reach the server: needed for the
// role KMS, refused for any other. A ttl of 0 means LeafLifetime.
func (ca *CA) Issue(role Role, name string, hosts []string, ttl time.Duration) (Leaf, error) {
	id, err := NewIdentity(ca.trustDomain, role, name)
	if err != nil {
		return Leaf{}, err
	}
	template, err := ca.leafTemplate(id, hosts, ttl)
	if err != nil {
		return Leaf{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Leaf{}, fmt.Errorf("draw the key of %s: %w", id, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return Leaf{}, fmt.Errorf("sign the certificate of %s: %w", id, err)
	}
	keyPEM, err := encodeKey(key, nil, ca.random)
	if err != nil {
		return Leaf{}, err
	}
	return Leaf{Identity: id, NotAfter: template.NotAfter, CertPEM: encodeCert(der), keyPEM: keyPEM}, nil
}

func (ca *CA) leafTemplate(id Identity, hosts []string, ttl time.Duration) (*x509.Certificate, error) {
	notAfter, err := ca.end(id, ttl)
	if err != nil {
		return nil, err
	}
	serial, err := newSerial(ca.random)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{OrganizationalUnit: []string{string(id.Role)}, CommonName: id.Name},
		NotBefore:             ca.now().Add(-backdate),
		NotAfter:              notAfter,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		URIs:                  []*url.URL{id.uri()},
	}
	if id.Role == KMS {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		return template, addHosts(template, hosts)
	}
	if len(hosts) > 0 {
		return nil, fmt.Errorf("%w: %s: only the role kms has host names", ErrRequest, id)
	}
	return template, nil
}

// end is when a certificate of this lifetime ends; never after its CA.
func (ca *CA) end(id Identity, ttl time.Duration) (time.Time, error) {
	if ttl == 0 {
		ttl = LeafLifetime
	}
	if ttl < 0 || ttl > MaxLeafLifetime {
		return time.Time{}, fmt.Errorf("%w: %s: lifetime %s: choose up to %s", ErrRequest, id, ttl, MaxLeafLifetime)
	}
	end := ca.now().Add(ttl)
	if end.After(ca.cert.NotAfter) {
		return time.Time{}, fmt.Errorf("%w: %s: the certificate would outlive its CA, which ends on %s: choose a shorter lifetime or make a new CA", ErrRequest, id, day(ca.cert.NotAfter))
	}
	return end, nil
}

func addHosts(template *x509.Certificate, hosts []string) error {
	if len(hosts) == 0 {
		return fmt.Errorf("%w: the server's certificate needs the names or addresses at which clients reach it", ErrRequest)
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if trustDomainForm.MatchString(h) && len(h) <= maxTrustDomain {
			template.DNSNames = append(template.DNSNames, h)
		} else {
			return fmt.Errorf("%w: host %q: use a lower-case DNS name or an IP address, without a port", ErrRequest, h)
		}
	}
	return nil
}

// FileNames are the names of the certificate's and the key's file of an
// identity: <role>-<name>.crt and <role>-<name>.key.
func (id Identity) FileNames() (cert, key string) {
	base := string(id.Role) + "-" + id.Name
	return base + ".crt", base + ".key"
}

// Write writes the files of FileNames into dir, made with mode 0700 if
// missing; the key has mode 0600. If one of them exists it fails with
// fs.ErrExist and writes nothing.
func (l Leaf) Write(dir string) (certPath, keyPath string, err error) {
	certPath, keyPath, err = l.paths(dir)
	if err != nil {
		return "", "", err
	}
	if _, err := os.Lstat(certPath); !errors.Is(err, fs.ErrNotExist) {
		return "", "", fmt.Errorf("%s: %w", certPath, fs.ErrExist)
	}
	if err := create(keyPath, l.keyPEM, keyMode); err != nil {
		return "", "", fmt.Errorf("write the key of %s: %w", l.Identity, err)
	}
	if err := create(certPath, l.CertPEM, certMode); err != nil {
		return "", "", errors.Join(fmt.Errorf("write the certificate of %s: %w", l.Identity, err), os.Remove(keyPath))
	}
	return certPath, keyPath, nil
}

// Replace is Write for a renewal: existing files are replaced, each at once.
// Between the two the key does not match the certificate; Credentials keeps
// the old pair until it does.
func (l Leaf) Replace(dir string) (certPath, keyPath string, err error) {
	certPath, keyPath, err = l.paths(dir)
	if err != nil {
		return "", "", err
	}
	if err := replace(keyPath, l.keyPEM, keyMode); err != nil {
		return "", "", fmt.Errorf("replace the key of %s: %w", l.Identity, err)
	}
	if err := replace(certPath, l.CertPEM, certMode); err != nil {
		return "", "", fmt.Errorf("replace the certificate of %s: %w", l.Identity, err)
	}
	return certPath, keyPath, nil
}

func (l Leaf) paths(dir string) (certPath, keyPath string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", fmt.Errorf("make the directory for %s: %w", l.Identity, err)
	}
	cert, key := l.Identity.FileNames()
	return filepath.Join(dir, cert), filepath.Join(dir, key), nil
}
