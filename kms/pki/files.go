package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// ErrReadable is wrapped by the error for a file with a secret that others than
// its owner may read.
var ErrReadable = errors.New("others may read this secret")

const (
	certType         = "CERTIFICATE"
	keyType          = "PRIVATE KEY"
	encryptedKeyType = "ENCRYPTED PRIVATE KEY"

	certMode fs.FileMode = 0o644
	keyMode  fs.FileMode = 0o600
)

// ReadSecret reads a file that holds a secret. It refuses one that its group
// or others may access (except on Windows, where modes say nothing). A final
// line end is not part of the secret.
func ReadSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w: its mode is %04o: chmod 600 it", path, ErrReadable, mode)
	}
	text, err := os.ReadFile(path)
	return bytes.TrimRight(text, "\r\n"), err
}

// create writes a file that must not exist yet, and leaves none if it fails.
func create(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// replace writes a file beside path and moves it there, so that a reader finds
// the old file or the new one.
func replace(path string, content []byte, mode fs.FileMode) error {
	fresh := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := create(fresh, content, mode); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// readCertificates reads a PEM file of certificates, and nothing else in it.
func readCertificates(path string) ([]*x509.Certificate, error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != certType {
			return nil, fmt.Errorf("%s: holds a PEM block of type %q, want only certificates", path, block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no certificate in PEM form in it", path)
	}
	return all, nil
}
