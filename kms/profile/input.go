package profile

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// AID is a DESFire application identifier, 3 bytes in the order they are sent
// on the wire: least significant byte first.
type AID [3]byte

// PICC is the AID 000000 of the card itself.
var PICC AID

// String gives 6 hexadecimal digits in wire order.
func (a AID) String() string { return strings.ToUpper(hex.EncodeToString(a[:])) }

// MarshalText implements encoding.TextMarshaler with the form of String.
func (a AID) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads 6 hexadecimal digits of either case, in wire order.
func (a *AID) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(a) {
		return fmt.Errorf("AID %q: give 3 bytes as 6 hexadecimal digits in wire order (least significant byte first), such as %q", text, "4088F5")
	}
	copy(a[:], b)
	return nil
}

// SystemID identifies the establishment in M. It holds raw bytes, 4 to 18 of
// them, and is immutable once badges exist.
type SystemID string

// Lengths of a SystemID in bytes. With 18 the default M fills its 31 bytes.
const (
	MinSystemID = 4
	MaxSystemID = 18
)

// ParseSystemID reads a system_id of a configuration: printable ASCII, such as
// the FINESS number "750712184", is taken as it is; "hex:" is followed by
// hexadecimal digits for other bytes. 4 to 18 bytes, else ErrSystemID.
func ParseSystemID(text string) (SystemID, error) {
	raw := text
	if digits, isHex := strings.CutPrefix(text, "hex:"); isHex {
		b, err := hex.DecodeString(digits)
		if err != nil {
			return "", fmt.Errorf("%w: %q: after \"hex:\" only pairs of hexadecimal digits may follow", ErrSystemID, text)
		}
		raw = string(b)
	} else if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%w: %q: only printable ASCII without spaces may stand here; give other bytes as \"hex:...\"", ErrSystemID, text)
	}
	return SystemID(raw), SystemID(raw).Check()
}

// Check refuses another length than 4 to 18 bytes with ErrSystemID.
func (s SystemID) Check() error {
	if len(s) < MinSystemID || len(s) > MaxSystemID {
		return fmt.Errorf("%w: %d bytes; give %d to %d, for example the establishment's 9-digit FINESS number", ErrSystemID, len(s), MinSystemID, MaxSystemID)
	}
	return nil
}

// String gives the text that ParseSystemID reads.
func (s SystemID) String() string {
	if text, err := ParseSystemID(string(s)); err == nil && text == s {
		return string(s)
	}
	return "hex:" + hex.EncodeToString([]byte(s))
}

// UIDSize is the length in bytes of the UID in M. DESFire cards have 7; 4
// bytes are a random identifier, which must never enter a derivation.
const UIDSize = 7

// Input is what M is built from: the identity of one key of one card.
type Input struct {
	UID      []byte // 7 bytes
	AID      AID    // PICC for the card's own key
	Slot     byte   // key number in the application, 0 to 13
	Issue    uint16 // restore epoch (high byte) and attempt (low byte)
	SystemID SystemID
}
