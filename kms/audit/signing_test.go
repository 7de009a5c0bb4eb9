package audit

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func TestSigningKeyFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.key")
	made, err := CreateSigningKey(path, "a", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadSigningKey(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path + PublicSuffix)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := ParseVerifier(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Public() != made.Public() || loaded.Public()+"\n" != string(text) {
		t.Errorf("verifier keys differ: %s, %s, %s", made.Public(), loaded.Public(), text)
	}
	signed, err := note.Sign(&note.Note{Text: "text\n"}, loaded.signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(signed, note.VerifierList(verifier)); err != nil {
		t.Error(err)
	}
	if _, err := CreateSigningKey(path, "a", rand.Reader); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second key over the first: %v", err)
	}
}

func TestSigningKeyNeverPrints(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.key")
	k, err := CreateSigningKey(path, "audit.example", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.SplitN(strings.TrimSpace(string(text)), "+", 5)[4]
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		if strings.Contains(fmt.Sprintf(form, *k), secret) {
			t.Errorf("%s prints the key", form)
		}
	}
}

func TestSigningKeyRefused(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	if _, err := CreateSigningKey(good, "a", rand.Reader); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty": "", "cut": string(text[:len(text)-10]), "public": "a+12345678+AAAA", "words": "PRIVATE+KEY+a",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSigningKey(path); !errors.Is(err, errSigningKey) || strings.Contains(err.Error(), "KEY+") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := LoadSigningKey(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(good, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSigningKey(good); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("readable by others: %v", err)
		}
	}
}
