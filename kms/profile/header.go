package profile

import (
	"encoding/binary"
	"fmt"
)

// HeaderSize is the length in bytes of the header file's content.
const HeaderSize = 16

// headerVersion is the form of Header written here.
const headerVersion = 1

// Header is the content of the header file, which anyone may read. It hints
// at the keys of a badge when the registry is lost; it proves nothing.
//
//	byte  0     format version, 01
//	bytes 1-2   issue number of the enrolment, big endian
//	bytes 3-15  reserved, 00
type Header struct {
	Issue uint16
}

// Bytes encodes the header.
func (h Header) Bytes() []byte {
	b := make([]byte, HeaderSize)
	b[0] = headerVersion
	binary.BigEndian.PutUint16(b[1:], h.Issue)
	return b
}

// ParseHeader decodes what was read from a card: at least 3 bytes of version
// 1, else ErrHeader. Reserved bytes are ignored, so that a later minor form
// stays readable.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < 3 {
		return Header{}, fmt.Errorf("%w: %d bytes; the card's application was not enrolled to its end", ErrHeader, len(b))
	}
	if b[0] != headerVersion {
		return Header{}, fmt.Errorf("%w: version %d; this program knows version %d", ErrHeader, b[0], headerVersion)
	}
	return Header{Issue: binary.BigEndian.Uint16(b[1:])}, nil
}
