// Package key holds the key types of DESFire cards: AES-128 keys (FIPS 197)
// and the two-key and three-key triple DES of older cards (NIST SP 800-67),
// together with the block cipher MAC that all use (CMAC, NIST SP 800-38B and
// RFC 4493).
//
// A key never prints. It goes into fmt, slog, JSON and text encodings as
// "[redacted]", and as an address where package fmt calls no method, inside an
// unexported field. Reveal and AppendReveal are the only ways to its bytes, so
// that every exposure can be found with grep. Comparison takes constant time.
//
// Copies of a key share its bytes, and Destroy clears them for all. What the Go
// runtime or crypto/aes copied elsewhere stays beyond its reach, so clearing is
// best effort and short lifetimes are the rule.
package key

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"io"
)

// Size is the length in bytes of AES-128 and two-key triple DES keys.
const Size = 16

// AES128 is an AES-128 key. The zero value is the all-zero key, which DESFire
// applications are born with. Compare with Equal: == compares identity.
type AES128 struct {
	silent
	h hidden[[Size]byte]
}

// NewAES128 copies the 16 bytes of b.
func NewAES128(b []byte) (AES128, error) {
	if err := checkLength(b, Size, "AES-128"); err != nil {
		return AES128{}, err
	}
	return AES128{h: hide([Size]byte(b))}, nil
}

// GenerateAES128 draws a key from random, which is crypto/rand.Reader except
// in tests.
func GenerateAES128(random io.Reader) (AES128, error) {
	var b [Size]byte
	defer clear(b[:])
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return AES128{}, fmt.Errorf("draw an AES-128 key: %w", err)
	}
	return AES128{h: hide(b)}, nil
}

// Reveal returns a copy of the key's bytes. Whoever calls it answers for where
// they go.
func (k AES128) Reveal() [Size]byte { return *reveal(k.h) }

// AppendReveal appends the key's bytes to dst, as Reveal gives them.
func (k AES128) AppendReveal(dst []byte) []byte { return append(dst, reveal(k.h)[:]...) }

// Equal compares in constant time.
func (k AES128) Equal(other AES128) bool {
	return subtle.ConstantTimeCompare(reveal(k.h)[:], reveal(other.h)[:]) == 1
}

// Block is the key's block cipher.
func (k AES128) Block() cipher.Block {
	b, err := aes.NewCipher(reveal(k.h)[:])
	if err != nil {
		panic("key: internal error: AES refused a 16-byte key: " + err.Error())
	}
	return b
}

// Destroy clears the key, for every copy of it: using one afterwards panics. It
// may be called again.
func (k AES128) Destroy() { wipe(k.h) }
