// Package key holds the key types of DESFire cards: AES-128 keys (FIPS 197)
// and the two-key triple DES of a factory card (NIST SP 800-67), together with
// the block cipher MAC that both use (CMAC, NIST SP 800-38B and RFC 4493).
//
// A key never prints. It goes into fmt, slog, JSON and text encodings as
// "[redacted]", and as an address where package fmt calls no method, inside an
// unexported field. Reveal is the only way to its bytes, so that every exposure
// can be found with grep. Comparison takes constant time.
//
// Copies of a key share its bytes, and Destroy clears them for all. What the Go
// runtime or crypto/aes copied elsewhere stays beyond its reach, so clearing is
// best effort and short lifetimes are the rule.
package key

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
)

// Size is the length in bytes of every key of this package.
const Size = 16

// ErrLength is wrapped by the error for key bytes of another length than Size.
var ErrLength = errors.New("wrong key length")

const redacted = "[redacted]"

// hidden holds the bytes of a key behind two pointers, because fmt follows one:
// it prints what a field points to where a verb does not fit. Both pointers
// and the bytes are one allocation. nil is the all-zero key.
type hidden **[Size]byte

func hide(b []byte) hidden {
	h := new(struct {
		first *[Size]byte
		bytes [Size]byte
	})
	h.first = &h.bytes
	copy(h.bytes[:], b)
	return &h.first
}

// reveal gives the bytes themselves; they are not to be changed. A destroyed
// key must not pass for the public all-zero key: to use one is an error of the
// program.
func reveal(h hidden) *[Size]byte {
	switch {
	case h == nil:
		return new([Size]byte)
	case *h == nil:
		panic("key: internal error: a key is used after Destroy")
	}
	return *h
}

func checkLength(b []byte, name string) error {
	if len(b) != Size {
		return fmt.Errorf("%s key: %w: %d bytes, want %d", name, ErrLength, len(b), Size)
	}
	return nil
}

func wipe(h hidden) {
	if h != nil && *h != nil {
		clear((*h)[:])
		runtime.KeepAlive(*h)
		*h = nil
	}
}

// AES128 is an AES-128 key. The zero value is the all-zero key, which DESFire
// applications are born with. Compare with Equal: == compares identity.
type AES128 struct{ h hidden }

// NewAES128 copies the 16 bytes of b.
func NewAES128(b []byte) (AES128, error) {
	if err := checkLength(b, "AES-128"); err != nil {
		return AES128{}, err
	}
	return AES128{hide(b)}, nil
}

// GenerateAES128 draws a key from random, which is crypto/rand.Reader except
// in tests.
func GenerateAES128(random io.Reader) (AES128, error) {
	var b [Size]byte
	defer clear(b[:])
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return AES128{}, fmt.Errorf("draw an AES-128 key: %w", err)
	}
	return AES128{hide(b[:])}, nil
}

// Reveal returns a copy of the key's bytes. Whoever calls it answers for where
// they go.
func (k AES128) Reveal() [Size]byte { return *reveal(k.h) }

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

// TDEA2 is a two-key triple DES key, K1 ‖ K2. With K1 = K2 it behaves as
// single DES; the zero value is the key of a factory-fresh DESFire card.
// Compare with Equal: == compares identity.
type TDEA2 struct{ h hidden }

// NewTDEA2 copies the 16 bytes of b.
func NewTDEA2(b []byte) (TDEA2, error) {
	if err := checkLength(b, "two-key triple DES"); err != nil {
		return TDEA2{}, err
	}
	return TDEA2{hide(b)}, nil
}

// Reveal returns a copy of the key's bytes, parity (or version) bits included.
func (k TDEA2) Reveal() [Size]byte { return *reveal(k.h) }

// Equal compares in constant time, parity bits included.
func (k TDEA2) Equal(other TDEA2) bool {
	return subtle.ConstantTimeCompare(reveal(k.h)[:], reveal(other.h)[:]) == 1
}

// Single tells whether K1 and K2 are the same cipher key, so that the key
// behaves as single DES: they are compared without the lowest bit of each
// byte, which DES does not use.
func (k TDEA2) Single() bool {
	b := reveal(k.h)
	var diff byte
	for i := range Size / 2 {
		diff |= (b[i] ^ b[i+Size/2]) &^ 1
	}
	return subtle.ConstantTimeByteEq(diff, 0) == 1
}

// Block is the key's block cipher (K1, K2, K1).
func (k TDEA2) Block() cipher.Block {
	var full [24]byte
	copy(full[:], reveal(k.h)[:])
	copy(full[Size:], reveal(k.h)[:8])
	b, err := des.NewTripleDESCipher(full[:])
	clear(full[:])
	if err != nil {
		panic("key: internal error: triple DES refused a 24-byte key: " + err.Error())
	}
	return b
}

// Destroy clears the key, for every copy of it: using one afterwards panics. It
// may be called again.
func (k TDEA2) Destroy() { wipe(k.h) }

// The methods below keep keys out of every encoder that prints.

// String implements fmt.Stringer.
func (AES128) String() string { return redacted }

// Format implements fmt.Formatter for every verb.
func (AES128) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (AES128) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler; it serves JSON and YAML too.
func (AES128) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalBinary refuses: a key is never serialised by accident (gob uses this).
func (AES128) MarshalBinary() ([]byte, error) { return nil, errNotSerialised }

// String implements fmt.Stringer.
func (TDEA2) String() string { return redacted }

// Format implements fmt.Formatter for every verb.
func (TDEA2) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (TDEA2) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler; it serves JSON and YAML too.
func (TDEA2) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalBinary refuses: a key is never serialised by accident (gob uses this).
func (TDEA2) MarshalBinary() ([]byte, error) { return nil, errNotSerialised }

var errNotSerialised = errors.New("key: keys are not serialised")
