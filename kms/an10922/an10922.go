// Package an10922 diversifies AES-128 keys as NXP's application note AN10922
// (rev 2.2, "Symmetric key diversifications") §2.2 says: from a master key K
// and a diversification input M of 1 to 31 bytes it computes the key of one
// card and slot.
//
//	D        = 01 ‖ M, padded with 80 00 … to exactly 32 bytes if shorter
//	daughter = the CBC chain of AES-128 under K over D, whose second block was
//	           first XORed with K1 (no padding was needed) or K2 (it was)
//
// K1 and K2 are the subkeys of CMAC (NIST SP 800-38B §6.1). For M of 16 bytes
// and more the result is plain AES-CMAC (RFC 4493) of 01 ‖ M; for shorter M it
// is not, because CMAC would pad to one block only. Libraries that call a CMAC
// routine for every M are wrong there (libfreefare issue 91).
//
// Only AES-128 is here: BadgeKMS issues no DES and no AES-192 or AES-256 keys.
package an10922

import (
	"crypto/cipher"
	"encoding/binary"

	"badgekms/reader/key"
)

// Master is an AES-128 master key prepared for diversification: its key
// schedule and both CMAC subkeys are computed once. It holds no other state,
// so many goroutines may derive at once. It never prints its key.
//
// The time of a derivation does not depend on the key or on the bytes of M.
type Master struct {
	block  cipher.Block
	k1, k2 halves
}

// halves is an AES block as two big-endian words.
type halves [2]uint64

// NewMaster prepares k.
func NewMaster(k key.AES128) *Master {
	ms := &Master{block: k.Block()}
	var l [key.Size]byte
	ms.block.Encrypt(l[:], l[:])
	ms.k1 = halves{binary.BigEndian.Uint64(l[:8]), binary.BigEndian.Uint64(l[8:])}.double()
	ms.k2 = ms.k1.double()
	clear(l[:])
	return ms
}

// double multiplies by x in GF(2^128) with the polynomial of SP 800-38B §5.3,
// without a branch on key bits.
func (h halves) double() halves {
	carry := h[0] >> 63
	return halves{h[0]<<1 | h[1]>>63, h[1]<<1 ^ 0x87&-carry}
}

// xorInto adds h and b to dst. It works on words because the calls of
// crypto/subtle.XORBytes in their place took as long as the AES blocks.
func (h halves) xorInto(dst *[key.Size]byte, b []byte) {
	hi := binary.BigEndian.Uint64(dst[:8]) ^ binary.BigEndian.Uint64(b[:8]) ^ h[0]
	lo := binary.BigEndian.Uint64(dst[8:]) ^ binary.BigEndian.Uint64(b[8:16]) ^ h[1]
	binary.BigEndian.PutUint64(dst[:8], hi)
	binary.BigEndian.PutUint64(dst[8:], lo)
}

// DeriveInto writes the daughter key for m into dst and allocates nothing
// itself. The zero M gives a *LengthError and leaves dst alone.
func (ms *Master) DeriveInto(dst *[key.Size]byte, m M) error {
	if m.n < MinM {
		return &LengthError{Len: int(m.n)}
	}
	subkey := ms.k1
	if m.n < MaxM {
		subkey = ms.k2
	}
	copy(dst[:], m.block[:key.Size])
	ms.block.Encrypt(dst[:], dst[:])
	subkey.xorInto(dst, m.block[key.Size:])
	ms.block.Encrypt(dst[:], dst[:])
	return nil
}

// Derive returns the daughter key for m.
func (ms *Master) Derive(m M) (key.AES128, error) {
	var b [key.Size]byte
	defer clear(b[:])
	if err := ms.DeriveInto(&b, m); err != nil {
		return key.AES128{}, err
	}
	return key.NewAES128(b[:])
}

// KCV is the check value of the master key. The message 0^16 is one full
// block, so its CMAC is the encryption of K1.
func (ms *Master) KCV() KCV {
	var mac [key.Size]byte
	defer clear(mac[:])
	ms.k1.xorInto(&mac, make([]byte, key.Size))
	ms.block.Encrypt(mac[:], mac[:])
	return KCV(mac[:KCVSize])
}

// String implements fmt.Stringer without the key.
func (*Master) String() string { return "[AN10922 master, redacted]" }

// GoString implements fmt.GoStringer without the key.
func (*Master) GoString() string { return "[AN10922 master, redacted]" }
