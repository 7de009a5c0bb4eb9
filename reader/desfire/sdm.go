package desfire

import (
	"errors"
	"fmt"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

// SDM is what a card with Secure Dynamic Messaging (EV3, NTAG 424 DNA) mirrors
// into a file: its UID and how often the file was read.
type SDM struct {
	UID     UID
	Counter uint32 // SDMReadCtr, 24 bits
}

// ErrSDM: the mirrored data is not of a card with this key.
var ErrSDM = errors.New("the data that the card mirrored is not genuine")

// sdmTag is PICCDataTag for a UID of 7 bytes and a counter, both mirrored.
const sdmTag = 0xC7

// ParsePICCData deciphers PICCENCData under SDMMetaReadKey: one block, PICCDataTag
// C7 ‖ UID(7) ‖ SDMReadCtr(3, LSB first) ‖ random(5) (AN12196 table 2). Only
// the MAC that the card mirrors proves it.
func ParsePICCData(metaRead key.AES128, enc [16]byte) (SDM, error) {
	var b [16]byte
	metaRead.Block().Decrypt(b[:], enc[:])
	if b[0] != sdmTag {
		return SDM{}, fmt.Errorf("%w: PICCDataTag %02X, want C7", ErrSDM, b[0])
	}
	return SDM{UID: UID(b[1:8]), Counter: uint24(b[8:11])}, nil
}

// MAC is the MAC that a card mirrors over input, empty when SDMMACInputOffset
// is SDMMACOffset: the odd bytes of CMAC(Kses, input) with Kses =
// CMAC(SDMFileReadKey, 3C C3 00 01 00 80 ‖ UID ‖ SDMReadCtr) (AN12196 table 4).
// Compare it in constant time.
func (s SDM) MAC(fileRead key.AES128, input []byte) (mac [macLen]byte) {
	sv := append([]byte{0x3C, 0xC3, 0x00, 0x01, 0x00, 0x80}, s.UID[:]...)
	sv = appendUint24(sv, s.Counter)
	session := cmacKey(key.NewCMAC(fileRead.Block()), sv)
	defer session.Destroy()
	var full [blockSize]byte
	key.NewCMAC(session.Block()).Sum(full[:], nil, input)
	truncateMAC(mac[:], full[:])
	return mac
}

// GetFileCounters is F6 FileNo (EV3): the read counter of a file with Secure
// Dynamic Messaging, enciphered; ParseFileCounters reads it.
func GetFileCounters(no byte) Command {
	return Command{INS: apdu.INSGetFileCounters, Header: []byte{no}, Mode: Full, Frames: 1, AnswerLen: fileCountersLen}
}

const fileCountersLen = 5

// ParseFileCounters reads SDMReadCtr(3, LSB first) and 2 reserved bytes.
func ParseFileCounters(data []byte) (uint32, error) {
	if len(data) != fileCountersLen {
		return 0, lengthError(apdu.INSGetFileCounters, data, "5")
	}
	return uint24(data), nil
}
