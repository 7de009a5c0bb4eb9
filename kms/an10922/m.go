package an10922

import (
	"bytes"
	"fmt"
)

// Lengths of M in bytes. NXP's constant takes the first byte of the 32-byte
// block, so 31 are left for M (AN10922 §2.2).
const (
	MinM = 1
	MaxM = 31
	// ShortestPlain is the shortest M whose diversified key is the ordinary
	// AES-CMAC (RFC 4493) of 01 ‖ M: from here on both pad to two blocks.
	ShortestPlain = 16
)

// constant is the first byte of the diversification block for AES-128
// (AN10922 §2.2).
const constant = 0x01

// LengthError reports an M that AN10922 does not define.
type LengthError struct {
	Len int // bytes
}

// Error says what is allowed and why.
func (e *LengthError) Error() string {
	if e.Len < MinM {
		return "AN10922: the diversification input M is empty; give 1 to 31 bytes that differ for every key, such as UID, AID and slot"
	}
	return fmt.Sprintf("AN10922: the diversification input M has %d bytes, but 01 ‖ M has to fit the 32-byte block of AES-128; shorten M to 1 to 31 bytes", e.Len)
}

// M is a diversification input of 1 to 31 bytes, checked when it is made. The
// zero value is no input and is refused by every derivation. Ms can be
// compared with ==.
type M struct {
	block [1 + MaxM]byte // 01 ‖ M ‖ 80 00 …, what AN10922 calls D, padded
	n     uint8          // length of M
}

// NewM copies b, 1 to 31 bytes; another length gives a *LengthError.
func NewM(b []byte) (M, error) {
	if len(b) < MinM || len(b) > MaxM {
		return M{}, &LengthError{Len: len(b)}
	}
	m := M{n: uint8(len(b))}
	m.block[0] = constant
	rest := m.block[1+copy(m.block[1:], b):]
	if len(rest) > 0 {
		rest[0] = 0x80
	}
	return m, nil
}

// Len is the length of M in bytes; 0 for the zero value.
func (m M) Len() int { return int(m.n) }

// Bytes returns a copy of M, without the constant.
func (m M) Bytes() []byte { return bytes.Clone(m.block[1 : 1+m.n]) }

// Message returns a copy of 01 ‖ M, the unpadded message of the CMAC.
func (m M) Message() []byte { return bytes.Clone(m.block[:1+m.n]) }

// PlainCMAC tells whether the diversified key for m is the ordinary AES-CMAC
// of 01 ‖ M, which Vault and PKCS#11 tokens compute. It is for 16 bytes and
// more; a shorter M is padded to two blocks by AN10922 and to one by RFC 4493.
func (m M) PlainCMAC() bool { return m.n >= ShortestPlain }

// String gives the length only: M contains the UID of a badge, which logs do
// not carry.
func (m M) String() string { return fmt.Sprintf("M of %d bytes", m.n) }

// GoString implements fmt.GoStringer with the form of String.
func (m M) GoString() string { return m.String() }
