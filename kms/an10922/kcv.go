package an10922

import (
	"encoding/hex"
	"fmt"
	"strings"

	"badgekms/reader/key"
)

// KCVSize is the length of a key check value in bytes.
const KCVSize = 5

// KCV is a key check value: the first 5 bytes of CMAC(K, 0^16), the form of
// ANSI X9.24-1 for AES keys. It identifies a key without giving it away, so it
// may be printed, stored and read out at a ceremony.
type KCV [KCVSize]byte

// CheckValue computes the check value of any AES-128 key.
func CheckValue(k key.AES128) KCV { return NewMaster(k).KCV() }

// String gives 10 hexadecimal digits in upper case.
func (v KCV) String() string { return strings.ToUpper(hex.EncodeToString(v[:])) }

// MarshalText implements encoding.TextMarshaler with the form of String.
func (v KCV) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads 10 hexadecimal digits of either case.
func (v *KCV) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != KCVSize {
		return fmt.Errorf("check value: %d characters where 10 hexadecimal digits are needed", len(text))
	}
	copy(v[:], b)
	return nil
}
