package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// secret is something that no output may contain.
type secret struct {
	name  string
	bytes []byte
}

// forms are the ways in which programs print bytes.
func (s secret) forms() map[string][]byte {
	text := hex.EncodeToString(s.bytes)
	forms := map[string][]byte{
		"raw":          s.bytes,
		"hex":          []byte(text),
		"HEX":          []byte(strings.ToUpper(text)),
		"hex, spaced":  fmt.Appendf(nil, "% x", s.bytes),
		"HEX, spaced":  fmt.Appendf(nil, "% X", s.bytes),
		"decimal (%v)": bytes.Trim(fmt.Appendf(nil, "%d", s.bytes), "[]"),
		"quoted (%q)":  []byte(strings.Trim(strconv.Quote(string(s.bytes)), `"`)),
	}
	for name, e := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
		for shift := range 3 {
			forms[fmt.Sprintf("%s, %d bytes before", name, shift)] = within(e, s.bytes, shift)
		}
	}
	return forms
}

// within is the part of a base64 text that only b decides, when shift bytes
// stand before it in the same text (modulo 3) and anything or nothing after.
// With nothing around it, the padded and the unpadded form of b contain it.
func within(e *base64.Encoding, b []byte, shift int) []byte {
	text := e.EncodeToString(append(make([]byte, shift), b...))
	first := (shift*8 + 5) / 6
	last := (shift + len(b)) * 8 / 6
	return []byte(text[first:last])
}

// holders are the files that legitimately hold secrets. Nothing else may.
func holdsSecrets(path string) bool {
	switch {
	case path == "audit.key", path == filepath.Join("ca", "ca.key"):
		return true
	}
	return filepath.Dir(path) == "certs" && filepath.Ext(path) == ".key"
}

// files reads everything in a folder that may not hold a secret, by path.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil || holdsSecrets(relative) {
			return err
		}
		found[relative], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// search names every secret found in the outputs, with place and form; never
// the secret.
func search(outputs map[string][]byte, secrets []secret) []string {
	var found []string
	for _, s := range secrets {
		for form, pattern := range s.forms() {
			for _, place := range slices.Sorted(maps.Keys(outputs)) {
				if bytes.Contains(outputs[place], pattern) {
					found = append(found, fmt.Sprintf("%s: %s as %s", place, s.name, form))
				}
			}
		}
	}
	return found
}

// outputs is all that the story printed, logged, stored and exported.
func (c captured) outputs(t *testing.T) map[string][]byte {
	t.Helper()
	all := files(t, c.dir)
	for path, content := range c.live {
		all["while running: "+path] = content
	}
	all["narration"] = []byte(c.told)
	all["audit export"] = c.export
	return all
}
