package desfire

import (
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"slices"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

const (
	crc32Len = 4
	// sealRoom is what sealing adds to header and data at most: INS, the CRC of
	// the command and of a new key, and a block of padding.
	sealRoom = 1 + 2*crc32Len + blockSize
)

// EV1Session is a session under EV1 secure messaging, with the cipher of the
// key that opened it: DES, two-key or three-key triple DES, or AES
// (desfire-facts §5.3 and §5.4).
//
// One IV, zero at first, chains every CMAC and every encryption of the session
// in either direction. So a command can be sealed only when the answer to the
// one before it was opened.
//
//   - Plain and MACed: a CMAC over INS ‖ header ‖ data moves the IV on; MACed
//     commands that write (see sendsMAC) also carry its first 8 bytes. The
//     answer ends with 8 bytes of the CMAC over data ‖ status, in Plain too.
//   - Full with data: E(data ‖ CRC32(INS ‖ header ‖ data) ‖ 00..), and an answer
//     with a CMAC.
//   - Full without data: the answer is E(data ‖ CRC32(data ‖ status) ‖ padding),
//     without a CMAC. That CRC32 is all that protects it, so it is deciphered
//     before it can be verified.
type EV1Session struct {
	block   cipher.Block
	mac     key.CMAC
	keyNo   byte
	chain   [blockSize]byte // the IV in its first bytes
	pending *Sealed
	proved  bool // the card's proof of the handshake was found good
	ended   bool

	scratch []byte
}

func newEV1Session(keyNo byte, b cipher.Block) *EV1Session {
	s := &EV1Session{block: b, keyNo: keyNo}
	s.mac.Init(b)
	return s
}

// KeyNo is the key number that the session was opened with.
func (s *EV1Session) KeyNo() byte { return s.keyNo }

// Over tells whether the session ended.
func (s *EV1Session) Over() bool { return s.ended }

// iv is the chained IV, one block of the session's cipher.
func (s *EV1Session) iv() []byte { return s.chain[:s.block.BlockSize()] }

// Seal applies EV1 secure messaging to c. It gives ErrCommand while an answer
// is not opened, because the chain needs it; nothing was sent then, and the
// session goes on.
func (s *EV1Session) Seal(c Command) (*Sealed, error) {
	if s.ended {
		return nil, fmt.Errorf("%s: %w", c.INS, ErrSessionOver)
	}
	if s.pending != nil && !s.pending.done {
		return nil, fmt.Errorf("%s: %w: the answer to %s must be opened first", c.INS, ErrCommand, s.pending.ins)
	}
	if err := c.allowed(); err != nil {
		return nil, err
	}
	before := s.chain
	data, err := s.protect(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.INS, err)
	}
	x := newSealed(c, s)
	if err := x.frameCommand(data); err != nil {
		s.chain = before // nothing was sent
		return nil, err
	}
	s.pending = x
	return x, nil
}

// protect gives the command's bytes after INS and moves the IV on. They are
// valid until the next use of s.
func (s *EV1Session) protect(c Command) ([]byte, error) {
	b := slices.Grow(s.scratch[:0], len(c.Header)+len(c.Data)+key.SizeTDEA3+sealRoom)
	b = append(append(b, byte(c.INS)), c.Header...)
	s.scratch = b
	switch {
	case c.secret():
		sealed, err := s.encipher(c, b)
		if err != nil {
			return nil, err
		}
		b = sealed
	case c.Mode == Plain && c.EndsSession:
		b = append(b, c.Data...)
	default:
		b = append(b, c.Data...)
		s.mac.Sum(s.iv(), s.iv(), b)
		if c.Mode == MACed && sendsMAC(c.INS) {
			b = append(b, s.chain[:macLen]...)
		}
	}
	return b[1:], nil
}

// encipher appends E(data ‖ CRC32(INS ‖ header ‖ data) [‖ CRC32(New)] ‖ 00..)
// to b, which is INS ‖ header. The CRC of ChangeKey is that of Full mode
// (desfire-facts §7.1); a change of another key adds that of the new key.
func (s *EV1Session) encipher(c Command, b []byte) ([]byte, error) {
	data, next := c.Data, []byte(nil)
	if c.change != nil {
		var err error
		if data, next, err = c.change.material(s.keyNo); err != nil {
			return nil, err
		}
		defer clear(data)
		defer clear(next)
	}
	start := len(b)
	b = append(b, data...)
	b = appendCRC32(b, b)
	if next != nil {
		b = appendCRC32(b, next)
	}
	b = appendZeroPadding(b, start, s.block.BlockSize(), c.marked)
	cbcEncrypt(s.block, s.iv(), b[start:])
	return b, nil
}

// sendsMAC tells whether the command carries its MAC in the MACed mode of EV1
// and D40, where all others do without; EV1 computes it all the same to move
// the IV on (proxmark3 desfiresecurechan.c, EV1D40TransmitMAC, which also has
// the value commands that desfire-facts §5.3 leaves out). The twins with ISO
// chaining are taken for the same commands.
func sendsMAC(ins apdu.INS) bool {
	switch ins {
	case apdu.INSWriteData, apdu.INSWriteRecord, apdu.INSUpdateRecord,
		apdu.INSWriteDataISO, apdu.INSWriteRecordISO, apdu.INSUpdateRecordISO,
		apdu.INSCredit, apdu.INSDebit, apdu.INSLimitedCredit, apdu.INSCommitReaderID,
		apdu.INSInitializeKeySet, apdu.INSFinalizeKeySet, apdu.INSRollKeySet:
		return true
	}
	return false
}

// open verifies the CMAC over answer ‖ status, chained to the IV, or deciphers
// the answer and verifies its CRC.
func (s *EV1Session) open(x *Sealed, answer []byte, status apdu.Status) ([]byte, error) {
	if !s.proved {
		return nil, fmt.Errorf("%w: the card's proof of the key was not opened", ErrCommand)
	}
	if x.ends {
		return bare(answer)
	}
	if x.reads {
		return s.decipher(x, answer, status)
	}
	n := len(answer) - macLen
	if n < 0 {
		return nil, fmt.Errorf("%w: it has no MAC", ErrIntegrity)
	}
	mac := [macLen]byte(answer[n:])
	answer[n] = byte(status)
	s.mac.Sum(s.iv(), s.iv(), answer[:n+1])
	if subtle.ConstantTimeCompare(s.chain[:macLen], mac[:]) != 1 {
		return nil, fmt.Errorf("%w: its MAC is wrong", ErrIntegrity)
	}
	return answer[:n], nil
}

// decipher opens E(data ‖ CRC32(data ‖ status) ‖ padding).
func (s *EV1Session) decipher(x *Sealed, answer []byte, status apdu.Status) ([]byte, error) {
	size := s.block.BlockSize()
	if len(answer) == 0 || len(answer)%size != 0 {
		return nil, fmt.Errorf("%w: %d enciphered bytes are not whole blocks", ErrAnswer, len(answer))
	}
	cbcDecrypt(s.block, s.iv(), answer)
	n, err := dataEnd(answer, size, crc32Len, x.answerLen, func(n int) bool {
		var sum [crc32Len]byte
		appendCRC32(sum[:0], answer[:n], []byte{byte(status)})
		return subtle.ConstantTimeCompare(sum[:], answer[n:n+crc32Len]) == 1
	})
	if err != nil {
		return nil, err
	}
	return answer[:n], nil
}

func (s *EV1Session) prove() { s.proved = true }

func (s *EV1Session) over() bool { return s.ended }

func (s *EV1Session) end() {
	s.ended = true
	clear(s.scratch[:cap(s.scratch)])
}

func (*EV1Session) refused(_ *Sealed, err *apdu.StatusError) error { return err }
