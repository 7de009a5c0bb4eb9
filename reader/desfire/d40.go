package desfire

import (
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"io"
	"slices"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

const (
	crc16Len = 2
	// d40MACLen is the length of a D40 MAC, half a block.
	d40MACLen = 4
)

// D40Handshake is the legacy Authenticate (0A) with a DES or two-key triple DES
// key, which opens a D40Session (desfire-facts §5.1). It is EV1Handshake's with
// other ciphering: every message has a zero IV, and the PCD deciphers what it
// sends as well as what it receives, because a D40 card can only encipher.
type D40Handshake struct {
	mutual
	session *D40Session
}

// Authenticate begins a handshake with key keyNo. random is crypto/rand.Reader
// except in tests. Cards of EV2 and later may have it disabled
// (SecureMessaging.DisableD40).
func Authenticate(keyNo byte, k key.TDEA2, random io.Reader) *D40Handshake {
	h := new(D40Handshake)
	h.mutual = mutual{
		ins: apdu.INSAuthenticate, keyNo: keyNo, random: random, size: desRndLen, crypt: unchained{k.Block()},
		begin: func(a, b []byte) provable {
			h.session = &D40Session{block: sessionTDEA2(k, a, b), keyNo: keyNo}
			return h.session
		},
	}
	return h
}

// Session is the session, or nil before Prove. Commands can be sealed in it at
// once, and opened after the card's proof was found good.
func (h *D40Handshake) Session() *D40Session { return h.session }

// unchained is CBC with a zero IV for each message, both ways deciphered.
type unchained struct{ block cipher.Block }

func (c unchained) seal(message []byte) {
	var iv [desRndLen]byte
	cbcDecipherToSend(c.block, iv[:], message)
}

func (c unchained) unseal(message []byte) {
	var iv [desRndLen]byte
	cbcDecrypt(c.block, iv[:], message)
}

// D40Session is a session under the messaging of the first DESFire, MF3ICD40,
// which later cards still speak under DES keys (desfire-facts §5.4). Every
// message stands by itself (zero IV), so commands can be sealed ahead.
//
//   - MACed: data written to a file, or read from one, is followed by a MAC, the
//     first 4 bytes of the last block of CBC(data ‖ 00..). No other command or
//     answer has any protection.
//   - Full: data ‖ CRC16(data) ‖ 00.., deciphered to send; the CRC covers
//     neither INS nor header nor status.
//
// An answer without MAC or encipherment proves nothing, and neither does a MAC
// of 4 bytes without a counter prove much: the session serves to bring such a
// card to AES, or back to its factory key.
//
// A refusal ends the session, although real cards keep it after some (919D):
// one rule for all sessions is safer, and a new authentication is cheap.
type D40Session struct {
	block   cipher.Block
	keyNo   byte
	closing bool // a command that ends the session was sealed
	proved  bool // the card's proof of the handshake was found good
	ended   bool
}

// KeyNo is the key number that the session was opened with.
func (s *D40Session) KeyNo() byte { return s.keyNo }

// Over tells whether the session ended.
func (s *D40Session) Over() bool { return s.ended }

// Seal applies D40 secure messaging to c. A command that ends the session is
// the last that can be sealed.
func (s *D40Session) Seal(c Command) (*Sealed, error) {
	if s.ended || s.closing {
		return nil, fmt.Errorf("%s: %w", c.INS, ErrSessionOver)
	}
	if err := c.allowed(); err != nil {
		return nil, err
	}
	data, err := s.protect(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.INS, err)
	}
	x := newSealed(c, s)
	if err := x.frameCommand(data); err != nil {
		return nil, err
	}
	s.closing = c.EndsSession
	return x, nil
}

// protect gives the command's bytes after INS.
func (s *D40Session) protect(c Command) ([]byte, error) {
	if c.secret() {
		return s.encipher(c)
	}
	b := concat(c.Header, c.Data)
	if c.Mode == MACed && len(c.Data) > 0 && sendsMAC(c.INS) {
		mac := s.sum(c.Data)
		b = append(b, mac[:]...)
	}
	return b, nil
}

// encipher gives header ‖ D(data ‖ CRC16(data) [‖ CRC16(New)] ‖ 00..).
func (s *D40Session) encipher(c Command) ([]byte, error) {
	data, next := c.Data, []byte(nil)
	if c.change != nil {
		var err error
		if data, next, err = c.change.material(s.keyNo); err != nil {
			return nil, err
		}
		defer clear(data)
		defer clear(next)
	}
	start := len(c.Header)
	b := slices.Grow([]byte(nil), start+len(data)+2*crc16Len+1+desRndLen)
	b = append(append(b, c.Header...), data...)
	b = appendCRC16(b, data)
	if next != nil {
		b = appendCRC16(b, next)
	}
	b = appendZeroPadding(b, start, desRndLen, c.marked)
	var iv [desRndLen]byte
	cbcDecipherToSend(s.block, iv[:], b[start:])
	return b, nil
}

// sum is the MAC over data: the first half of the last block of CBC over data
// with 00.. to whole blocks.
func (s *D40Session) sum(data []byte) (mac [d40MACLen]byte) {
	var iv [desRndLen]byte
	padded := appendZeroPadding(slices.Clone(data), 0, desRndLen, false)
	cbcEncrypt(s.block, iv[:], padded)
	return [d40MACLen]byte(iv[:])
}

// answersMAC tells whether the answer has a MAC in MACed mode: what is read
// from a file (proxmark3 desfiresecurechan.c, D40ReceiveMAC).
func answersMAC(ins apdu.INS) bool {
	switch ins {
	case apdu.INSReadData, apdu.INSReadDataISO, apdu.INSReadRecords, apdu.INSReadRecordsISO, apdu.INSGetValue:
		return true
	}
	return false
}

func (s *D40Session) open(x *Sealed, answer []byte, _ apdu.Status) ([]byte, error) {
	switch {
	case !s.proved:
		return nil, fmt.Errorf("%w: the card's proof of the key was not opened", ErrCommand)
	case x.ends:
		return bare(answer)
	case x.reads:
		return s.decipher(x, answer)
	case x.mode == MACed && answersMAC(x.ins):
		return s.verify(answer)
	}
	return answer, nil
}

// verify checks and removes the MAC of an answer.
func (s *D40Session) verify(answer []byte) ([]byte, error) {
	n := len(answer) - d40MACLen
	if n < 0 {
		return nil, fmt.Errorf("%w: it has no MAC", ErrIntegrity)
	}
	mac := s.sum(answer[:n])
	if subtle.ConstantTimeCompare(mac[:], answer[n:]) != 1 {
		return nil, fmt.Errorf("%w: its MAC is wrong", ErrIntegrity)
	}
	return answer[:n], nil
}

// decipher opens E(data ‖ CRC16(data) ‖ padding).
func (s *D40Session) decipher(x *Sealed, answer []byte) ([]byte, error) {
	if len(answer) == 0 || len(answer)%desRndLen != 0 {
		return nil, fmt.Errorf("%w: %d enciphered bytes are not whole blocks", ErrAnswer, len(answer))
	}
	var iv [desRndLen]byte
	cbcDecrypt(s.block, iv[:], answer)
	n, err := dataEnd(answer, desRndLen, crc16Len, x.answerLen, func(n int) bool {
		var sum [crc16Len]byte
		appendCRC16(sum[:0], answer[:n])
		return subtle.ConstantTimeCompare(sum[:], answer[n:n+crc16Len]) == 1
	})
	if err != nil {
		return nil, err
	}
	return answer[:n], nil
}

func (s *D40Session) prove() { s.proved = true }

func (s *D40Session) over() bool { return s.ended }

func (s *D40Session) end() { s.ended = true }

func (*D40Session) refused(_ *Sealed, err *apdu.StatusError) error { return err }
