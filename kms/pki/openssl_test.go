package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"badgekms/test/pcscd"
)

// OpenSSL is the outside truth of this package: it reads what we write and
// writes what we read.

func openssl(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv(pcscd.RequireEnv) == "1" {
			t.Fatal("openssl is not installed, and make test needs it: sudo apt-get install openssl")
		}
		t.Skip("openssl is not installed: nothing to compare with")
	}
	out, err := exec.CommandContext(t.Context(), path, arguments...).CombinedOutput()
	return string(out), err
}

func TestOpenSSLVerifies(t *testing.T) {
	c := &clock{time.Now()}
	ca, dir := newCA(t, c)
	for role, purpose := range map[Role]string{KMS: "sslserver", Terminal: "sslclient"} {
		files := peer(t, ca, dir, role, "one")
		if out, err := openssl(t, "verify", "-x509_strict", "-purpose", purpose, "-CAfile", files.CA, files.Cert); err != nil {
			t.Errorf("%s: %s", role, out)
		}
		text, err := openssl(t, "x509", "-in", files.Cert, "-noout", "-ext", "subjectAltName,keyUsage,basicConstraints")
		want := "URI:spiffe://" + domain + "/" + string(role) + "/one"
		if err != nil || !strings.Contains(text, want) || !strings.Contains(text, "Digital Signature") || !strings.Contains(text, "CA:FALSE") {
			t.Errorf("%s: %s, %v", role, text, err)
		}
	}
	out := forge(t, ca, dir, func(x *x509.Certificate) { x.URIs[0].Host = "other.example" })
	if text, err := openssl(t, "verify", "-CAfile", out.CA, out.Cert); err == nil || !strings.Contains(text, "permitted subtree violation") {
		t.Errorf("the name constraint does not hold: %s, %v", text, err)
	}
}

func TestOpenSSLReadsAndWritesEncryptedKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	if _, err := Init(dir, domain, Options{Passphrase: []byte("correct horse")}); err != nil {
		t.Fatal(err)
	}
	plain, theirs := filepath.Join(t.TempDir(), "clear"), filepath.Join(t.TempDir(), "theirs")
	keyPath := filepath.Join(dir, CAKeyFile)
	if out, err := openssl(t, "pkcs8", "-in", keyPath, "-passin", "pass:correct horse", "-out", plain); err != nil {
		t.Fatal(out)
	}
	if out, err := openssl(t, "pkcs8", "-topk8", "-in", plain, "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256",
		"-passout", "pass:battery staple", "-out", theirs); err != nil {
		t.Fatal(out)
	}
	for _, path := range []string{plain, theirs} {
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ours, err := readKey(plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := readKey(theirs, []byte("battery staple"))
	if err != nil {
		t.Fatal(err)
	}
	if !samePublicKey(ours.Public(), key) {
		t.Error("OpenSSL's key is another one")
	}
}

// Another encryption than ours is told apart from a wrong passphrase.
func TestOpenSSLOtherEncryption(t *testing.T) {
	path, other := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "other")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := encodeKey(key, nil, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := openssl(t, "pkcs8", "-topk8", "-in", path, "-v2", "aes-128-cbc", "-passout", "pass:x", "-out", other); err != nil {
		t.Fatal(out)
	}
	if err := os.Chmod(other, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readKey(other, []byte("x")); err == nil || !strings.Contains(err.Error(), "aes-256-cbc") {
		t.Errorf("AES-128: %v", err)
	}
}

func TestDamagedEncryptedKeys(t *testing.T) {
	good, err := encryptPKCS8([]byte("a private key"), []byte("p"), 1000, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if der, err := decryptPKCS8(good, []byte("p")); err != nil || !bytes.Equal(der, []byte("a private key")) {
		t.Fatalf("%q, %v", der, err)
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "cut": good[:len(good)-1], "longer": append(bytes.Clone(good), 0), "not ASN.1": []byte("hello"),
	} {
		if der, err := decryptPKCS8(bad, []byte("p")); err == nil {
			t.Errorf("%s: %q", name, der)
		}
	}
}
