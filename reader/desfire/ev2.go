package desfire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

const (
	blockSize = 16
	// tiLen and macLen are the lengths in bytes of a transaction identifier
	// and of a truncated MAC (NT4H2421Gx §9.1.1, §9.1.3).
	tiLen  = 4
	macLen = 8
	// maxCounter is the CmdCtr with which no further command can be sent
	// (NT4H2421Gx §9.1.2).
	maxCounter = 0xFFFF
	// prefixLen is what a MAC covers before the header: INS or status, CmdCtr
	// and TI.
	prefixLen = 1 + 2 + tiLen
)

// TI is a transaction identifier, which a card draws for AuthenticateEV2First.
type TI [tiLen]byte

// EV2Session is a session under EV2 secure messaging (NT4H2421Gx §9.1). It is
// opened by an EV2Handshake.
//
// CmdCtr advances when a command is sealed, and every Sealed remembers its
// own, so commands may be sealed ahead of their answers.
type EV2Session struct {
	enc     cipher.Block
	mac     key.CMAC
	ti      TI
	counter uint16
	keyNo   byte
	closing bool // a command that ends the session was sealed
	ended   bool

	scratch []byte
	iv, tag [blockSize]byte
}

func aesBlock(k []byte) cipher.Block {
	b, err := aes.NewCipher(k)
	if err != nil {
		panic("desfire: internal error: AES refused a key: " + err.Error())
	}
	return b
}

// KeyNo is the key number that the session was opened with.
func (s *EV2Session) KeyNo() byte { return s.keyNo }

// TI is the transaction identifier.
func (s *EV2Session) TI() TI { return s.ti }

// CmdCtr is the counter of the next command, 0 after AuthenticateEV2First.
func (s *EV2Session) CmdCtr() uint16 { return s.counter }

// Over tells whether the session ended.
func (s *EV2Session) Over() bool { return s.ended }

// Seal applies EV2 secure messaging to c: nothing in Plain mode, a MAC in
// MACed mode, enciphered data and a MAC in Full mode. A command that ends the
// session is the last that can be sealed.
func (s *EV2Session) Seal(c Command) (*Sealed, error) {
	if s.ended || s.closing || s.counter == maxCounter {
		return nil, fmt.Errorf("%s: %w", c.INS, ErrSessionOver)
	}
	if err := c.allowed(); err != nil {
		return nil, err
	}
	data := c.Data
	if c.change != nil {
		plain, err := c.change.ev2(s.keyNo)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.INS, err)
		}
		defer clear(plain)
		data = plain
	}
	x := newSealed(c, s)
	x.counter = s.counter
	if err := x.frameCommand(s.protect(c, data)); err != nil {
		return nil, err
	}
	s.counter++
	s.closing = c.EndsSession
	return x, nil
}

// protect gives the command's bytes after INS; they are valid until the next
// use of s.
func (s *EV2Session) protect(c Command, data []byte) []byte {
	b := s.prefix(byte(c.INS), s.counter)
	b = append(b, c.Header...)
	if c.Mode == Full && len(data) > 0 {
		start := len(b)
		b = appendPadded(b, data)
		s.setIV(0xA5, 0x5A, s.counter)
		cbcEncrypt(s.enc, s.iv[:], b[start:])
	} else {
		b = append(b, data...)
	}
	if c.Mode != Plain {
		s.sum(b)
		b = append(b, s.tag[:macLen]...)
	}
	s.scratch = b
	return b[prefixLen:]
}

// open verifies the MAC of an answer and then deciphers it. MAC and IV are
// those of CmdCtr + 1 (NT4H2421Gx §9.1.3, §9.1.4).
func (s *EV2Session) open(x *Sealed, answer []byte, status apdu.Status) ([]byte, error) {
	if x.ends {
		return bare(answer)
	}
	if x.mode == Plain {
		return answer, nil
	}
	n := len(answer) - macLen
	if n < 0 {
		return nil, fmt.Errorf("%w: it has no MAC", ErrIntegrity)
	}
	data, mac := answer[:n], answer[n:]
	b := append(s.prefix(byte(status), x.counter+1), data...)
	s.scratch = b
	s.sum(b)
	if subtle.ConstantTimeCompare(s.tag[:macLen], mac) != 1 {
		return nil, fmt.Errorf("%w: its MAC is wrong", ErrIntegrity)
	}
	if x.mode == MACed || n == 0 {
		return data, nil
	}
	if n%blockSize != 0 {
		return nil, fmt.Errorf("%w: %d enciphered bytes are not whole blocks", ErrAnswer, n)
	}
	s.setIV(0x5A, 0xA5, x.counter+1)
	cbcDecrypt(s.enc, s.iv[:], data)
	return unpad(data)
}

// bare accepts the answer to a command that ends the session. Some sources
// show 8 bytes of MAC after it; no key is left to verify them, and they are
// dropped (desfire-facts §7.2).
func bare(answer []byte) ([]byte, error) {
	if len(answer) != 0 && len(answer) != macLen {
		return nil, fmt.Errorf("%w: %d bytes where none are due", ErrAnswer, len(answer))
	}
	return []byte{}, nil
}

// prefix starts the input of a MAC in the scratch buffer: code ‖ CmdCtr (LSB
// first) ‖ TI.
func (s *EV2Session) prefix(code byte, counter uint16) []byte {
	b := append(s.scratch[:0], code)
	b = binary.LittleEndian.AppendUint16(b, counter)
	return append(b, s.ti[:]...)
}

// sum leaves the truncated MAC of msg in the first bytes of s.tag (NT4H2421Gx
// §9.1.3).
func (s *EV2Session) sum(msg []byte) {
	s.mac.Sum(s.tag[:], nil, msg)
	truncateMAC(s.tag[:], s.tag[:])
}

// truncateMAC leaves the bytes of a CMAC at offsets 1, 3, .. 15 in the first
// bytes of dst, which may be the CMAC itself.
func truncateMAC(dst, full []byte) {
	for i := range macLen {
		dst[i] = full[2*i+1]
	}
}

// setIV computes E(ENC, label ‖ TI ‖ CmdCtr ‖ 0^8) (NT4H2421Gx §9.1.4).
func (s *EV2Session) setIV(l0, l1 byte, counter uint16) {
	clear(s.iv[:])
	s.iv[0], s.iv[1] = l0, l1
	copy(s.iv[2:], s.ti[:])
	binary.LittleEndian.PutUint16(s.iv[2+tiLen:], counter)
	s.enc.Encrypt(s.iv[:], s.iv[:])
}

func (s *EV2Session) over() bool { return s.ended }

func (s *EV2Session) end() {
	s.ended = true
	clear(s.scratch[:cap(s.scratch)])
}

func (*EV2Session) refused(_ *Sealed, err *apdu.StatusError) error { return err }
