package desfire

import (
	"crypto/cipher"
	"crypto/subtle"
	"fmt"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

// ISOSession is a session under EV1 secure messaging with a DES session key,
// as AuthenticateISO opens it on a factory card (desfire-facts §5.3 and §5.4).
// It carries what a factory card needs: commands whose MAC is not sent, and
// commands with enciphered data, ChangeKey to AES among them. It refuses, with
// ErrCommand, what else EV1 messaging can do.
//
// One IV, zero at first, chains every CMAC and every encryption of the session
// in either direction. So a command can be sealed only when the answer to the
// one before it was opened.
type ISOSession struct {
	block   cipher.Block
	mac     *key.CMAC
	keyNo   byte
	iv      [desRndLen]byte
	pending *Sealed
	proved  bool // the card's proof of the handshake was found good
	ended   bool
}

func newISOSession(keyNo byte, k key.TDEA2) *ISOSession {
	b := k.Block()
	return &ISOSession{block: b, mac: key.NewCMAC(b), keyNo: keyNo}
}

// KeyNo is the key number that the session was opened with.
func (s *ISOSession) KeyNo() byte { return s.keyNo }

// Over tells whether the session ended.
func (s *ISOSession) Over() bool { return s.ended }

// Seal applies EV1 secure messaging to c.
func (s *ISOSession) Seal(c Command) (*Sealed, error) {
	if s.ended {
		return nil, fmt.Errorf("%s: %w", c.INS, ErrSessionOver)
	}
	if s.pending != nil && !s.pending.done {
		return nil, fmt.Errorf("%s: %w: the answer to %s must be opened first", c.INS, ErrCommand, s.pending.ins)
	}
	before := s.iv
	data, err := s.protect(c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.INS, err)
	}
	x := newSealed(c, s)
	if err := x.frameCommand(data); err != nil {
		s.iv = before // nothing was sent
		return nil, err
	}
	s.pending = x
	return x, nil
}

// protect gives the command's bytes after INS and moves the IV on. Full mode
// enciphers data ‖ CRC32(INS ‖ header ‖ data) ‖ zeros.
func (s *ISOSession) protect(c Command) ([]byte, error) {
	if c.Mode != Full {
		if c.Mode == MACed && sendsMAC(c.INS) {
			return nil, fmt.Errorf("%w: EV1 messaging for %s is not supported", ErrCommand, c.INS)
		}
		data := concat(c.Header, c.Data)
		if !c.EndsSession {
			s.mac.Sum(s.iv[:], s.iv[:], append([]byte{byte(c.INS)}, data...))
		}
		return data, nil
	}
	if !c.secret() {
		return nil, fmt.Errorf("%w: enciphered answers of EV1 messaging are not supported", ErrCommand)
	}
	data := c.Data
	if c.change != nil {
		plain, err := c.change.ev1(s.keyNo)
		if err != nil {
			return nil, err
		}
		defer clear(plain)
		data = plain
	}
	b := append(make([]byte, 0, len(c.Header)+len(data)+4+desRndLen), c.Header...)
	b = append(b, data...)
	b = appendCRC32(b, []byte{byte(c.INS)}, b)
	for (len(b)-len(c.Header))%desRndLen != 0 {
		b = append(b, 0)
	}
	cbcEncrypt(s.block, s.iv[:], b[len(c.Header):])
	return b, nil
}

// sendsMAC tells whether the command carries its MAC in EV1's MACed mode, where
// all others compute it only to move the IV on (desfire-facts §5.3).
func sendsMAC(ins apdu.INS) bool {
	switch ins {
	case apdu.INSWriteData, apdu.INSWriteRecord, apdu.INSUpdateRecord, apdu.INSCommitReaderID,
		apdu.INSInitializeKeySet, apdu.INSFinalizeKeySet, apdu.INSRollKeySet:
		return true
	}
	return false
}

// open verifies the CMAC over answer ‖ status, chained to the IV.
func (s *ISOSession) open(x *Sealed, answer []byte, status apdu.Status) ([]byte, error) {
	if !s.proved {
		return nil, fmt.Errorf("%w: the answer to AuthenticateISO was not opened", ErrCommand)
	}
	if x.ends {
		return bare(answer)
	}
	n := len(answer) - macLen
	if n < 0 {
		return nil, fmt.Errorf("%w: it has no MAC", ErrIntegrity)
	}
	mac := [macLen]byte(answer[n:])
	answer[n] = byte(status)
	s.mac.Sum(s.iv[:], s.iv[:], answer[:n+1])
	if subtle.ConstantTimeCompare(s.iv[:], mac[:]) != 1 {
		return nil, fmt.Errorf("%w: its MAC is wrong", ErrIntegrity)
	}
	return answer[:n], nil
}

func (s *ISOSession) over() bool { return s.ended }

func (s *ISOSession) end() { s.ended = true }

func (s *ISOSession) refused(_ *Sealed, err *apdu.StatusError) error { return err }
