// Package vectors embeds test vectors of the DESFire protocol and of AES key
// diversification, as data/*.json, for tests to check implementations against
// truth that is not ours.
//
// Every vector names its source: NXP's AN10922, AN12196, AN12343 and NT4H2421Gx
// data sheet, RFC 4493 and NIST SP 800-38B, recorded exchanges with real cards
// (sotechcllc/RFDoorLock, skjolber/desfire-tools-for-android, revk/DESFireAES)
// and the test suites of proxmark3, libfreefare and icedevml/nfc-ev2-crypto.
// "origin" tells how far it is from the outside: "published" values and
// "real-card trace" come from others; "derived" ones are a published vector
// with a change that must be noticed; "computed" ones follow NXP's rules where
// nothing was published, by an implementation that is not this repository's.
//
// A set that is empty, or shorter than the count its file states, fails the
// test that asks for it: a test without vectors proves nothing.
package vectors

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"testing"
)

//go:embed data/*.json
var data embed.FS

// schema is the only layout that this package reads.
const schema = "desfire-vectors/1"

// Hex is a byte string, in JSON an even number of hexadecimal digits.
type Hex []byte

// UnmarshalText reads hexadecimal digits.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// String gives upper-case hexadecimal digits.
func (h Hex) String() string { return fmt.Sprintf("%X", []byte(h)) }

// Info is what every vector has.
type Info struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Source string `json:"source"`
	Origin string `json:"origin"`
	Note   string `json:"note"`
}

// file is one data file.
type file struct {
	Schema  string            `json:"schema"`
	File    string            `json:"file"`
	Count   int               `json:"count"`
	Vectors []json.RawMessage `json:"vectors"`
}

// Files lists the data files, without their extension.
func Files(t testing.TB) []string {
	t.Helper()
	entries, err := data.ReadDir("data")
	if err != nil || len(entries) == 0 {
		t.Fatalf("vectors: no data files are embedded (%v)", err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name()[:len(e.Name())-len(path.Ext(e.Name()))])
	}
	return names
}

// Kinds counts the vectors of a data file by kind.
func Kinds(t testing.TB, name string) map[string]int {
	t.Helper()
	f, err := read(name)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, raw := range f.Vectors {
		var v Info
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatalf("vectors: %s: %v", name, err)
		}
		kinds[v.Kind]++
	}
	return kinds
}

// read reads a data file and holds it to what it states about itself.
func read(name string) (*file, error) {
	raw, err := data.ReadFile("data/" + name + ".json")
	if err != nil {
		return nil, fmt.Errorf("vectors: %w", err)
	}
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fmt.Errorf("vectors: %s: %w", name, err)
	}
	return &f, f.check(name)
}

func (f *file) check(name string) error {
	switch {
	case f.Schema != schema || f.File != name:
		return fmt.Errorf("vectors: %s: it is %q of schema %q", name, f.File, f.Schema)
	case f.Count == 0 || len(f.Vectors) != f.Count:
		return fmt.Errorf("vectors: %s: %d vectors, and the file states %d", name, len(f.Vectors), f.Count)
	}
	return nil
}

// of gives the vectors of some kinds in a data file.
func of[T any](t testing.TB, name string, kinds ...string) []T {
	t.Helper()
	f, err := read(name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := decode[T](f, kinds)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func decode[T any](f *file, kinds []string) ([]T, error) {
	var all []T
	for i, raw := range f.Vectors {
		var info Info
		if err := json.Unmarshal(raw, &info); err != nil || info.ID == "" {
			return nil, fmt.Errorf("vectors: %s: vector %d has no identity (%v)", f.File, i, err)
		}
		for _, kind := range kinds {
			if kind != info.Kind {
				continue
			}
			var v T
			if err := json.Unmarshal(raw, &v); err != nil {
				return nil, fmt.Errorf("vectors: %s: %s: %w", f.File, info.ID, err)
			}
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("vectors: %s: no vector of kind %v", f.File, kinds)
	}
	return all, nil
}
