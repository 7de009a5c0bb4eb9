package vectors

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestCounts holds every file to the count it states; with -v it prints what
// there is.
func TestCounts(t *testing.T) {
	total := 0
	for _, name := range Files(t) {
		f, err := read(name)
		if err != nil {
			t.Fatal(err)
		}
		total += len(f.Vectors)
		t.Logf("%-14s %3d  %v", name, len(f.Vectors), Kinds(t, name))
	}
	if want := 171; total != want {
		t.Errorf("%d vectors in all, want %d: if the data was changed on purpose, change this count", total, want)
	}
}

func TestIDsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range Files(t) {
		f, err := read(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range f.Vectors {
			var v Info
			if err := json.Unmarshal(raw, &v); err != nil {
				t.Fatal(err)
			}
			if seen[v.ID] || v.ID == "" || v.Source == "" || v.Origin == "" {
				t.Errorf("%s: %q: missing or repeated id, or no source", name, v.ID)
			}
			seen[v.ID] = true
		}
	}
}

// TestAccessors decodes everything once, so that a field that changed its type
// is noticed here and not in some other package's test.
func TestAccessors(t *testing.T) {
	counts := map[string]int{
		"cmac": len(CMACs(t)), "crc": len(CRCs(t)), "an10922": len(AN10922s(t)),
		"originality": len(Originalities(t)),
		"ev1_auth":    len(EV1Auths(t)), "ev1_sessions": len(EV1Sessions(t)), "ev1_changekey": len(EV1ChangeKeys(t)),
		"ev2_auth":      len(EV2AuthFirsts(t)) + len(EV2AuthNonFirsts(t)) + len(EV2IVs(t)),
		"ev2_commands":  len(EV2Commands(t)) + len(EV2Responses(t)) + len(EV2Multiframes(t)),
		"ev2_changekey": len(EV2ChangeKeys(t)),
		"negative":      len(NegativeResponses(t)) + len(NegativeAuths(t)),
		"parse":         len(Versions(t)) + len(AllFileSettings(t)),
		"tmac":          len(TMACs(t)) + len(SDMs(t)),
	}
	for _, name := range Files(t) {
		f, err := read(name)
		if err != nil {
			t.Fatal(err)
		}
		if counts[name] != f.Count {
			t.Errorf("%s: the accessors give %d of %d vectors", name, counts[name], f.Count)
		}
	}
}

func TestLoaderFailsLoudly(t *testing.T) {
	tests := []struct {
		name, want string
		file       file
	}{
		{"empty", "0 vectors", file{Schema: schema, File: "x"}},
		{"short", "1 vectors", file{Schema: schema, File: "x", Count: 2, Vectors: make([]json.RawMessage, 1)}},
		{"other schema", "schema", file{Schema: "y", File: "x", Count: 1, Vectors: make([]json.RawMessage, 1)}},
		{"other file", "it is", file{Schema: schema, File: "y", Count: 1, Vectors: make([]json.RawMessage, 1)}},
	}
	for _, tt := range tests {
		if err := tt.file.check("x"); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.name, err, tt.want)
		}
	}
	f := file{File: "x", Vectors: []json.RawMessage{json.RawMessage(`{"id":"1","kind":"a"}`)}}
	if _, err := decode[Info](&f, []string{"b"}); err == nil {
		t.Error("a kind without vectors gives no error")
	}
	f.Vectors[0] = json.RawMessage(`{"id":"1","kind":"cmac","key":"0"}`)
	if _, err := decode[CMAC](&f, []string{"cmac"}); err == nil {
		t.Error("half a byte gives no error")
	}
	if _, err := read("missing"); err == nil {
		t.Error("a missing file gives no error")
	}
}
