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

// enciphers tells whether wire has a part that is enciphered.
func (m message) enciphers(wire []byte) bool {
	return (m.mode == modeFull || m.mode == modeKey) && len(wire) > m.header
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
		n := s.dataLength(m, header, plain)
		if n < 0 {
			return nil, statusIntegrity
		}
		plain = plain[:n]
	}
	return append(bytes.Clone(header), plain...), statusOK
}

// dataLength finds where the CRC is: at the shortest length that fits, because
// the residue of a CRC repeats over the zeros that follow it. It is -1 if no
// length does.
func (s *ev1) dataLength(m message, header, plain []byte) int {
	first, last := 0, len(plain)-4
	if m.length >= 0 {
		first, last = m.length, min(m.length, last)
	}
	for n := first; n <= last; n++ {
		sum := crc([]byte{m.ins}, header, plain[:n])
		if equal(sum, plain[n:n+4]) && isZero(plain[n+4:]) {
			return n
		}
	}
	return -1
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

// frame cuts enciphered answers at whole blocks.
func (s *ev1) frame(m message) int {
	if m.mode == modeFull {
		return frameData / s.block.BlockSize() * s.block.BlockSize()
	}
	return frameData
}

// newKey is New [Ver] CRC32(C4 KeyNo New [Ver]) 00.. for the session's own key
// and (New^Old) [Ver] CRC32(C4 KeyNo (New^Old) [Ver]) CRC32(New) 00.. for
// another; the version travels for AES keys only.
func (s *ev1) newKey(m message, number byte, plain []byte, t keyType, old *key) (*key, status) {
	n := t.size()
	if t == typeAES {
		n++
	}
	total := n + 4
	if old != nil {
		total += 4
	}
	if len(plain) != paddedLength(total, s.block.BlockSize()) {
		return nil, statusLength
	}
	if !equal(crc([]byte{m.ins, number}, plain[:n]), plain[n:n+4]) || !isZero(plain[total:]) {
		return nil, statusIntegrity
	}
	raw := plain[:t.size()]
	if old != nil {
		raw = xor(raw, old.Bytes)
		if !equal(crc(raw), plain[n+4:n+8]) {
			return nil, statusIntegrity
		}
	}
	return newKey(t, raw, plain[n-1]), statusOK
}
