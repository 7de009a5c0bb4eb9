package desfire

import (
	"fmt"

	"badgekms/reader/apdu"
)

// versionFrames is how many frames GetVersion answers: hardware, software,
// production.
const versionFrames = 3

// GetVersion is 60; its answer has 7, 7 and 14 bytes in three frames.
// ParseVersion reads them joined.
func GetVersion() Command {
	return Command{INS: apdu.INSGetVersion, Mode: MACed, Frames: versionFrames}
}

// Part describes the hardware or the software of a card, 7 bytes of GetVersion:
// vendor, type, subtype, major, minor, storage, protocol.
type Part struct {
	Vendor, Type, Subtype byte
	Major, Minor          byte
	Storage               Storage
	Protocol              byte
}

// Storage is the storage byte n of GetVersion: 2^(n>>1) bytes exactly when bit
// 0 is clear, else between that and the double (AN12343 table 4).
type Storage byte

// Bytes gives the bounds; they are equal when the size is exact.
func (s Storage) Bytes() (least, most int) {
	least = 1 << min(s>>1, maxStorage)
	if s&1 == 0 {
		return least, least
	}
	return least, 2 * least
}

// maxStorage keeps the size that a card claims in the range of int.
const maxStorage = 30

// Generation is a DESFire product generation.
type Generation int

// The generations. EV2 and later speak EV2 secure messaging.
const (
	Unknown Generation = iota
	D40
	EV1
	EV2
	EV3
	Light
)

// String names the generation.
func (g Generation) String() string {
	switch g {
	case D40:
		return "DESFire (MF3ICD40)"
	case EV1:
		return "DESFire EV1"
	case EV2:
		return "DESFire EV2"
	case EV3:
		return "DESFire EV3"
	case Light:
		return "DESFire Light"
	}
	return "unknown card"
}

// Version is the answer to GetVersion. It is a claim of the card: read it in a
// session, or check the originality signature, before relying on it.
type Version struct {
	Hardware, Software Part
	// UID is zero on a card with random identifiers.
	UID   UID
	Batch [5]byte
	// Week (1 to 53) and Year (2000 to 2099) of production; 0 when the card
	// gives digits that are none.
	Week, Year int
}

// versionLen is 7 + 7 + 14 bytes.
const versionLen = 28

// ParseVersion reads the 28 bytes of GetVersion's three frames.
func ParseVersion(data []byte) (Version, error) {
	if len(data) != versionLen {
		return Version{}, lengthError(apdu.INSGetVersion, data, "28")
	}
	v := Version{
		Hardware: part(data[:7]), Software: part(data[7:14]),
		UID: UID(data[14:21]), Batch: [5]byte(data[21:26]),
	}
	if w, ok := bcd(data[26]); ok && w >= 1 && w <= 53 {
		v.Week = w
	}
	if y, ok := bcd(data[27]); ok {
		v.Year = 2000 + y
	}
	return v, nil
}

func part(b []byte) Part {
	return Part{
		Vendor: b[0], Type: b[1], Subtype: b[2], Major: b[3], Minor: b[4],
		Storage: Storage(b[5]), Protocol: b[6],
	}
}

func bcd(b byte) (int, bool) {
	high, low := b>>4, b&0x0F
	return int(high)*10 + int(low), high <= 9 && low <= 9
}

const (
	vendorNXP   = 0x04
	typeDESFire = 0x01
	typeHosted1 = 0x81
	typeHosted2 = 0x83
	typeLight   = 0x08
)

// Generation tells the product by the hardware's vendor, type and major version
// (desfire-facts §10).
func (v Version) Generation() Generation {
	h := v.Hardware
	if h.Vendor != vendorNXP {
		return Unknown
	}
	switch {
	case h.Type == typeLight && h.Major == 0x30:
		return Light
	case h.Type != typeDESFire && h.Type != typeHosted1 && h.Type != typeHosted2:
		return Unknown
	}
	switch h.Major {
	case 0x00:
		return D40
	case 0x01:
		return EV1
	case 0x12, 0x22:
		return EV2
	case 0x33, 0x43:
		return EV3
	}
	return Unknown
}

// String gives generation and storage, such as "DESFire EV3 2K".
func (v Version) String() string {
	least, most := v.Hardware.Storage.Bytes()
	if least == most && least >= 1024 {
		return fmt.Sprintf("%s %dK", v.Generation(), least/1024)
	}
	return v.Generation().String()
}
