package cardsim

import "fmt"

// Type is a product of the DESFire family.
type Type string

// The simulated products, 8 KB each.
const (
	EV2 Type = "EV2"
	EV3 Type = "EV3"
)

// ParseType reads the name of a Type.
func ParseType(s string) (Type, error) {
	if t := Type(s); t.valid() {
		return t, nil
	}
	return "", fmt.Errorf("unknown card type %q: use %s or %s", s, EV2, EV3)
}

// Storage codes of GetVersion: 2^(code>>1) bytes when bit 0 is clear.
const (
	storage2K byte = 0x16
	storage4K byte = 0x18
	storage8K byte = 0x1A
)

// memorySize is the NV memory of a storage code in bytes, as FreeMemory reports
// it on a factory card.
func memorySize(storage byte) int { return 1 << (storage >> 1) }

// majors are the major versions of a product's hardware and software.
type majors struct{ hardware, software byte }

var products = map[Type]majors{EV2: {0x12, 0x02}, EV3: {0x33, 0x03}}

func (t Type) valid() bool { return products[t] != majors{} }

// version gives the hardware and software part of GetVersion, 7 bytes each:
// vendor, type, subtype, major, minor, storage, protocol (AN12343 table 4).
func (t Type) version(storage byte) [][]byte {
	m := products[t]
	return [][]byte{
		{0x04, 0x01, 0x01, m.hardware, 0x00, storage, 0x05},
		{0x04, 0x01, 0x01, m.software, 0x00, storage, 0x05},
	}
}

// atr is what a PC/SC reader reports for a contactless card with the default
// ATS (06 75 77 81 02 80): its only historical byte is 80 (PC/SC part 3).
func atr() []byte { return []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80} }

// historicalBytes of the default ATS.
func historicalBytes() []byte { return []byte{0x80} }
