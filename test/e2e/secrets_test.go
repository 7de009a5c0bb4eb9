package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNothingTellsKeys: with every program at its most verbose, none prints a
// key that lies on the card, or the Vault's token, and the KMS stores and
// exports none. (cmd/demo searches for the masters and session keys, too.)
func TestNothingTellsKeys(t *testing.T) {
	t.Parallel()
	h := withReaders(t, 1)
	p := h.lay(t, 0, "EV3", "--verbose")
	p.addHolder("H-1")
	enrolling := p.atReader("issue", "--holder", "H-1", "--verbose").ends(exitDone)
	badge := result[issued](enrolling)
	p.handOver(badge.Badge)
	tap := p.startTap("--verbose").ends(exitDone)
	export := h.eventually("badge.authenticate")

	outputs := map[string][]byte{"audit export": mustRead(t, export)}
	for name, program := range map[string]*process{"enroll": enrolling, "terminal": tap, "card-sim": p.card, "kms": h.kms, "hsm-sim": h.vault} {
		outputs[name] = []byte(program.stdout.String() + program.stderr.String())
		if len(outputs[name]) == 0 {
			t.Errorf("%s printed nothing: nothing is searched there", name)
		}
	}
	maps.Copy(outputs, stored(t, h.path("state")))
	secrets := cardKeys(t, p.state)
	secrets["the Vault's token"] = bytes.TrimSpace(mustRead(t, h.path("vault.token")))
	for place, text := range outputs {
		for name, secret := range secrets {
			if form := shows(text, secret); form != "" {
				t.Errorf("%s shows %s as %s", place, name, form)
			}
		}
	}
	for _, s := range secrets {
		if shows(append(outputs["kms"], fmt.Sprintf("level=DEBUG key=%X", s)...), s) == "" {
			t.Error("a planted secret is not found")
		}
	}
}

// stored is what the KMS keeps, but for the one file that is a secret.
func stored(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "audit.key" {
			all[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil || len(all) < 2 {
		t.Fatalf("%d files in %s: %v", len(all), dir, err)
	}
	return all
}

// cardKeys are the keys in the memory of a simulated card: 8 of our
// application and the card's own.
func cardKeys(t *testing.T, path string) map[string][]byte {
	t.Helper()
	type application struct {
		AID  string `json:"aid"`
		Keys []struct {
			Bytes string `json:"bytes"`
		} `json:"keys"`
	}
	var card struct {
		PICC application   `json:"picc"`
		Apps []application `json:"applications"`
	}
	if err := json.Unmarshal(mustRead(t, path), &card); err != nil {
		t.Fatal(err)
	}
	keys := map[string][]byte{}
	for _, a := range append(card.Apps, card.PICC) {
		for n, k := range a.Keys {
			b, err := hex.DecodeString(k.Bytes)
			if err != nil || len(b) != 16 || bytes.Equal(b, make([]byte, 16)) {
				t.Fatalf("key %d of %s has %d bytes, or is public: %v", n, a.AID, len(b), err)
			}
			keys[fmt.Sprintf("key %d of %s", n, a.AID)] = b
		}
	}
	if len(keys) != 9 {
		t.Fatalf("the card holds %d keys, want 9", len(keys))
	}
	return keys
}

// shows tells in which form a text shows a secret; "" is none.
func shows(text, secret []byte) string {
	digits := hex.EncodeToString(secret)
	for form, pattern := range map[string]string{
		"raw bytes": string(secret),
		"hex":       digits,
		"HEX":       strings.ToUpper(digits),
		"decimal":   strings.Trim(fmt.Sprint(secret), "[]"),
		"quoted":    strings.Trim(fmt.Sprintf("%q", secret), `"`),
		"base64":    base64.RawStdEncoding.EncodeToString(secret),
		"base64url": base64.RawURLEncoding.EncodeToString(secret),
	} {
		if bytes.Contains(text, []byte(pattern)) {
			return form
		}
	}
	return ""
}
