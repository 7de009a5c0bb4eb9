package custodytest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"

	"github.com/aead/cmac"

	"badgekms/kms/an10922"
	"badgekms/kms/custody"
	"badgekms/reader/key"
)

// published holds AES-128 examples. The first is NXP AN10922 §2.2.1, the
// second NXP AN10957 pages 13-14 (as quoted by libfreefare's tests), whose M is
// too short for a custody that computes plain CMAC.
var published = []struct{ master, m, key string }{
	{"00112233445566778899AABBCCDDEEFF", "04782E21801D803042F54E585020416275", "A8DD63A3B89D54B37CA802473FDA9175"},
	{"F3F9377698707B688EAF84ABE39E3791", "04DEADBEEFFEED", "0BB408BAFF98B6EE9F2E1585777F6A51"},
}

func testVectors(t *testing.T, b Backend) {
	ran := 0
	for i, v := range published {
		input, err := an10922.NewM(unhex(t, v.m))
		if err != nil {
			t.Fatal(err)
		}
		if input.Len() < b.Custody.Capabilities().ShortestM {
			continue
		}
		ran++
		m := b.Plant(t, fmt.Sprintf("vector-%d", i), 1, keyOf(t, unhex(t, v.master)))
		keys, err := b.Custody.Derive(t.Context(), m, []an10922.M{input})
		if err != nil || len(keys) != 1 || !keys[0].Equal(keyOf(t, unhex(t, v.key))) {
			t.Errorf("vector %d: not met (%d keys, error %v)", i, len(keys), err)
		}
	}
	if ran == 0 {
		t.Error("no vector ran")
	}
}

// testBatch derives many inputs of every allowed length in one call, one of
// them twice, and expects each key in its place.
func testBatch(t *testing.T, b Backend) {
	master := keyOf(t, bytes.Repeat([]byte{0xC7}, key.Size))
	m := b.Plant(t, "staff-doors", 1, master)
	var inputs []an10922.M
	for n := an10922.ShortestPlain; n <= an10922.MaxM; n++ {
		inputs = append(inputs, inputOf(t, n, byte(n)), inputOf(t, n, byte(n)+100))
	}
	inputs = append(inputs, inputs[3])
	keys, err := b.Custody.Derive(t.Context(), m, inputs)
	if err != nil || len(keys) != len(inputs) {
		t.Fatalf("%d keys for %d inputs, error %v", len(keys), len(inputs), err)
	}
	for i := range keys {
		if !keys[i].Equal(plainCMAC(t, master, inputs[i])) {
			t.Errorf("key %d of %v is not its CMAC", i, inputs[i])
		}
	}
}

// testConcurrent derives under three masters at once from many goroutines.
func testConcurrent(t *testing.T, b Backend) {
	type plant struct {
		master custody.Master
		key    key.AES128
	}
	var plants []plant
	for i := range 3 {
		k := keyOf(t, bytes.Repeat([]byte{byte(i + 1)}, key.Size))
		plants = append(plants, plant{b.Plant(t, "staff-doors", i+1, k), k})
	}
	var all sync.WaitGroup
	for worker := range 12 {
		p := plants[worker%len(plants)]
		inputs := []an10922.M{inputOf(t, 26, byte(worker)), inputOf(t, 31, byte(worker))}
		want := []key.AES128{plainCMAC(t, p.key, inputs[0]), plainCMAC(t, p.key, inputs[1])}
		all.Go(func() {
			for range 8 {
				keys, err := b.Custody.Derive(t.Context(), p.master, inputs)
				if err != nil || len(keys) != 2 || !keys[0].Equal(want[0]) || !keys[1].Equal(want[1]) {
					t.Errorf("worker %d: wrong keys (%d, error %v)", worker, len(keys), err)
					return
				}
			}
		})
	}
	all.Wait()
}

// plainCMAC is the daughter key by github.com/aead/cmac, for inputs of 16
// bytes and more.
func plainCMAC(t testing.TB, master key.AES128, m an10922.M) key.AES128 {
	t.Helper()
	if !m.PlainCMAC() {
		t.Fatalf("%v is no plain CMAC", m)
	}
	tag, err := cmac.Sum(m.Message(), master.Block(), key.Size)
	if err != nil {
		t.Fatal(err)
	}
	return keyOf(t, tag)
}

// inputOf makes an M of n bytes that begin with first.
func inputOf(t testing.TB, n int, first byte) an10922.M {
	t.Helper()
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	m, err := an10922.NewM(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func keyOf(t testing.TB, b []byte) key.AES128 {
	t.Helper()
	k, err := key.NewAES128(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
