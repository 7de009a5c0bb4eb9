package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// SigningKey is the Ed25519 key that signs checkpoints (C2SP signed-note). Its
// name is the origin of the log. It has no printable form.
type SigningKey struct {
	signer   note.Signer
	verifier note.Verifier
	public   string
}

// PublicSuffix is added to the path of a signing key to give that of its
// verifier key.
const PublicSuffix = ".pub"

// CreateSigningKey draws a key and writes it to path, mode 0600, and its
// verifier key to path+PublicSuffix, mode 0644, both as one line in the form of
// golang.org/x/mod/sumdb/note. A file that exists is never overwritten: it
// fails with fs.ErrExist. name is the origin of the log, such as
// "audit.chu-example.fr", without space or plus sign. random is
// crypto/rand.Reader except in tests.
func CreateSigningKey(path, name string, random io.Reader) (*SigningKey, error) {
	private, public, err := note.GenerateKey(random, name)
	if err != nil {
		return nil, fmt.Errorf("draw the audit signing key: %w", err)
	}
	k, err := newSigningKey(private)
	if err != nil {
		return nil, err
	}
	if err := writeNew(path, private+"\n", 0o600); err != nil {
		return nil, fmt.Errorf("write the audit signing key: %w", err)
	}
	if err := writeNew(path+PublicSuffix, public+"\n", 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("write the audit verifier key: %w", err), os.Remove(path))
	}
	return k, nil
}

func writeNew(path, text string, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// LoadSigningKey reads the file that CreateSigningKey wrote. It fails with
// fs.ErrNotExist when there is none, and for a file that others may read.
func LoadSigningKey(path string) (*SigningKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the audit signing key: %w", err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("audit signing key %s: mode %04o lets others read it: chmod 600 it", path, mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the audit signing key: %w", err)
	}
	k, err := newSigningKey(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// errSigningKey tells nothing of the text it is about, which is a secret.
var errSigningKey = errors.New("not an audit signing key: restore the file from its backup")

// newSigningKey takes a key in the form PRIVATE+KEY+<name>+<hash>+<base64 of
// 01 ‖ seed>, as note.NewSigner checks it.
func newSigningKey(private string) (*SigningKey, error) {
	signer, err := note.NewSigner(private)
	if err != nil {
		return nil, errSigningKey
	}
	fields := strings.SplitN(private, "+", 5)
	seed, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return nil, errSigningKey
	}
	pair := ed25519.NewKeyFromSeed(seed[1:])
	clear(seed)
	public, err := note.NewEd25519VerifierKey(signer.Name(), pair.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, errSigningKey
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		return nil, errSigningKey
	}
	return &SigningKey{signer: signer, verifier: verifier, public: public}, nil
}

// Verifier checks what the key signed.
func (k *SigningKey) Verifier() note.Verifier { return k.verifier }

// Public is the verifier key in its text form, for whoever checks exports.
func (k *SigningKey) Public() string { return k.public }

// ParseVerifier reads the text form of a verifier key: the content of the file
// with PublicSuffix.
func ParseVerifier(text string) (note.Verifier, error) {
	v, err := note.NewVerifier(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("audit verifier key: %w: give the content of the %s file that was written with the signing key", err, PublicSuffix)
	}
	return v, nil
}
