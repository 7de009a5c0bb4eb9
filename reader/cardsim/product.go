package cardsim

import (
	"fmt"
	"slices"
)

// Type is a product of the DESFire family.
type Type string

// The simulated products.
const (
	EV1   Type = "EV1"   // 2, 4 or 8 KB; D40 and EV1 messaging only
	EV2   Type = "EV2"   // 2, 4 or 8 KB
	EV2XL Type = "EV2XL" // 16 or 32 KB
	EV3   Type = "EV3"   // 2, 4 or 8 KB
)

// ParseType reads the name of a Type.
func ParseType(s string) (Type, error) {
	if t := Type(s); t.valid() {
		return t, nil
	}
	return "", fmt.Errorf("unknown card type %q: use %s, %s, %s or %s", s, EV1, EV2, EV2XL, EV3)
}

// Storage codes of GetVersion: 2^(code>>1) bytes when bit 0 is clear.
const (
	storage2K  byte = 0x16
	storage4K  byte = 0x18
	storage8K  byte = 0x1A
	storage16K byte = 0x1C
	storage32K byte = 0x1E
)

// memorySize is the NV memory of a storage code in bytes, as FreeMemory reports
// it on a factory card.
func memorySize(storage byte) int { return 1 << (storage >> 1) }

// product is what tells the generations apart.
type product struct {
	hardware, software [2]byte // major and minor version
	storage            []byte  // storage codes that exist, the usual one first
	ev2                bool    // EV2 messaging and the commands that came with it
	fsci               byte    // largest frame size code that its ATS may announce
	applications       int     // how many fit at most; 0: as many as the memory takes
}

// The minor software version of EV2 XL is 02 by one source and 01 by another;
// the frames beyond 64 bytes are what application notes and traces say.
var products = map[Type]product{
	EV1:   {[2]byte{0x01, 0}, [2]byte{0x01, 4}, []byte{storage8K, storage4K, storage2K}, false, 5, 28},
	EV2:   {[2]byte{0x12, 0}, [2]byte{0x02, 0}, []byte{storage8K, storage4K, storage2K}, true, 7, 0},
	EV2XL: {[2]byte{0x22, 0}, [2]byte{0x02, 2}, []byte{storage16K, storage32K}, true, 7, 0},
	EV3:   {[2]byte{0x33, 0}, [2]byte{0x03, 0}, []byte{storage8K, storage4K, storage2K}, true, 8, 0},
}

func (t Type) valid() bool {
	_, ok := products[t]
	return ok
}

func (t Type) isEV2() bool { return products[t].ev2 }

// storageOf is the storage code for that many bytes; 0 takes the usual size.
func (t Type) storageOf(bytes int) (byte, error) {
	sizes := products[t].storage
	if bytes == 0 {
		return sizes[0], nil
	}
	i := slices.IndexFunc(sizes, func(code byte) bool { return memorySize(code) == bytes })
	if i < 0 {
		return 0, fmt.Errorf("there is no %s card of %d bytes: leave the size away, or take one that the product is sold with", t, bytes)
	}
	return sizes[i], nil
}

// version gives the hardware and software part of GetVersion, 7 bytes each:
// vendor, type, subtype, major, minor, storage, protocol (AN12343 table 4).
func (t Type) version(storage byte) [][]byte {
	p := products[t]
	return [][]byte{
		{0x04, 0x01, 0x01, p.hardware[0], p.hardware[1], storage, 0x05},
		{0x04, 0x01, 0x01, p.software[0], p.software[1], storage, 0x05},
	}
}
