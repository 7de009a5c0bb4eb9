package key_test

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"badgekms/reader/key"
)

// secretBytes is a key in which every byte is recognisable in any base.
var secretBytes = bytes.Repeat([]byte{0xD7, 0x6B}, key.Size/2)

func keys(t testing.TB) (key.AES128, key.TDEA2) {
	t.Helper()
	a, err := key.NewAES128(secretBytes)
	if err != nil {
		t.Fatal(err)
	}
	d, err := key.NewTDEA2(secretBytes)
	if err != nil {
		t.Fatal(err)
	}
	return a, d
}

// leaks are the forms in which an encoder could show the key.
var leaks = []string{
	hex.EncodeToString(secretBytes[:2]), "215 107", "215, 107", "215,107", "0xd7", `\xd7`, "327 153", "12sX", "16vX", "d7 6b",
}

func checkSilent(t *testing.T, how, out string) {
	t.Helper()
	for _, leak := range leaks {
		if strings.Contains(strings.ToLower(out), strings.ToLower(leak)) {
			t.Errorf("%s prints %q: %s", how, leak, out)
		}
	}
}

// TestKeysNeverPrint tries every way to print a key, by value, by pointer and
// inside exported fields, slices and maps.
func TestKeysNeverPrint(t *testing.T) {
	a, d := keys(t)
	type nested struct {
		K key.AES128
		P *key.TDEA2
	}
	values := map[string]any{
		"AES": a, "TDEA2": d, "*AES": &a, "*TDEA2": &d,
		"struct": nested{a, &d}, "*struct": &nested{a, &d}, "slice": []key.AES128{a}, "array": [1]key.TDEA2{d},
		"map": map[string]key.AES128{"k": a}, "CMAC": key.NewCMAC(a.Block()), "any": []any{a, &d},
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U", "%t", "%T"} {
			checkSilent(t, name+" "+verb, fmt.Sprintf(verb, v))
		}
		checkSilent(t, name+" Sprint", fmt.Sprint(v)+fmt.Sprintln(v))
		checkSilent(t, name+" error", fmt.Errorf("derive: %v", v).Error())
		if b, err := json.Marshal(v); err == nil {
			checkSilent(t, name+" JSON", string(b))
		}
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("key", "k", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("key", "k", v)
		checkSilent(t, name+" slog", out.String())
	}
	if got := fmt.Sprintf("%s %s", a, d); got != "[redacted] [redacted]" {
		t.Errorf("a key prints as %q", got)
	}
	if got, err := json.Marshal(map[string]any{"k": a}); string(got) != `{"k":"[redacted]"}` || err != nil {
		t.Errorf("JSON %s, %v", got, err)
	}
}

func TestKeysAreNotSerialised(t *testing.T) {
	a, d := keys(t)
	for _, v := range []any{a, d, &a, &d, struct{ K key.AES128 }{a}} {
		var out bytes.Buffer
		if err := gob.NewEncoder(&out).Encode(v); err == nil {
			t.Errorf("gob encodes %T", v)
		}
		if bytes.Contains(out.Bytes(), secretBytes[:4]) {
			t.Errorf("gob wrote the key of %T", v)
		}
	}
}

func TestEqual(t *testing.T) {
	a, d := keys(t)
	for i := range secretBytes {
		other := bytes.Clone(secretBytes)
		other[i] ^= 1
		b, _ := key.NewAES128(other)
		e, _ := key.NewTDEA2(other)
		if a.Equal(b) || b.Equal(a) || d.Equal(e) {
			t.Errorf("keys that differ in byte %d are equal", i)
		}
	}
	b, e := keys(t)
	if !a.Equal(b) || !d.Equal(e) {
		t.Error("equal keys differ")
	}
}

func TestRevealIsACopy(t *testing.T) {
	a, d := keys(t)
	ra, rd := a.Reveal(), d.Reveal()
	if !bytes.Equal(ra[:], secretBytes) || !bytes.Equal(rd[:], secretBytes) {
		t.Error("Reveal gives other bytes")
	}
	clear(ra[:])
	clear(rd[:])
	if ra, rd := a.Reveal(), d.Reveal(); !bytes.Equal(ra[:], secretBytes) || !bytes.Equal(rd[:], secretBytes) {
		t.Error("clearing what Reveal gave cleared the key")
	}
}

// A destroyed key is gone for all its copies, and must not pass for the public
// all-zero key.
func TestDestroy(t *testing.T) {
	a, d := keys(t)
	copyOfA, copyOfD := a, d
	a.Destroy()
	a.Destroy()
	d.Destroy()
	for name, use := range map[string]func(){
		"AES128":          func() { a.Reveal() },
		"copy of AES128":  func() { copyOfA.Block() },
		"AES128 compared": func() { a.Equal(key.AES128{}) },
		"TDEA2":           func() { d.Reveal() },
		"copy of TDEA2":   func() { copyOfD.Single() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: a destroyed key can be used", name)
				}
			}()
			use()
		}()
	}
	if zero := (key.AES128{}); zero.Reveal() != [key.Size]byte{} {
		t.Error("the zero value is not the all-zero key")
	}
	zero := key.AES128{}
	zero.Destroy()
	if zero.Reveal() != [key.Size]byte{} {
		t.Error("destroying the zero value changed it")
	}
}

// Package fmt calls no method inside an unexported field: what it prints there
// must not be the key either.
func TestKeysInUnexportedFieldsNeverPrint(t *testing.T) {
	a, d := keys(t)
	type holder struct {
		aes  key.AES128
		tdea key.TDEA2
	}
	type deep struct{ h []holder }
	h := holder{a, d}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%t"} {
		for _, value := range []any{h, &h, []holder{h}, deep{[]holder{h}}, map[string]holder{"k": h}, any(h), reflect.ValueOf(h)} {
			out := fmt.Sprintf(verb, value)
			for _, form := range []string{"%x", "%X", "%d", "%v", "% x", "% d", "%08b", "%b", "%q", "%s"} {
				for _, secret := range []any{secretBytes, [key.Size]byte(secretBytes)} {
					if strings.Contains(out, strings.Trim(fmt.Sprintf(form, secret), "[]")) {
						t.Errorf("%s of %T prints the key: %s", verb, value, out)
					}
				}
			}
		}
	}
}

func TestNewRefusesOtherLengths(t *testing.T) {
	for n := range 33 {
		_, errA := key.NewAES128(make([]byte, n))
		_, errD := key.NewTDEA2(make([]byte, n))
		if ok := n == key.Size; (errA == nil) != ok || (errD == nil) != ok {
			t.Errorf("%d bytes: %v, %v", n, errA, errD)
		}
		if n != key.Size && (!errors.Is(errA, key.ErrLength) || !errors.Is(errD, key.ErrLength)) {
			t.Errorf("%d bytes: %v, %v, want ErrLength", n, errA, errD)
		}
	}
}

func TestGenerate(t *testing.T) {
	k, err := key.GenerateAES128(bytes.NewReader(secretBytes))
	want, _ := keys(t)
	if err != nil || !k.Equal(want) {
		t.Errorf("the key is not what the source of randomness gave: %v", err)
	}
	k, err = key.GenerateAES128(bytes.NewReader(secretBytes[:15]))
	if err == nil || !k.Equal(key.AES128{}) {
		t.Errorf("a short source of randomness: %v", err)
	}
}

// TestSingle: a key whose halves differ in parity bits only is single DES.
func TestSingle(t *testing.T) {
	parity := bytes.Clone(secretBytes)
	parity[9] ^= 1
	half := bytes.Clone(secretBytes)
	half[15] ^= 0x80
	for _, tt := range []struct {
		b    []byte
		want bool
	}{{make([]byte, 16), true}, {secretBytes, true}, {parity, true}, {half, false}} {
		k, _ := key.NewTDEA2(tt.b)
		if k.Single() != tt.want {
			t.Errorf("%X: single %t, want %t", tt.b, k.Single(), tt.want)
		}
	}
}
