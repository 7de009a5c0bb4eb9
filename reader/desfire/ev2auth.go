package desfire

import (
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"io"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

const (
	rndLen = 16
	capLen = 6
)

// EV2Handshake is a mutual authentication with an AES key that opens an
// EV2Session (NT4H2421Gx §9.1.5 and §9.1.6). Its two steps are:
//
//	Start  71 KeyNo 00  or  77 KeyNo   ->  AF E(K, RndB)
//	Prove  AF E(K, RndA ‖ RndB')       ->  00 E(K, TI ‖ RndA' ‖ PDcap2 ‖ PCDcap2)
//
// where ' turns left by one byte; the last answer of NonFirst is E(K, RndA').
// Each message is CBC with a zero IV. Once the answer to Prove is opened,
// Session gives the session.
//
// A card that refuses the proof gives ErrKeyRefused, and a card whose own proof
// is wrong ErrCardProof.
type EV2Handshake struct {
	ins    apdu.INS
	keyNo  byte
	random io.Reader
	prior  *EV2Session // the session that NonFirst continues

	block      cipher.Block
	cmac       key.CMAC // over block, for the session keys
	rndA, rndB [rndLen]byte
	iv         [blockSize]byte
	work       [2 * blockSize]byte // token, then derivation
	challenged bool                // rndB is known
	proving    bool
	ended      bool
	session    *EV2Session
	pdCap      [capLen]byte
	pcdCap     [capLen]byte
}

// AuthenticateEV2First begins a handshake that starts a new transaction, with
// key keyNo of the selected application or of the PICC. random is
// crypto/rand.Reader except in tests.
func AuthenticateEV2First(keyNo byte, k key.AES128, random io.Reader) *EV2Handshake {
	return &EV2Handshake{ins: apdu.INSAuthenticateEV2First, keyNo: keyNo, block: k.Block(), random: random}
}

// ContinueEV2First is AuthenticateEV2First whose first step was sent by someone
// else, as the opening script of a terminal does: 71 KeyNo 00 was answered with
// challenge, the 16 bytes E(K, RndB). Start is not used then.
func ContinueEV2First(keyNo byte, k key.AES128, challenge []byte, random io.Reader) (*EV2Handshake, error) {
	h := AuthenticateEV2First(keyNo, k, random)
	if err := h.challenge(challenge); err != nil {
		return nil, fmt.Errorf("%s: %w", h.ins, err)
	}
	return h, nil
}

// AuthenticateEV2NonFirst begins a handshake inside the transaction of s: TI
// and CmdCtr go on, the keys are new. s ends with Start, whatever comes of it.
func AuthenticateEV2NonFirst(s *EV2Session, keyNo byte, k key.AES128, random io.Reader) *EV2Handshake {
	return &EV2Handshake{ins: apdu.INSAuthenticateEV2NonFirst, keyNo: keyNo, block: k.Block(), random: random, prior: s}
}

// Start is the first step: it asks for the card's challenge.
func (h *EV2Handshake) Start() (*Sealed, error) {
	if h.ended || h.challenged {
		return nil, fmt.Errorf("%s: %w", h.ins, ErrSessionOver)
	}
	data := []byte{h.keyNo, 0}
	if h.prior != nil {
		if h.prior.ended || h.prior.closing {
			return nil, fmt.Errorf("%s: %w", h.ins, ErrSessionOver)
		}
		h.prior.closing = true
		data = data[:1]
	}
	x := &Sealed{ins: h.ins, success: apdu.StatusAdditionalFrame, frames: 1, by: h}
	return x, x.frameCommand(data)
}

// Prove is the second step: our proof of the key, and the call for the card's.
// It needs the answer to Start.
func (h *EV2Handshake) Prove() (*Sealed, error) {
	if h.ended {
		return nil, fmt.Errorf("%s: %w", h.ins, ErrSessionOver)
	}
	if !h.challenged || h.proving {
		return nil, fmt.Errorf("%s: %w: open the card's challenge first, and prove once", h.ins, ErrCommand)
	}
	if _, err := io.ReadFull(h.random, h.rndA[:]); err != nil {
		return nil, fmt.Errorf("%s: draw RndA: %w", h.ins, err)
	}
	h.proving = true
	token := h.work[:]
	copy(token, h.rndA[:])
	rotate(token[rndLen:], h.rndB[:])
	clear(h.iv[:])
	cbcEncrypt(h.block, h.iv[:], token)
	x := &Sealed{ins: h.ins, success: apdu.StatusOK, frames: 1, by: h}
	return x, x.frameAs(apdu.INSAdditionalFrame, token)
}

// Session is the session that the handshake opened, or nil while the answer to
// Prove is not opened and found good.
func (h *EV2Handshake) Session() *EV2Session { return h.session }

// Capabilities are PDcap2 of the card and PCDcap2 as the card returns it, 6
// bytes each, after AuthenticateEV2First. We send an empty PCDcap2.
func (h *EV2Handshake) Capabilities() (pdCap2, pcdCap2 [6]byte) { return h.pdCap, h.pcdCap }

func (h *EV2Handshake) over() bool { return h.ended }

func (h *EV2Handshake) open(_ *Sealed, answer []byte, _ apdu.Status) ([]byte, error) {
	if !h.proving {
		return []byte{}, h.challenge(answer)
	}
	return []byte{}, h.conclude(answer)
}

// challenge takes E(K, RndB).
func (h *EV2Handshake) challenge(answer []byte) error {
	if len(answer) == rndLen+1 {
		return fmt.Errorf("%w: the card uses LRP secure messaging, which is not supported", ErrAnswer)
	}
	if len(answer) != rndLen {
		return fmt.Errorf("%w: a challenge of %d bytes, want %d", ErrAnswer, len(answer), rndLen)
	}
	h.block.Decrypt(h.rndB[:], answer)
	h.challenged = true
	return nil
}

// conclude takes the card's proof, compares it and derives the session.
func (h *EV2Handshake) conclude(answer []byte) error {
	start, want := tiLen, 2*blockSize
	if h.prior != nil {
		start, want = 0, blockSize
	}
	if len(answer) != want {
		return fmt.Errorf("%w: a proof of %d bytes, want %d", ErrAnswer, len(answer), want)
	}
	clear(h.iv[:])
	cbcDecrypt(h.block, h.iv[:], answer)
	var rotated [rndLen]byte
	rotate(rotated[:], h.rndA[:])
	if subtle.ConstantTimeCompare(rotated[:], answer[start:start+rndLen]) != 1 {
		return ErrCardProof
	}
	s := h.derive()
	if h.prior != nil {
		s.ti, s.counter = h.prior.ti, h.prior.counter
		h.prior.ended = true
	} else {
		copy(s.ti[:], answer)
		copy(h.pdCap[:], answer[start+rndLen:])
		copy(h.pcdCap[:], answer[start+rndLen+capLen:])
	}
	h.session = s
	h.forget()
	return nil
}

// derive computes the session keys from RndA and RndB (NT4H2421Gx §9.1.7):
//
//	SV1 = A5 5A 00 01 00 80 ‖ A[0:2] ‖ A[2:8]^B[0:6] ‖ B[6:16] ‖ A[8:16]
//	SV2 = 5A A5 ..                      ENC = CMAC(K, SV1)  MAC = CMAC(K, SV2)
func (h *EV2Handshake) derive() *EV2Session {
	h.cmac.Init(h.block)
	sv := h.work[:]
	copy(sv, []byte{0xA5, 0x5A, 0x00, 0x01, 0x00, 0x80})
	copy(sv[6:], h.rndA[:8])
	subtle.XORBytes(sv[8:14], sv[8:14], h.rndB[:6])
	copy(sv[14:], h.rndB[6:])
	copy(sv[24:], h.rndA[8:])
	s := &EV2Session{keyNo: h.keyNo}
	h.cmac.Sum(s.tag[:], nil, sv)
	s.enc = aesBlock(s.tag[:])
	sv[0], sv[1] = 0x5A, 0xA5
	h.cmac.Sum(s.tag[:], nil, sv)
	s.mac.Init(aesBlock(s.tag[:]))
	clear(s.tag[:])
	return s
}

// forget drops the key and the challenges once they are not needed.
func (h *EV2Handshake) forget() {
	h.block, h.cmac = nil, key.CMAC{}
	clear(h.rndA[:])
	clear(h.rndB[:])
	clear(h.work[:])
}

func (h *EV2Handshake) refused(_ *Sealed, err *apdu.StatusError) error {
	if h.proving && apdu.Status(err.SW) == apdu.StatusAuthenticationError {
		return fmt.Errorf("%w: %w", ErrKeyRefused, err)
	}
	return err
}

func (h *EV2Handshake) end() {
	h.ended = true
	h.forget()
	if h.prior != nil {
		h.prior.end()
	}
}
