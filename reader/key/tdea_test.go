package key_test

import (
	"bytes"
	"crypto/des"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"badgekms/reader/key"
	"badgekms/test/vectors"
)

// secret24 is a three-key triple DES key that is recognisable in any base.
var secret24 = bytes.Repeat([]byte{0xD7, 0x6B}, key.SizeTDEA3/2)

func tdea3(t testing.TB, b []byte) key.TDEA3 {
	t.Helper()
	k, err := key.NewTDEA3(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTDEA3NeverPrints(t *testing.T) {
	k := tdea3(t, secret24)
	type holder struct{ tdea key.TDEA3 }
	for _, v := range []any{k, &k, []key.TDEA3{k}, struct{ K key.TDEA3 }{k}, holder{k}, &holder{k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b"} {
			checkSilent(t, verb, fmt.Sprintf(verb, v))
		}
		b, _ := json.Marshal(v)
		checkSilent(t, "JSON", string(b))
		var out strings.Builder
		slog.New(slog.NewTextHandler(&out, nil)).Info("key", "k", v)
		checkSilent(t, "slog", out.String())
	}
	if got := fmt.Sprint(k); got != "[redacted]" {
		t.Errorf("a key prints as %q", got)
	}
	if _, err := k.MarshalBinary(); err == nil {
		t.Error("a key is serialised")
	}
}

func TestTDEA3(t *testing.T) {
	k := tdea3(t, secret24)
	if b := k.Reveal(); !bytes.Equal(b[:], secret24) {
		t.Error("Reveal gives other bytes")
	}
	for i := range secret24 {
		other := bytes.Clone(secret24)
		other[i] ^= 1
		if k.Equal(tdea3(t, other)) {
			t.Errorf("keys that differ in byte %d are equal", i)
		}
	}
	if !k.Equal(tdea3(t, secret24)) {
		t.Error("equal keys differ")
	}
	for n := range 33 {
		if _, err := key.NewTDEA3(make([]byte, n)); (err == nil) != (n == key.SizeTDEA3) || err != nil && !errors.Is(err, key.ErrLength) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	k.Destroy()
	defer func() {
		if recover() == nil {
			t.Error("a destroyed key can be used")
		}
	}()
	k.Block()
}

// TestTDEA3Block: K1, K2 and K3 are used, in this order.
func TestTDEA3Block(t *testing.T) {
	parts := []byte("01234567abcdefghABCDEFGH")
	block := tdea3(t, parts).Block()
	got := []byte("plaintxt")
	want := bytes.Clone(got)
	block.Encrypt(got, got)
	for i, way := range []int{1, -1, 1} {
		single, err := des.NewCipher(parts[8*i : 8*i+8])
		if err != nil {
			t.Fatal(err)
		}
		if way > 0 {
			single.Encrypt(want, want)
		} else {
			single.Decrypt(want, want)
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%X, want %X", got, want)
	}
}

func TestAppendReveal(t *testing.T) {
	a, d := keys(t)
	want := "x" + string(secretBytes)
	if string(a.AppendReveal([]byte("x"))) != want || string(d.AppendReveal([]byte("x"))) != want {
		t.Error("AppendReveal gives other bytes")
	}
	if got := string(tdea3(t, secret24).AppendReveal([]byte("x"))); got != "x"+string(secret24) {
		t.Error("AppendReveal gives other bytes")
	}
}

// TestVersionsOfRecordedKeys holds Version to what a real card answered to
// GetKeyVersion for a key that a session before it had set: 10.
func TestVersionsOfRecordedKeys(t *testing.T) {
	n := 0
	for _, v := range vectors.EV1Sessions(t) {
		for _, st := range v.Steps {
			if st.Name != "GetKeyVersion" || st.TXData[0] != v.Auth.KeyNo[0] {
				continue
			}
			var got byte
			switch v.Auth.Cipher {
			case "2k3des":
				k, err := key.NewTDEA2(v.Auth.Key)
				if err != nil {
					t.Fatal(err)
				}
				got = k.Version()
			case "3k3des":
				got = tdea3(t, v.Auth.Key).Version()
			default:
				continue
			}
			n++
			if got != st.RXData[0] {
				t.Errorf("%s: version %02X, want %s", v.ID, got, st.RXData)
			}
		}
	}
	if n != 2 {
		t.Errorf("%d recorded versions, want 2", n)
	}
}

// TestWithVersion: a version changes no other bit, and not the cipher.
func TestWithVersion(t *testing.T) {
	_, d := keys(t)
	k := tdea3(t, secret24)
	for v := range 256 {
		d2, k2 := d.WithVersion(byte(v)), k.WithVersion(byte(v))
		if d2.Version() != byte(v) || k2.Version() != byte(v) {
			t.Fatalf("version %02X comes back as %02X and %02X", v, d2.Version(), k2.Version())
		}
		bd, bk := d2.Reveal(), k2.Reveal()
		for i, b := range append(bd[:], bk[:]...) {
			original := append(bytes.Clone(secretBytes), secret24...)[i]
			if mask := byte(0xFE); b&mask != original&mask || i%16 >= 8 && i < 16 && b != original {
				t.Fatalf("version %02X changed byte %d", v, i)
			}
		}
	}
	if b := d.WithVersion(0x80).Reveal(); b[0]&1 != 1 || b[1]&1 != 0 {
		t.Error("the highest bit of the version is not in the first byte")
	}
	if d.Version() != 0xFF {
		t.Error("WithVersion changed the key itself")
	}
}
