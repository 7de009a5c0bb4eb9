package hsmsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// sameBytes is a random source that is not random: fuzz workers are processes
// of their own and must all make the same seeds.
type sameBytes struct{}

func (sameBytes) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i)
	}
	return len(p), nil
}

// seedState is a state with two keys, one of them rotated.
func seedState(t testing.TB) *state {
	t.Helper()
	s, _, err := newState(sameBytes{}, time.Unix(1700000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	version := func(n int) keyVersion {
		return keyVersion{material: newKeyBytes(bytes.Repeat([]byte{7}, n)), created: time.Unix(1700000001, 0).UTC()}
	}
	s.keys["a"] = transitKey{name: "a", keyType: "aes128-cmac", minDecryption: 1}.rotated(version(16))
	s.keys["b"] = transitKey{name: "b", keyType: "aes256-cmac", minDecryption: 2, minEncryption: 2}.
		rotated(version(32)).rotated(version(32))
	return s
}

// FuzzStateFile: whatever a state file holds, opening it gives its payload or
// one of the three errors, and no payload with an error.
func FuzzStateFile(f *testing.F) {
	passphrase := []byte("pass")
	sealing, err := newSealer(sameBytes{}, passphrase, cheap)
	if err != nil {
		f.Fatal(err)
	}
	payload, err := seedState(f).encode()
	if err != nil {
		f.Fatal(err)
	}
	good, err := sealing.seal(sameBytes{}, payload)
	if err != nil {
		f.Fatal(err)
	}
	if got, _, err := unseal(good, passphrase); err != nil || !bytes.Equal(got, payload) {
		f.Fatalf("the seed does not open: %v", err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(good[:bodyOffset])
	f.Add([]byte(stateMagic + "\x02" + string(good[8:])))
	f.Fuzz(func(t *testing.T, content []byte) {
		if checkStateFile(content) == nil && costOf(content).memoryKiB > 1<<10 {
			t.Skip("a costly derivation tells nothing about the decoder")
		}
		got, s, err := unseal(content, passphrase)
		known := errors.Is(err, ErrStateDamaged) || errors.Is(err, ErrStateVersion) || errors.Is(err, ErrPassphrase)
		switch {
		case err != nil && (!known || got != nil || s != nil):
			t.Errorf("payload %v with error %v", got, err)
		case err == nil && !bytes.Equal(content, good):
			t.Error("a file that was never written opens")
		}
	})
}

// FuzzStatePayload: a payload that is accepted is a state that can be written
// and read again without loss, and whose keys all compute.
func FuzzStatePayload(f *testing.F) {
	payload, err := seedState(f).encode()
	if err != nil {
		f.Fatal(err)
	}
	if s, err := decodeState(payload); err != nil || len(s.keys) != 2 {
		f.Fatalf("the seed does not decode: %v", err)
	}
	f.Add(payload)
	f.Add(bytes.Replace(payload, []byte(`"min_decryption_version":2`), []byte(`"min_decryption_version":3`), 1))
	f.Add([]byte(`{"root_token":{"sha256":"AA=="}}`))
	f.Add([]byte(`{}{}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, err := decodeState(payload)
		if err != nil {
			if s != nil {
				t.Error("a state with an error")
			}
			return
		}
		for _, key := range s.keys {
			for _, version := range key.versions {
				if _, err := computeCMAC(version.material, 0, "AA=="); err != nil {
					t.Errorf("key %s does not compute: %v", key.name, err)
				}
			}
		}
		once, err := s.encode()
		if err != nil {
			// A creation time beyond the year 9999 has no JSON form; it
			// cannot come from JSON either.
			t.Fatal(err)
		}
		again, err := decodeState(once)
		if err != nil {
			t.Fatalf("what was written does not read: %v", err)
		}
		twice, err := again.encode()
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("second writing differs (%v):\n%s\n%s", err, once, twice)
		}
	})
}

// FuzzRequestBody: any body on any writing endpoint is answered in JSON with a
// success or a refusal, without a panic, and never loses a key.
func FuzzRequestBody(f *testing.F) {
	sim, token, err := Open(Options{})
	if err != nil {
		f.Fatal(err)
	}
	if err := sim.store.update(func(next *state, _ io.Reader) error {
		next.keys = seedState(f).keys
		return nil
	}); err != nil {
		f.Fatal(err)
	}
	paths := []string{"transit/cmac/a", "transit/cmac/b/4", "transit/verify/a", "transit/keys/b/config",
		"transit/keys/a", "transit/keys/a/rotate", "auth/token/renew-self"}
	seeds := []string{
		`{"input":"AA=="}`, `{"input":"AA==","key_version":2,"mac_length":"4"}`, `null`, ``, `[]`,
		`{"batch_input":[{"input":"AA==","reference":"r","mac_length":3},{"input":"%","key_version":1}]}`,
		`{"input":"AA==","cmac":"vault:v1:AAAA"}`, `{"batch_input":[{"input":"AA==","cmac":"vault:v9999999999999999999:AA=="}]}`,
		`{"min_decryption_version":1,"min_encryption_version":"2","deletion_allowed":"1"}`,
		`{"type":"aes128-cmac","derived":null,"exportable":{}}`,
	}
	for i := range paths {
		for _, seed := range seeds {
			f.Add(uint8(i), seed)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		path := paths[int(which)%len(paths)]
		before := sim.store.read()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/"+path, strings.NewReader(body))
		r.Header.Set("X-Vault-Token", token)
		w := httptest.NewRecorder()
		sim.Handler().ServeHTTP(w, r)
		var answer struct {
			Errors []string        `json:"errors"`
			Data   json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("answer %d %q is no JSON: %v", w.Code, w.Body, err)
		}
		if (w.Code == http.StatusOK) != (answer.Errors == nil) {
			t.Errorf("answer %d with errors %q", w.Code, answer.Errors)
		}
		for name, key := range before.keys {
			if sim.store.read().keys[name].latest() < key.latest() {
				t.Errorf("key %s lost a version", name)
			}
		}
	})
}
