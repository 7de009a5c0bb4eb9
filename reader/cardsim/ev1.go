package cardsim

import (
	"bytes"
	"crypto/cipher"
)

// ev1 is a session of AuthenticateISO or AuthenticateAES. Its one IV runs
// through every CMAC and every cipher operation, whether or not the result
// travels.
type ev1 struct {
	number byte
	block  cipher.Block
	iv     []byte
}

func newEV1(number byte, b cipher.Block) *ev1 {
	return &ev1{number: number, block: b, iv: make([]byte, b.BlockSize())}
}

func (s *ev1) key() byte { return s.number }

// mac advances the IV over msg and gives the bytes that travel.
func (s *ev1) mac(msg []byte) []byte {
	s.iv = cmacFrom(s.block, s.iv, msg)
	return s.iv[:macLength]
}

func (s *ev1) open(m message, wire []byte) ([]byte, status) {
	if m.enciphers(wire) {
		return s.openFull(m, wire)
	}
	params := wire
	if m.mode == modeMAC && m.ev1MAC {
		if len(wire) < macLength {
			return nil, statusLength
		}
		params = wire[:len(wire)-macLength]
	}
	sum := s.mac(append([]byte{m.ins}, params...))
	if len(params) < len(wire) && !equal(sum, wire[len(params):]) {
		return nil, statusIntegrity
	}
	return params, statusOK
}

// openFull is header ‖ E(data ‖ CRC32(INS ‖ header ‖ data) ‖ 00..).
func (s *ev1) openFull(m message, wire []byte) ([]byte, status) {
	header, body := wire[:m.header], wire[m.header:]
	if len(body)%s.block.BlockSize() != 0 {
		return nil, statusLength
	}
	plain := decipher(s.block, s.iv, body)
	s.iv = bytes.Clone(body[len(body)-s.block.BlockSize():])
	if m.mode == modeFull {
		n := m.dataLength(header, plain, 4, func(data []byte) []byte { return crc([]byte{m.ins}, header, data) })
		if n < 0 {
			return nil, statusIntegrity
		}
		plain = plain[:n]
	}
	return append(bytes.Clone(header), plain...), statusOK
}

func (s *ev1) seal(m message, r reply) []byte {
	if m.mode != modeFull || len(r.data) == 0 {
		return append(bytes.Clone(r.data), s.mac(append(bytes.Clone(r.data), byte(r.status)))...)
	}
	plain := append(bytes.Clone(r.data), crc(r.data, []byte{byte(r.status)})...)
	if r.marked {
		plain = pad80(plain, s.block.BlockSize())
	} else {
		plain = padZero(plain, s.block.BlockSize())
	}
	out := encipher(s.block, s.iv, plain)
	s.iv = bytes.Clone(out[len(out)-s.block.BlockSize():])
	return out
}

func (s *ev1) wireLength(m message, data int) int {
	switch {
	case m.mode == modeFull:
		return m.header + paddedLength(data+4, s.block.BlockSize())
	case m.mode == modeMAC && m.ev1MAC:
		return m.header + data + macLength
	}
	return m.header + data
}

func (s *ev1) frame(m message, limit int) int {
	return wholeBlocks(m, limit, s.block.BlockSize())
}

// newKey is New [Ver] CRC32(INS header New [Ver]) 00.. for the session's own
// key and (New^Old) [Ver] CRC32(INS header (New^Old) [Ver]) CRC32(New) 00.. for
// another; the version travels for AES keys only.
func (s *ev1) newKey(m message, header, plain []byte, t keyType, old *key) (*key, status) {
	return chainedNewKey(plain, t, old, 4, s.block.BlockSize(), func(part []byte, inner bool) []byte {
		if inner {
			return crc(part)
		}
		return crc([]byte{m.ins}, header, part)
	})
}
