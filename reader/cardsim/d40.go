package cardsim

import (
	"bytes"
	"crypto/cipher"
)

// d40MACLength: a D40 MAC is the first half of the last CBC block.
const d40MACLength = 4

// d40 is a session of the legacy Authenticate (0A), the messaging of the first
// DESFire (MF3ICD40). Only files' own modes protect anything: every other
// command is plain, unless it is always enciphered. Each message starts from a
// zero IV. The card only ever enciphers, so the reader deciphers to send.
type d40 struct {
	number byte
	block  cipher.Block
}

func (s *d40) key() byte { return s.number }

func (s *d40) mac(data []byte) []byte {
	if len(data) == 0 {
		return make([]byte, d40MACLength)
	}
	out := encipher(s.block, make([]byte, 8), padZero(data, 8))
	return lastBlock(out, 8)[:d40MACLength]
}

// macs tells whether the command carries a MAC, over its data alone.
func (s *d40) macs(m message) bool { return m.mode == modeMAC && m.file && m.ev1MAC }

func (s *d40) open(m message, wire []byte) ([]byte, status) {
	switch {
	case s.macs(m):
		n := len(wire) - d40MACLength
		if n < m.header {
			return nil, statusLength
		}
		if !equal(s.mac(wire[m.header:n]), wire[n:]) {
			return nil, statusIntegrity
		}
		return wire[:n], statusOK
	case m.enciphers(wire):
		return s.openFull(m, wire)
	}
	return wire, statusOK
}

// openFull is header ‖ D(data ‖ CRC16(data) ‖ 00..).
func (s *d40) openFull(m message, wire []byte) ([]byte, status) {
	header, body := wire[:m.header], wire[m.header:]
	if len(body)%8 != 0 {
		return nil, statusLength
	}
	plain := decipherD40(s.block, body)
	if m.mode == modeFull {
		n := m.dataLength(header, plain, 2, func(data []byte) []byte { return crc16(data) })
		if n < 0 {
			return nil, statusIntegrity
		}
		plain = plain[:n]
	}
	return append(bytes.Clone(header), plain...), statusOK
}

func (s *d40) seal(m message, r reply) []byte {
	switch {
	case len(r.data) == 0:
		return nil
	case m.mode == modeFull:
		plain := append(bytes.Clone(r.data), crc16(r.data)...)
		if r.marked {
			plain = pad80(plain, 8)
		}
		return encipher(s.block, make([]byte, 8), padZero(plain, 8))
	case m.mode == modeMAC && m.file:
		return append(bytes.Clone(r.data), s.mac(r.data)...)
	}
	return r.data
}

func (s *d40) wireLength(m message, data int) int {
	switch {
	case m.mode == modeFull:
		return m.header + paddedLength(data+2, 8)
	case s.macs(m):
		return m.header + data + d40MACLength
	}
	return m.header + data
}

func (s *d40) frame(m message, limit int) int { return wholeBlocks(m, limit, 8) }

// newKey is New [Ver] CRC16(New [Ver]) 00.. for the session's own key and
// (New^Old) [Ver] CRC16((New^Old) [Ver]) CRC16(New) 00.. for another.
func (s *d40) newKey(_ message, _, plain []byte, t keyType, old *key) (*key, status) {
	return chainedNewKey(plain, t, old, 2, 8, func(part []byte, _ bool) []byte { return crc16(part) })
}

// decipherD40 undoes what a reader does that deciphers to send: it chained
// C = D(P xor Cprev), so P = E(C) xor Cprev.
func decipherD40(b cipher.Block, data []byte) []byte {
	out, before := make([]byte, len(data)), make([]byte, 8)
	for i := 0; i < len(data); i += 8 {
		b.Encrypt(out[i:], data[i:])
		copy(out[i:], xor(out[i:i+8], before))
		before = data[i : i+8]
	}
	return out
}

// crc16 is CRC_A of ISO/IEC 14443-3, start value 6363, least significant byte
// first.
func crc16(data []byte) []byte {
	v := uint16(0x6363)
	for _, b := range data {
		b ^= byte(v)
		b ^= b << 4
		v = v>>8 ^ uint16(b)<<8 ^ uint16(b)<<3 ^ uint16(b)>>4
	}
	return []byte{byte(v), byte(v >> 8)}
}
