package desfire

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

// challengeLen is how many bytes a proximity check sends, and gets, in all.
const challengeLen = 8

// ProximityCheck measures whether the card is where the reader is, so that a
// relay shows by the time it adds (EV2 and later). Its three commands are
//
//	PreparePC       F0                       ->  option(1) time(2, MSB first) [PPS1(1)]
//	ProximityCheck  F2 len(1) ‖ challenge    ->  response(len)           once or more
//	VerifyPC        FD MACt(8)               ->  MACt(8)
//
// with 8 bytes of challenge and of response in all. Each MAC covers FD, or 90
// in the answer, ‖ option ‖ time ‖ [PPS1] ‖ (response ‖ challenge)*, under the
// proximity key (key 21 of the PICC, zero in the factory).
//
// The caller sends each Round by itself and takes the time from sending it to
// its answer; PublishedTime is what a card that is there needs. Until Verified,
// the times mean nothing: the rounds are not protected by themselves. Between
// Prepare and Verify the card refuses all other commands (910B).
//
// Unproven: no full exchange is published. The layouts are those of proxmark3
// (PR 3238) and of MichaelsPlayground; that time is MSB first follows from one
// log (0320 for 800 microseconds) (desfire-facts §9).
type ProximityCheck struct {
	mac    key.CMAC
	random io.Reader

	transcript []byte // what the MACs cover after their first byte
	challenge  [challengeLen]byte
	sent       int // bytes of challenge in rounds
	published  time.Duration
	pending    *Sealed
	verified   bool
	ended      bool
}

// NewProximityCheck begins a check with the proximity key of the card. random is
// crypto/rand.Reader except in tests.
func NewProximityCheck(k key.AES128, random io.Reader) *ProximityCheck {
	p := &ProximityCheck{random: random}
	p.mac.Init(k.Block())
	return p
}

// Prepare is PreparePC, the first command.
func (p *ProximityCheck) Prepare() (*Sealed, error) {
	if p.pending != nil || p.ended {
		return nil, fmt.Errorf("%s: %w", apdu.INSPreparePC, ErrSessionOver)
	}
	if _, err := io.ReadFull(p.random, p.challenge[:]); err != nil {
		return nil, fmt.Errorf("%s: draw the challenge: %w", apdu.INSPreparePC, err)
	}
	return p.seal(apdu.INSPreparePC, nil)
}

// PublishedTime is the response time that the card states in its answer to
// Prepare.
func (p *ProximityCheck) PublishedTime() time.Duration { return p.published }

// Left is how many bytes of challenge are still to be sent in rounds.
func (p *ProximityCheck) Left() int { return challengeLen - p.sent }

// Round is ProximityCheck with the next n bytes of challenge, 1 to Left. It needs
// the answer to the command before it.
func (p *ProximityCheck) Round(n int) (*Sealed, error) {
	if err := p.ready(apdu.INSProximityCheck); err != nil {
		return nil, err
	}
	if n < 1 || n > p.Left() {
		return nil, fmt.Errorf("%s: %w: %d bytes of challenge, %d are left", apdu.INSProximityCheck, ErrCommand, n, p.Left())
	}
	part := p.challenge[p.sent : p.sent+n]
	p.sent += n
	return p.seal(apdu.INSProximityCheck, append([]byte{byte(n)}, part...))
}

// Verify is VerifyPC, after all rounds.
func (p *ProximityCheck) Verify() (*Sealed, error) {
	if err := p.ready(apdu.INSVerifyPC); err != nil {
		return nil, err
	}
	if p.Left() > 0 {
		return nil, fmt.Errorf("%s: %w: %d bytes of challenge are left", apdu.INSVerifyPC, ErrCommand, p.Left())
	}
	mac := p.sum(byte(apdu.INSVerifyPC))
	return p.seal(apdu.INSVerifyPC, mac[:])
}

// Verified tells whether the card proved the rounds.
func (p *ProximityCheck) Verified() bool { return p.verified }

// ready tells whether a command may follow the one before it.
func (p *ProximityCheck) ready(ins apdu.INS) error {
	switch {
	case p.ended || p.pending != nil && p.pending.ins == apdu.INSVerifyPC:
		return fmt.Errorf("%s: %w", ins, ErrSessionOver)
	case p.pending == nil || !p.pending.done:
		return fmt.Errorf("%s: %w: the answer to the command before it must be opened first", ins, ErrCommand)
	}
	return nil
}

func (p *ProximityCheck) seal(ins apdu.INS, data []byte) (*Sealed, error) {
	p.pending = &Sealed{ins: ins, success: apdu.StatusSignatureOK, frames: 1, by: p}
	return p.pending, p.pending.frameCommand(data)
}

// sum is the MAC over code and transcript.
func (p *ProximityCheck) sum(code byte) (mac [macLen]byte) {
	var full [blockSize]byte
	p.mac.Sum(full[:], nil, append([]byte{code}, p.transcript...))
	truncateMAC(mac[:], full[:])
	return mac
}

func (p *ProximityCheck) open(x *Sealed, answer []byte, _ apdu.Status) ([]byte, error) {
	switch x.ins {
	case apdu.INSPreparePC:
		return answer, p.prepared(answer)
	case apdu.INSProximityCheck:
		return answer, p.responded(x, answer)
	}
	return []byte{}, p.conclude(answer)
}

// prepared takes option ‖ time ‖ [PPS1]; bit 0 of option tells that PPS1 is
// there.
func (p *ProximityCheck) prepared(answer []byte) error {
	if len(answer) < 3 || len(answer) != 3+int(answer[0]&1) {
		return fmt.Errorf("%w: %d bytes, want option, time and PPS1", ErrAnswer, len(answer))
	}
	p.published = time.Duration(binary.BigEndian.Uint16(answer[1:])) * time.Microsecond
	p.transcript = append(p.transcript, answer...)
	return nil
}

// responded takes the card's part of a round.
func (p *ProximityCheck) responded(x *Sealed, answer []byte) error {
	sent, err := apdu.Parse(x.run[0].APDU)
	if err != nil {
		return err
	}
	challenge := sent.Data[1:]
	if len(answer) != len(challenge) {
		return fmt.Errorf("%w: a response of %d bytes, want %d", ErrAnswer, len(answer), len(challenge))
	}
	p.transcript = append(append(p.transcript, answer...), challenge...)
	return nil
}

// conclude verifies the card's MAC.
func (p *ProximityCheck) conclude(answer []byte) error {
	mac := p.sum(byte(apdu.StatusSignatureOK & 0xFF))
	if subtle.ConstantTimeCompare(mac[:], answer) != 1 {
		return fmt.Errorf("%w: the proximity check is not proved", ErrIntegrity)
	}
	p.verified = true
	return nil
}

func (p *ProximityCheck) over() bool { return p.ended }

func (p *ProximityCheck) end() { p.ended = true }

func (*ProximityCheck) refused(_ *Sealed, err *apdu.StatusError) error { return err }
