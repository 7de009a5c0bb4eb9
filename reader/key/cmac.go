package key

import (
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// maxBlock is the largest block of a cipher used here (AES).
const maxBlock = 16

// CMAC is a block cipher prepared for CMAC: the cipher with the two subkeys of
// NIST SP 800-38B §6.1. It holds no other state, so one CMAC may serve many
// goroutines.
//
// Time depends on the length of the message only: subkey doubling has no
// branch on key bits.
type CMAC struct {
	block  cipher.Block
	size   int
	k1, k2 [maxBlock]byte
}

// NewCMAC prepares b, a cipher with blocks of 8 bytes (DES) or 16 bytes (AES).
// Any other size is an error of the program and panics.
func NewCMAC(b cipher.Block) *CMAC {
	c := new(CMAC)
	c.Init(b)
	return c
}

// Init is NewCMAC in place, for a CMAC that is part of something larger.
func (c *CMAC) Init(b cipher.Block) {
	*c = CMAC{block: b, size: b.BlockSize()}
	var polynomial byte
	switch c.size {
	case 8:
		polynomial = 0x1B
	case 16:
		polynomial = 0x87
	default:
		panic(fmt.Sprintf("key: internal error: CMAC over blocks of %d bytes", c.size))
	}
	k1, k2 := c.k1[:c.size], c.k2[:c.size]
	b.Encrypt(k1, k1)
	double(k1, k1, polynomial)
	double(k2, k1, polynomial)
}

// double multiplies by x in GF(2^n), most significant bit first.
func double(dst, src []byte, polynomial byte) {
	carry := src[0] >> 7
	for i := range len(src) - 1 {
		dst[i] = src[i]<<1 | src[i+1]>>7
	}
	last := len(src) - 1
	dst[last] = src[last]<<1 ^ polynomial&-carry
}

// BlockSize is the length in bytes of a full CMAC.
func (c *CMAC) BlockSize() int { return c.size }

// String implements fmt.Stringer. The subkeys would give the key's CMACs away.
func (CMAC) String() string { return redacted }

// Format implements fmt.Formatter for every verb.
func (CMAC) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (CMAC) LogValue() slog.Value { return slog.StringValue(redacted) }

// addSubkey adds the subkey for a complete last block (K1) or for a padded one
// (K2) to dst, in place.
func (c *CMAC) addSubkey(dst []byte, padded bool) {
	k := c.k1[:c.size]
	if padded {
		k = c.k2[:c.size]
	}
	subtle.XORBytes(dst, dst, k)
}

// Sum writes the CMAC of msg into the first BlockSize bytes of dst, starting
// the CBC chain from iv. A nil iv is the zero IV of the standard; DESFire EV1
// chains every CMAC to the cryptogram before it (desfire-facts §5.3). dst must
// not overlap msg; it may be iv. Nothing is allocated.
func (c *CMAC) Sum(dst, iv, msg []byte) {
	state := dst[:c.size]
	if iv == nil {
		clear(state)
	} else {
		copy(state, iv[:c.size])
	}
	for len(msg) > c.size {
		subtle.XORBytes(state, state, msg[:c.size])
		c.block.Encrypt(state, state)
		msg = msg[c.size:]
	}
	c.last(state, msg, c.size)
}

// last absorbs the last block of a message, 0 to size bytes, into state.
func (c *CMAC) last(state, block []byte, size int) {
	subtle.XORBytes(state, state, block)
	padded := len(block) < size
	if padded {
		state[len(block)] ^= 0x80
	}
	c.addSubkey(state, padded)
	c.block.Encrypt(state, state)
}
