package cardsim

import (
	"bytes"
	"encoding/binary"
)

const (
	classNative byte = 0x90 // wrapped DESFire command (NT4H2421Gx §8.4)
	classISO    byte = 0x00
	classReader byte = 0xFF // pseudo-APDU of PC/SC part 3

	insMore   byte = 0xAF // additional frame
	insSelect byte = 0xA4 // ISO SELECT
)

// respond answers any byte string that reaches the card: a wrapped command, an
// ISO command, or a native one, whose first byte is its code. A first byte that
// is none of them is taken for the class of somebody else's command.
func (c *Card) respond(apdu []byte) []byte {
	switch {
	case len(apdu) == 0:
		return word(swWrongLength)
	case apdu[0] == classNative && len(apdu) > 1:
		return c.wrapped(apdu)
	case len(apdu) == 1 || isNative(apdu[0]):
		out := c.native(apdu[0], apdu[1:])
		return append([]byte{byte(out.status)}, out.data...)
	case apdu[0] == classISO:
		return c.iso(apdu)
	}
	return c.refuse(swClassUnsupported)
}

// wrapped is 90 INS 00 00 [Lc data] 00, with one-byte lengths.
func (c *Card) wrapped(apdu []byte) []byte {
	data, ok := body(apdu)
	if !ok || apdu[len(apdu)-1] != 0 {
		return c.refuse(swWrongLength)
	}
	if apdu[2] != 0 || apdu[3] != 0 {
		return c.refuse(swWrongP1P2)
	}
	out := c.native(apdu[1], data)
	return append(bytes.Clone(out.data), 0x91, byte(out.status))
}

// body takes the data field of a short command APDU that ends with Le.
func body(apdu []byte) (data []byte, ok bool) {
	switch n := len(apdu); {
	case n == 5:
		return nil, true
	case n > 6 && int(apdu[4]) == n-6:
		return apdu[5 : n-1], true
	}
	return nil, false
}

// refuse answers an ISO error, which ends session and transaction like any other.
func (c *Card) refuse(sw uint16) []byte {
	c.abort()
	return word(sw)
}

func word(sw uint16) []byte { return binary.BigEndian.AppendUint16(nil, sw) }

// randomIDLength is the length of the identifier that a card with random ID
// shows to the reader: 08 and three random bytes (ISO/IEC 14443-3).
const randomIDLength = 4

// isReaderCommand: the reader answers class FF itself.
func isReaderCommand(apdu []byte) bool {
	return len(apdu) >= 4 && apdu[0] == classReader
}

// readerAnswer is the contactless front end: GET DATA (FF CA) with P1 00 for
// the UID and 01 for the historical bytes of the ATS (PC/SC part 3 §3.2.2.1.3).
func (c *Card) readerAnswer(apdu []byte) []byte {
	if len(apdu) != 5 {
		return word(swWrongLength)
	}
	if apdu[1] != 0xCA || apdu[3] != 0 {
		return word(swNotSupported)
	}
	switch apdu[2] {
	case 0x00:
		return withLe(c.shown, int(apdu[4]))
	case 0x01:
		return withLe(ats(c.state.ATS).historical(), int(apdu[4]))
	}
	return word(swNotSupported)
}

// withLe answers data to a command that wants le bytes; 0 wants all there is.
func withLe(data []byte, le int) []byte {
	out := bytes.Clone(data)
	switch {
	case le == 0 || le == len(data):
		return append(out, word(swOK)...)
	case le < len(data):
		return word(swExactLength | uint16(len(data)))
	}
	return append(out, word(swEndOfData)...)
}
