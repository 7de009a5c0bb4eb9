package cardsim

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
)

// ev2 is a session of AuthenticateEV2First or NonFirst (NT4H2421Gx §9.1).
type ev2 struct {
	number  byte
	enc     cipher.Block
	auth    cipher.Block // the MAC key
	ti      [4]byte
	counter uint16
}

func newEV2(number byte, k *key, rndA, rndB []byte, ti [4]byte, counter uint16) *ev2 {
	return &ev2{
		number: number, ti: ti, counter: counter,
		enc:  newBlock(typeAES, cmacOf(k.block(), sessionVector(0xA5, 0x5A, rndA, rndB))),
		auth: newBlock(typeAES, cmacOf(k.block(), sessionVector(0x5A, 0xA5, rndA, rndB))),
	}
}

// sessionVector is SV1 or SV2: label ‖ 0001 0080 ‖ A[0:2] ‖ A[2:8]^B[0:6] ‖
// B[6:16] ‖ A[8:16], in the order the nonces are sent (NT4H2421Gx §9.1.7).
func sessionVector(l0, l1 byte, a, b []byte) []byte {
	return bytes.Join([][]byte{
		{l0, l1, 0x00, 0x01, 0x00, 0x80}, a[:2], xor(a[2:8], b[:6]), b[6:], a[8:],
	}, nil)
}

func (s *ev2) key() byte { return s.number }

// mac is the MACt over first (INS or status) ‖ CmdCtr ‖ TI ‖ data: bytes 1, 3,
// .. 15 of the CMAC.
func (s *ev2) mac(first byte, counter uint16, data []byte) []byte {
	msg := binary.LittleEndian.AppendUint16([]byte{first}, counter)
	msg = append(append(msg, s.ti[:]...), data...)
	sum := cmacOf(s.auth, msg)
	out := make([]byte, 0, macLength)
	for i := 1; i < len(sum); i += 2 {
		out = append(out, sum[i])
	}
	return out
}

// iv is E(ENC, label ‖ TI ‖ CmdCtr ‖ 0^8).
func (s *ev2) iv(l0, l1 byte, counter uint16) []byte {
	in := append([]byte{l0, l1}, s.ti[:]...)
	in = padZero(binary.LittleEndian.AppendUint16(in, counter), 16)
	s.enc.Encrypt(in, in)
	return in
}

func (s *ev2) open(m message, wire []byte) ([]byte, status) {
	if s.counter == 0xFFFF {
		return nil, statusIntegrity
	}
	if m.mode == modePlain {
		return wire, statusOK
	}
	n := len(wire) - macLength
	if n < 0 {
		return nil, statusLength
	}
	params := wire[:n]
	if !equal(s.mac(m.ins, s.counter, params), wire[n:]) {
		return nil, statusIntegrity
	}
	if !m.enciphers(params) {
		return params, statusOK
	}
	header, body := params[:m.header], params[m.header:]
	if len(body)%16 != 0 {
		return nil, statusLength
	}
	plain, ok := unpad80(decipher(s.enc, s.iv(0xA5, 0x5A, s.counter), body))
	if !ok || m.length >= 0 && len(plain) != m.length {
		return nil, statusIntegrity
	}
	return append(bytes.Clone(header), plain...), statusOK
}

func (s *ev2) seal(m message, r reply) []byte {
	s.counter++
	if m.mode == modePlain {
		return r.data
	}
	out := bytes.Clone(r.data)
	if m.mode == modeFull && len(out) > 0 {
		out = encipher(s.enc, s.iv(0x5A, 0xA5, s.counter), pad80(out, 16))
	}
	return append(out, s.mac(byte(r.status), s.counter, out)...)
}

func (s *ev2) wireLength(m message, data int) int {
	switch m.mode {
	case modePlain:
		return m.header + data
	case modeMAC:
		return m.header + data + macLength
	}
	return m.header + paddedLength(data+1, 16) + macLength
}

func (s *ev2) frame(_ message, limit int) int { return limit }

// newKey is New Ver for the session's own key and (New^Old) Ver CRC32(New) for
// another (AN12343 tables 39 and 40). Only AES keys can be set.
func (s *ev2) newKey(_ message, _, plain []byte, t keyType, old *key) (*key, status) {
	if t != typeAES {
		return nil, statusParameter
	}
	raw, want := plain, 17
	if old != nil {
		want = 21
	}
	if len(plain) != want {
		return nil, statusLength
	}
	raw = raw[:16]
	if old != nil {
		raw = xor(raw, old.Bytes)
		if !equal(crc(raw), plain[17:]) {
			return nil, statusIntegrity
		}
	}
	return newKey(typeAES, raw, plain[16]), statusOK
}
