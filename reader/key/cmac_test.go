package key_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"strings"
	"sync"
	"testing"

	aead "github.com/aead/cmac"

	"badgekms/reader/key"
	"badgekms/test/vectors"
)

// block is the cipher of a vector: key types exist for AES and two-key triple
// DES only.
func block(t testing.TB, v vectors.CMAC) cipher.Block {
	t.Helper()
	var b cipher.Block
	var err error
	switch v.Cipher {
	case "aes":
		if len(v.Key) == key.Size {
			k, err := key.NewAES128(v.Key)
			if err != nil {
				t.Fatal(err)
			}
			return k.Block()
		}
		b, err = aes.NewCipher(v.Key)
	case "des":
		b, err = des.NewCipher(v.Key)
	case "2k3des":
		k, err := key.NewTDEA2(v.Key)
		if err != nil {
			t.Fatal(err)
		}
		return k.Block()
	case "3k3des":
		b, err = des.NewTripleDESCipher(v.Key)
	default:
		t.Fatalf("%s: cipher %q", v.ID, v.Cipher)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCMACVectors(t *testing.T) {
	ciphers := map[string]int{}
	for _, v := range vectors.CMACs(t) {
		ciphers[v.Cipher]++
		c := key.NewCMAC(block(t, v))
		got := make([]byte, c.BlockSize())
		c.Sum(got, nil, v.Msg)
		if !bytes.Equal(got, v.Sum) {
			t.Errorf("%s: %X, want %s", v.ID, got, v.Sum)
		}
	}
	for _, name := range []string{"aes", "des", "2k3des", "3k3des"} {
		if ciphers[name] == 0 {
			t.Errorf("no vector for %s", name)
		}
	}
}

// TestCMACStartIV checks the chained start by its definition: a start IV is the
// same as a first block that enciphers to it.
func TestCMACStartIV(t *testing.T) {
	for _, v := range vectors.CMACs(t) {
		b := block(t, v)
		c := key.NewCMAC(b)
		for _, n := range []int{0, 1, b.BlockSize(), b.BlockSize() + 1, 5 * b.BlockSize()} {
			msg := bytes.Repeat([]byte{0x5A}, n)
			if n == 0 {
				continue // an empty message after a block is not the empty message
			}
			first := bytes.Repeat([]byte{7}, b.BlockSize())
			iv := make([]byte, b.BlockSize())
			b.Encrypt(iv, first)
			want, got := make([]byte, b.BlockSize()), make([]byte, b.BlockSize())
			c.Sum(want, nil, append(bytes.Clone(first), msg...))
			c.Sum(got, iv, msg)
			if !bytes.Equal(got, want) {
				t.Errorf("%s, %d bytes: %X, want %X", v.ID, n, got, want)
			}
			c.Sum(iv, iv, msg)
			if !bytes.Equal(iv, want) {
				t.Errorf("%s, %d bytes, in place: %X, want %X", v.ID, n, iv, want)
			}
		}
	}
}

func TestCMACAllocatesNothing(t *testing.T) {
	c := key.NewCMAC(key.AES128{}.Block())
	var dst [key.Size]byte
	msg := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() { c.Sum(dst[:], nil, msg) }); n != 0 {
		t.Errorf("Sum allocates %v times", n)
	}
}

// TestCMACIsShared: one CMAC serves many goroutines (run with -race).
func TestCMACIsShared(t *testing.T) {
	v := vectors.CMACs(t)[0]
	c := key.NewCMAC(block(t, v))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				got := make([]byte, c.BlockSize())
				c.Sum(got, nil, v.Msg)
				if !bytes.Equal(got, v.Sum) {
					t.Errorf("%X, want %s", got, v.Sum)
				}
			}
		})
	}
	wg.Wait()
}

// oddCipher has blocks of 4 bytes, for which CMAC has no polynomial.
type oddCipher struct{ cipher.Block }

func (oddCipher) BlockSize() int { return 4 }

func TestCMACRefusesOddBlocks(t *testing.T) {
	defer func() {
		if r, ok := recover().(string); !ok || !strings.Contains(r, "4 bytes") {
			t.Errorf("panic %q", r)
		}
	}()
	key.NewCMAC(oddCipher{})
}

// FuzzCMAC compares with github.com/aead/cmac, an implementation that shares
// nothing with ours.
func FuzzCMAC(f *testing.F) {
	seeds := vectors.CMACs(f) // fails when there are none
	for _, v := range seeds {
		f.Add([]byte(v.Key), []byte(v.Msg))
	}
	f.Fuzz(func(t *testing.T, k, msg []byte) {
		b, err := aes.NewCipher(k)
		if err != nil {
			if b, err = des.NewTripleDESCipher(k); err != nil {
				return
			}
		}
		want, err := aead.Sum(msg, b, b.BlockSize())
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, b.BlockSize())
		key.NewCMAC(b).Sum(got, nil, msg)
		if !bytes.Equal(got, want) {
			t.Errorf("key %X, message %X: %X, want %X", k, msg, got, want)
		}
	})
}

func BenchmarkCMAC(b *testing.B) {
	k := key.AES128{}.Block()
	msg := make([]byte, 64)
	var dst [key.Size]byte
	b.Run("prepared", func(b *testing.B) {
		c := key.NewCMAC(k)
		b.ReportAllocs()
		for b.Loop() {
			c.Sum(dst[:], nil, msg)
		}
	})
	b.Run("floor: 4 AES blocks", func(b *testing.B) {
		for b.Loop() {
			for range 4 {
				k.Encrypt(dst[:], dst[:])
			}
		}
	})
	b.Run("aead/cmac", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := aead.Sum(msg, k, 16); err != nil {
				b.Fatal(err)
			}
		}
	})
}
