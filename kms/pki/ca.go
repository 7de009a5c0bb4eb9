package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// The files of a CA in its directory, and the lifetimes of certificates.
const (
	CACertFile = "ca.crt"
	CAKeyFile  = "ca.key"

	CALifetime   = 10 * 365 * 24 * time.Hour
	LeafLifetime = 90 * 24 * time.Hour
	// MaxLeafLifetime is the longest that Issue grants: there is no
	// revocation list, a certificate ends by its date.
	MaxLeafLifetime = 366 * 24 * time.Hour

	// backdate lets a peer with a slow clock accept a new certificate.
	backdate = 5 * time.Minute
)

// CA signs the certificates of one trust domain.
type CA struct {
	trustDomain string
	cert        *x509.Certificate
	key         crypto.Signer
	now         func() time.Time
	random      io.Reader
}

// Options are what tests inject and what protects the CA's key.
type Options struct {
	// Passphrase encrypts the CA's key file. Empty leaves it in the clear,
	// guarded by its mode only.
	Passphrase []byte
	Now        func() time.Time // nil: time.Now
	// Random gives serial numbers and salts; nil: crypto/rand.Reader. Keys are
	// drawn by crypto/ecdsa from the system's generator whatever is here.
	Random io.Reader
}

func (o Options) now() func() time.Time {
	if o.Now == nil {
		return time.Now
	}
	return o.Now
}

func (o Options) random() io.Reader {
	if o.Random == nil {
		return rand.Reader
	}
	return o.Random
}

// Init makes a new CA for a trust domain: an ECDSA P-256 key and a root
// certificate of ten years and path length 0, in dir (made with mode 0700 if
// missing) as ca.key (0600) and ca.crt. It never replaces a CA: if one of the
// files exists it fails with fs.ErrExist.
func Init(dir, trustDomain string, o Options) (*CA, error) {
	if err := CheckTrustDomain(trustDomain); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the CA directory: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("draw the CA key: %w", err)
	}
	ca := &CA{trustDomain: trustDomain, key: key, now: o.now(), random: o.random()}
	template, err := ca.rootTemplate()
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign the CA certificate: %w", err)
	}
	if ca.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("read the CA certificate back: %w", err)
	}
	return ca, ca.save(dir, o.Passphrase)
}

func (ca *CA) rootTemplate() (*x509.Certificate, error) {
	serial, err := newSerial(ca.random)
	if err != nil {
		return nil, err
	}
	now := ca.now()
	return &x509.Certificate{
		SerialNumber:                serial,
		Subject:                     pkix.Name{CommonName: "BadgeKMS CA " + ca.trustDomain},
		NotBefore:                   now.Add(-backdate),
		NotAfter:                    now.Add(CALifetime),
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		URIs:                        []*url.URL{{Scheme: "spiffe", Host: ca.trustDomain}},
		PermittedDNSDomainsCritical: true,
		PermittedURIDomains:         []string{ca.trustDomain},
	}, nil
}

// save writes the key first: a certificate without its key would look like a
// CA.
func (ca *CA) save(dir string, passphrase []byte) error {
	certPath, keyPath := filepath.Join(dir, CACertFile), filepath.Join(dir, CAKeyFile)
	if _, err := os.Lstat(certPath); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w: this directory has a CA; choose another one", certPath, fs.ErrExist)
	}
	text, err := encodeKey(ca.key, passphrase, ca.random)
	if err != nil {
		return err
	}
	if err := create(keyPath, text, keyMode); err != nil {
		return fmt.Errorf("write the CA key: %w", err)
	}
	if err := create(certPath, encodeCert(ca.cert.Raw), certMode); err != nil {
		return errors.Join(fmt.Errorf("write the CA certificate: %w", err), os.Remove(keyPath))
	}
	return nil
}

// Open loads the CA that Init made in dir.
func Open(dir string, o Options) (*CA, error) {
	certPath, keyPath := filepath.Join(dir, CACertFile), filepath.Join(dir, CAKeyFile)
	certs, err := readCertificates(certPath)
	if err != nil {
		return nil, fmt.Errorf("CA certificate: %w", err)
	}
	cert := certs[0]
	if len(certs) != 1 || !cert.IsCA || len(cert.URIs) != 1 || cert.URIs[0].Scheme != "spiffe" {
		return nil, fmt.Errorf("%s: not the certificate of a CA that this program made", certPath)
	}
	key, err := readKey(keyPath, o.Passphrase)
	if err != nil {
		return nil, fmt.Errorf("CA key: %w", err)
	}
	if !samePublicKey(cert.PublicKey, key) {
		return nil, fmt.Errorf("%s and %s: %w", certPath, keyPath, ErrKeyMismatch)
	}
	ca := &CA{trustDomain: cert.URIs[0].Host, cert: cert, key: key, now: o.now(), random: o.random()}
	if now := ca.now(); now.After(cert.NotAfter) {
		return nil, fmt.Errorf("%s: %w: it ended on %s: make a new CA", certPath, ErrExpired, day(cert.NotAfter))
	}
	return ca, nil
}

// TrustDomain is the trust domain that the CA names.
func (ca *CA) TrustDomain() string { return ca.trustDomain }

// CertPEM is the CA's certificate, which every peer needs.
func (ca *CA) CertPEM() []byte { return encodeCert(ca.cert.Raw) }

// newSerial draws 127 random bits, never zero: unique, positive and at most 20
// bytes (RFC 5280 §4.1.2.2).
func newSerial(random io.Reader) (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	b[0] = b[0]&0x7F | 0x40
	return new(big.Int).SetBytes(b), nil
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: certType, Bytes: der})
}

// encodeKey gives a key as PKCS #8 in PEM, encrypted if there is a passphrase.
func encodeKey(key crypto.Signer, passphrase []byte, random io.Reader) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a private key: %w", err)
	}
	defer clear(der)
	if len(passphrase) == 0 {
		return pem.EncodeToMemory(&pem.Block{Type: keyType, Bytes: der}), nil
	}
	encrypted, err := encryptPKCS8(der, passphrase, pbkdf2Iterations, random)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: encryptedKeyType, Bytes: encrypted}), nil
}

// readKey reads a key file of PKCS #8 in PEM, encrypted or not.
func readKey(path string, passphrase []byte) (crypto.Signer, error) {
	text, err := ReadSecret(path)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: no private key in PEM form in it", path)
	}
	der := block.Bytes
	switch {
	case block.Type == encryptedKeyType && len(passphrase) == 0:
		return nil, fmt.Errorf("%s: %w: the key is encrypted: give its passphrase file", path, ErrPassphrase)
	case block.Type == encryptedKeyType:
		if der, err = decryptPKCS8(der, passphrase); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	case block.Type != keyType:
		return nil, fmt.Errorf("%s: PEM block of type %q, want %q: convert it with openssl pkcs8 -topk8 -nocrypt", path, block.Type, keyType)
	}
	defer clear(der)
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, errors.Join(ErrPassphrase, errKeyForm))
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: the key cannot sign", path)
	}
	return key, nil
}

var errKeyForm = errors.New("not a PKCS #8 private key")
