package key

import (
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
)

// SizeTDEA3 is the length in bytes of a three-key triple DES key.
const SizeTDEA3 = 24

// desSize is the length of one DES key.
const desSize = 8

// TDEA2 is a two-key triple DES key, K1 ‖ K2. With K1 = K2 it behaves as
// single DES; the zero value is the key of a factory-fresh DESFire card.
// Compare with Equal: == compares identity.
type TDEA2 struct {
	silent
	h hidden[[Size]byte]
}

// NewTDEA2 copies the 16 bytes of b.
func NewTDEA2(b []byte) (TDEA2, error) {
	if err := checkLength(b, Size, "two-key triple DES"); err != nil {
		return TDEA2{}, err
	}
	return TDEA2{h: hide([Size]byte(b))}, nil
}

// Reveal returns a copy of the key's bytes, parity (or version) bits included.
func (k TDEA2) Reveal() [Size]byte { return *reveal(k.h) }

// AppendReveal appends the key's bytes to dst, as Reveal gives them.
func (k TDEA2) AppendReveal(dst []byte) []byte { return append(dst, reveal(k.h)[:]...) }

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
	for i := range desSize {
		diff |= (b[i] ^ b[i+desSize]) &^ 1
	}
	return subtle.ConstantTimeByteEq(diff, 0) == 1
}

// Version is the key version that a card answers for the key; see WithVersion.
func (k TDEA2) Version() byte { return version(reveal(k.h)[:]) }

// WithVersion returns the key with another version. A triple DES key has no
// version byte: its version is the lowest bits of K1, which DES does not use,
// the highest bit of the version in the first byte (desfire-facts §3.4). All
// other bits stay.
func (k TDEA2) WithVersion(v byte) TDEA2 {
	b := k.Reveal()
	defer clear(b[:])
	setVersion(b[:], v)
	return TDEA2{h: hide(b)}
}

// Block is the key's block cipher (K1, K2, K1).
func (k TDEA2) Block() cipher.Block {
	var full [SizeTDEA3]byte
	defer clear(full[:])
	copy(full[:], reveal(k.h)[:])
	copy(full[Size:], reveal(k.h)[:desSize])
	return tripleDES(full[:])
}

// Destroy clears the key, for every copy of it: using one afterwards panics. It
// may be called again.
func (k TDEA2) Destroy() { wipe(k.h) }

// TDEA3 is a three-key triple DES key, K1 ‖ K2 ‖ K3, which NXP also writes
// 3K3DES. Compare with Equal: == compares identity.
type TDEA3 struct {
	silent
	h hidden[[SizeTDEA3]byte]
}

// NewTDEA3 copies the 24 bytes of b.
func NewTDEA3(b []byte) (TDEA3, error) {
	if err := checkLength(b, SizeTDEA3, "three-key triple DES"); err != nil {
		return TDEA3{}, err
	}
	return TDEA3{h: hide([SizeTDEA3]byte(b))}, nil
}

// Reveal returns a copy of the key's bytes, parity (or version) bits included.
func (k TDEA3) Reveal() [SizeTDEA3]byte { return *reveal(k.h) }

// AppendReveal appends the key's bytes to dst, as Reveal gives them.
func (k TDEA3) AppendReveal(dst []byte) []byte { return append(dst, reveal(k.h)[:]...) }

// Equal compares in constant time, parity bits included.
func (k TDEA3) Equal(other TDEA3) bool {
	return subtle.ConstantTimeCompare(reveal(k.h)[:], reveal(other.h)[:]) == 1
}

// Version is the key version that a card answers for the key; see
// TDEA2.WithVersion.
func (k TDEA3) Version() byte { return version(reveal(k.h)[:]) }

// WithVersion returns the key with another version, as TDEA2.WithVersion does.
func (k TDEA3) WithVersion(v byte) TDEA3 {
	b := k.Reveal()
	defer clear(b[:])
	setVersion(b[:], v)
	return TDEA3{h: hide(b)}
}

// Block is the key's block cipher (K1, K2, K3).
func (k TDEA3) Block() cipher.Block { return tripleDES(reveal(k.h)[:]) }

// Destroy clears the key, for every copy of it: using one afterwards panics. It
// may be called again.
func (k TDEA3) Destroy() { wipe(k.h) }

func tripleDES(k []byte) cipher.Block {
	b, err := des.NewTripleDESCipher(k)
	if err != nil {
		panic("key: internal error: triple DES refused a 24-byte key: " + err.Error())
	}
	return b
}

func version(k []byte) (v byte) {
	for _, b := range k[:desSize] {
		v = v<<1 | b&1
	}
	return v
}

func setVersion(k []byte, v byte) {
	for i := range k[:desSize] {
		k[i] = k[i]&^1 | v>>(desSize-1-i)&1
	}
}
