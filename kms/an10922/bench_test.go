package an10922_test

import (
	"crypto/aes"
	"testing"

	aeadcmac "github.com/aead/cmac"

	"badgekms/kms/an10922"
	"badgekms/reader/key"
)

// The benchmarks of diversification stand next to their floors: no AN10922
// takes less than two dependent AES blocks, and none that is not prepared less
// than a key schedule.

var (
	benchKey = [key.Size]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF}
	benchM   = make([]byte, 26) // default M with a 13-byte system_id
)

func BenchmarkFloorTwoAESBlocks(b *testing.B) {
	block, err := aes.NewCipher(benchKey[:])
	if err != nil {
		b.Fatal(err)
	}
	state := make([]byte, 16)
	b.ReportAllocs()
	for b.Loop() {
		block.Encrypt(state, state)
		block.Encrypt(state, state)
	}
}

func BenchmarkFloorKeySchedule(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := aes.NewCipher(benchKey[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDerivePreparedInto(b *testing.B) {
	master := an10922.NewMaster(aesKey(b, benchKey[:]))
	m := input(b, benchM)
	dst := new([key.Size]byte)
	b.ReportAllocs()
	for b.Loop() {
		if err := master.DeriveInto(dst, m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDerivePreparedByValue(b *testing.B) {
	master := an10922.NewMaster(aesKey(b, benchKey[:]))
	m := input(b, benchM)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := master.Derive(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeriveUnprepared(b *testing.B) {
	k := aesKey(b, benchKey[:])
	m := input(b, benchM)
	dst := new([key.Size]byte)
	b.ReportAllocs()
	for b.Loop() {
		if err := an10922.NewMaster(k).DeriveInto(dst, m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAeadCMACPrepared(b *testing.B) {
	block, err := aes.NewCipher(benchKey[:])
	if err != nil {
		b.Fatal(err)
	}
	h, err := aeadcmac.New(block)
	if err != nil {
		b.Fatal(err)
	}
	message := input(b, benchM).Message()
	dst := make([]byte, 0, 16)
	b.ReportAllocs()
	for b.Loop() {
		h.Reset()
		if _, err := h.Write(message); err != nil {
			b.Fatal(err)
		}
		dst = h.Sum(dst[:0])
	}
}

func BenchmarkAeadCMACUnprepared(b *testing.B) {
	message := input(b, benchM).Message()
	b.ReportAllocs()
	for b.Loop() {
		block, err := aes.NewCipher(benchKey[:])
		if err != nil {
			b.Fatal(err)
		}
		if _, err := aeadcmac.Sum(message, block, 16); err != nil {
			b.Fatal(err)
		}
	}
}
