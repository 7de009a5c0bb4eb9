package profile

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// HexByte is a byte that YAML and JSON hold as two hexadecimal digits.
type HexByte byte

// String gives two hexadecimal digits in upper case.
func (h HexByte) String() string { return fmt.Sprintf("%02X", byte(h)) }

// MarshalText implements encoding.TextMarshaler with the form of String.
func (h HexByte) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads two hexadecimal digits of either case.
func (h *HexByte) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != 1 {
		return fmt.Errorf("%q: give one byte as 2 hexadecimal digits, such as \"0B\"", text)
	}
	*h = HexByte(b[0])
	return nil
}

// String gives the key number, "free" or "never".
func (a Access) String() string {
	switch a {
	case AccessFree:
		return "free"
	case AccessNever:
		return "never"
	}
	return strconv.Itoa(int(a))
}

// MarshalText implements encoding.TextMarshaler with the form of String.
func (a Access) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a key number from 0 to 13, "free" or "never".
func (a *Access) UnmarshalText(text []byte) error {
	switch s := strings.TrimSpace(string(text)); s {
	case "free":
		*a = AccessFree
	case "never":
		*a = AccessNever
	default:
		n, err := strconv.ParseUint(s, 10, 8)
		if err != nil || n > MaxSlot {
			return fmt.Errorf("access right %q: give a key number from 0 to %d, \"free\" or \"never\"", text, MaxSlot)
		}
		*a = Access(n)
	}
	return nil
}
