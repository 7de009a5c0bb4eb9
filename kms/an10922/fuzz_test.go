package an10922_test

import (
	"bytes"
	"crypto/aes"
	"testing"

	aeadcmac "github.com/aead/cmac"

	"badgekms/kms/an10922"
	"badgekms/reader/key"
)

// twoBlocks is AN10922 §2.2 written a second time, apart from reader/key and
// over big-endian arithmetic on bytes, for the lengths that no CMAC library
// computes.
func twoBlocks(t testing.TB, k, m []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(k)
	if err != nil {
		t.Fatal(err)
	}
	subkey := make([]byte, 16)
	block.Encrypt(subkey, subkey)
	d := append([]byte{0x01}, m...)
	doublings := 1
	if len(d) < 32 {
		doublings = 2
		d = append(append(d, 0x80), make([]byte, 31-len(d))...)
	}
	for range doublings {
		subkey = timesX(subkey)
	}
	for i, b := range subkey {
		d[16+i] ^= b
	}
	chain := make([]byte, 16)
	for _, part := range [][]byte{d[:16], d[16:]} {
		for i, b := range part {
			chain[i] ^= b
		}
		block.Encrypt(chain, chain)
	}
	return chain
}

// timesX multiplies by x in GF(2^128) with the polynomial of SP 800-38B.
func timesX(b []byte) []byte {
	out := make([]byte, 16)
	carry := byte(0)
	for i := 15; i >= 0; i-- {
		out[i] = b[i]<<1 | carry
		carry = b[i] >> 7
	}
	if carry == 1 {
		out[15] ^= 0x87
	}
	return out
}

// FuzzDerive compares with github.com/aead/cmac where AN10922 is plain CMAC,
// and with the second implementation above everywhere.
func FuzzDerive(f *testing.F) {
	seeds := 0
	for _, v := range loadVectors(f) {
		if v.KeyType == "AES128" {
			f.Add(unhex(f, v.MasterKey), unhex(f, v.DivInput))
			seeds++
		}
	}
	if seeds < 8 {
		f.Fatalf("only %d seeds", seeds)
	}
	f.Fuzz(func(t *testing.T, k, b []byte) {
		if len(k) != key.Size {
			k = append(k, make([]byte, key.Size)...)[:key.Size]
		}
		m, err := an10922.NewM(b)
		if (err == nil) != (len(b) >= 1 && len(b) <= 31) {
			t.Fatalf("%d bytes: error %v", len(b), err)
		}
		if err != nil {
			return
		}
		got := derive(t, aesKey(t, k), m)
		if want := twoBlocks(t, k, b); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: %x, the second implementation gives %x", len(b), got, want)
		}
		if !m.PlainCMAC() {
			return
		}
		block, err := aes.NewCipher(k)
		if err != nil {
			t.Fatal(err)
		}
		want, err := aeadcmac.Sum(append([]byte{1}, b...), block, 16)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: %x, aead/cmac gives %x (error %v)", len(b), got, want, err)
		}
	})
}
