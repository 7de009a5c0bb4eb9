package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const domain = "badges.chu-example.fr"

// clock is a settable time, within the lifetime of what the tests issue.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newClock() *clock { return &clock{time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)} }

func newCA(t testing.TB, c *clock) (*CA, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ca")
	ca, err := Init(dir, domain, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return ca, dir
}

// peer issues a certificate, writes its files and names them.
func peer(t testing.TB, ca *CA, caDir string, role Role, name string) Files {
	t.Helper()
	var hosts []string
	if role == KMS {
		hosts = []string{"kms.chu-example.fr", "127.0.0.1"}
	}
	leaf, err := ca.Issue(role, name, hosts, 0)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := leaf.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return Files{Cert: cert, Key: key, CA: filepath.Join(caDir, CACertFile), TrustDomain: domain}
}

func certificate(t testing.TB, pemText []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(pemText)
	if block == nil {
		t.Fatal("no PEM block")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// forge signs any template with the CA's key and writes it beside a fresh key.
func forge(t testing.TB, ca *CA, caDir string, change func(*x509.Certificate)) Files {
	t.Helper()
	template, err := ca.leafTemplate(Identity{domain, Terminal, "forged"}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	change(template)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, err := encodeKey(key, nil, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, keyPath, err := Leaf{Identity: Identity{domain, Terminal, "forged"}, CertPEM: encodeCert(der), keyPEM: keyPEM}.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return Files{Cert: cert, Key: keyPath, CA: filepath.Join(caDir, CACertFile), TrustDomain: domain}
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestRoot(t *testing.T) {
	c := newClock()
	ca, dir := newCA(t, c)
	cert := certificate(t, ca.CertPEM())
	if !cert.IsCA || cert.MaxPathLen != 0 || !cert.MaxPathLenZero {
		t.Errorf("CA %v, path length %d", cert.IsCA, cert.MaxPathLen)
	}
	if cert.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign || len(cert.ExtKeyUsage) != 0 {
		t.Errorf("usages %v, %v", cert.KeyUsage, cert.ExtKeyUsage)
	}
	if cert.PublicKeyAlgorithm != x509.ECDSA || cert.PublicKey.(*ecdsa.PublicKey).Curve != elliptic.P256() {
		t.Errorf("key %v", cert.PublicKeyAlgorithm)
	}
	if got := cert.NotAfter.Sub(c.t); got != CALifetime {
		t.Errorf("lifetime %v", got)
	}
	if diff := cmp.Diff([]string{domain}, cert.PermittedURIDomains); diff != "" || !cert.PermittedDNSDomainsCritical {
		t.Errorf("name constraint: %s", diff)
	}
	info, err := os.Stat(filepath.Join(dir, CAKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("key file mode %v", info.Mode())
	}
	if _, err := ParseIdentity(cert); !errors.Is(err, ErrIdentity) {
		t.Errorf("the CA passes for a peer: %v", err)
	}
}

func TestInitNeverReplaces(t *testing.T) {
	for _, existing := range []string{CACertFile, CAKeyFile} {
		dir := t.TempDir()
		path := filepath.Join(dir, existing)
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Init(dir, domain, Options{}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s exists: %v", existing, err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "mine" {
			t.Errorf("%s became %q, %v", existing, text, err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%s exists: files left behind: %v, %v", existing, entries, err)
		}
	}
}

func TestOpen(t *testing.T) {
	c := newClock()
	ca, dir := newCA(t, c)
	opened, err := Open(dir, Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	if opened.TrustDomain() != domain || !samePublicKey(ca.cert.PublicKey, opened.key) {
		t.Errorf("opened %q with another key", opened.TrustDomain())
	}
	_, other := newCA(t, c)
	swap := t.TempDir()
	copyFile(t, filepath.Join(dir, CACertFile), filepath.Join(swap, CACertFile))
	copyFile(t, filepath.Join(other, CAKeyFile), filepath.Join(swap, CAKeyFile))
	if _, err := Open(swap, Options{Now: c.now}); !errors.Is(err, ErrKeyMismatch) {
		t.Errorf("another CA's key: %v", err)
	}
	c.t = c.t.Add(CALifetime + time.Second)
	if _, err := Open(dir, Options{Now: c.now}); !errors.Is(err, ErrExpired) {
		t.Errorf("after its end: %v", err)
	}
	if _, err := Open(t.TempDir(), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no CA: %v", err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPassphrase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	if _, err := Init(dir, domain, Options{Passphrase: []byte("correct horse")}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, CAKeyFile))
	if err != nil || !strings.HasPrefix(string(text), "-----BEGIN ENCRYPTED PRIVATE KEY-----") {
		t.Errorf("key file %q, %v", text, err)
	}
	if _, err := Open(dir, Options{Passphrase: []byte("correct horse")}); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{"", "Correct horse"} {
		if ca, err := Open(dir, Options{Passphrase: []byte(wrong)}); !errors.Is(err, ErrPassphrase) || ca != nil {
			t.Errorf("passphrase %q: %v", wrong, err)
		}
	}
}

func TestLeaf(t *testing.T) {
	c := newClock()
	ca, _ := newCA(t, c)
	serials := map[string]bool{}
	for _, role := range Roles() {
		var hosts []string
		if role == KMS {
			hosts = []string{"kms.chu-example.fr", "10.0.0.7", "::1"}
		}
		leaf, err := ca.Issue(role, "accueil-1.bat-b", hosts, 0)
		if err != nil {
			t.Fatal(err)
		}
		cert := certificate(t, leaf.CertPEM)
		id, err := ParseIdentity(cert)
		if err != nil || id != (Identity{domain, role, "accueil-1.bat-b"}) || leaf.Identity != id {
			t.Errorf("%s: identity %v, %v", role, id, err)
		}
		use := x509.ExtKeyUsageClientAuth
		if role == KMS {
			use = x509.ExtKeyUsageServerAuth
			if len(cert.DNSNames) != 1 || len(cert.IPAddresses) != 2 {
				t.Errorf("hosts %v %v", cert.DNSNames, cert.IPAddresses)
			}
		}
		if diff := cmp.Diff([]x509.ExtKeyUsage{use}, cert.ExtKeyUsage); diff != "" || cert.KeyUsage != x509.KeyUsageDigitalSignature || cert.IsCA {
			t.Errorf("%s: usages %v %s, CA %v", role, cert.KeyUsage, diff, cert.IsCA)
		}
		if cert.NotAfter.Sub(c.t) != LeafLifetime || !leaf.NotAfter.Equal(cert.NotAfter) {
			t.Errorf("%s: ends %v", role, cert.NotAfter)
		}
		serial := cert.SerialNumber
		if serials[serial.String()] || serial.BitLen() < 64 || serial.Sign() != 1 || len(serial.Bytes()) > 20 {
			t.Errorf("%s: serial number %v", role, serial)
		}
		serials[serial.String()] = true
	}
}

func TestNotIssued(t *testing.T) {
	c := newClock()
	ca, _ := newCA(t, c)
	for name, r := range map[string]struct {
		role  Role
		name  string
		hosts []string
		ttl   time.Duration
		want  error
	}{
		"unknown role":         {"admin", "a", nil, 0, ErrIdentity},
		"no name":              {Terminal, "", nil, 0, ErrIdentity},
		"capitals":             {Terminal, "Door", nil, 0, ErrIdentity},
		"accent":               {Terminal, "entrée", nil, 0, ErrIdentity},
		"slash":                {Terminal, "a/b", nil, 0, ErrIdentity},
		"parent directory":     {Terminal, "..", nil, 0, ErrIdentity},
		"65 characters":        {Terminal, strings.Repeat("a", 65), nil, 0, ErrIdentity},
		"server without host":  {KMS, "kms-1", nil, 0, ErrRequest},
		"host with a port":     {KMS, "kms-1", []string{"kms:7443"}, 0, ErrRequest},
		"wildcard host":        {KMS, "kms-1", []string{"*.chu-example.fr"}, 0, ErrRequest},
		"terminal with a host": {Terminal, "a", []string{"a.example"}, 0, ErrRequest},
		"negative lifetime":    {Terminal, "a", nil, -time.Hour, ErrRequest},
		"too long a lifetime":  {Terminal, "a", nil, MaxLeafLifetime + 1, ErrRequest},
	} {
		if leaf, err := ca.Issue(r.role, r.name, r.hosts, r.ttl); !errors.Is(err, r.want) || leaf.CertPEM != nil {
			t.Errorf("%s: %v, want %v", name, err, r.want)
		}
	}
	c.t = c.t.Add(CALifetime - 24*time.Hour)
	if _, err := ca.Issue(Terminal, "a", nil, 0); !errors.Is(err, ErrRequest) {
		t.Errorf("longer than the CA lives: %v", err)
	}
	if _, err := ca.Issue(Terminal, "a", nil, time.Hour); err != nil {
		t.Errorf("shorter than the CA lives: %v", err)
	}
	for _, bad := range []string{"", "CHU.fr", "chu.fr/", "chu.fr:80", "chu..fr", "-chu.fr", strings.Repeat("a", 256)} {
		dir := filepath.Join(t.TempDir(), "ca")
		if _, err := Init(dir, bad, Options{}); !errors.Is(err, ErrIdentity) {
			t.Errorf("trust domain %q: %v", bad, err)
		}
	}
}

func TestLeafFiles(t *testing.T) {
	c := newClock()
	ca, caDir := newCA(t, c)
	dir := filepath.Join(t.TempDir(), "new")
	first, err := ca.Issue(Terminal, "door", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := first.Write(dir)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(cert) != "terminal-door.crt" || filepath.Base(key) != "terminal-door.key" {
		t.Errorf("files %s, %s", cert, key)
	}
	second, err := ca.Issue(Terminal, "door", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := second.Write(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over the first: %v", err)
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	if _, _, err := second.Write(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("written over the first key: %v", err)
	}
	if _, err := os.Stat(cert); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a certificate without its key was left: %v", err)
	}
	if _, _, err := second.Replace(dir); err != nil {
		t.Fatal(err)
	}
	files := Files{Cert: cert, Key: key, CA: filepath.Join(caDir, CACertFile), TrustDomain: domain}
	if _, err := Load(files, c.now, unexpected(t)); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("files left behind: %v, %v", entries, err)
	}
}
