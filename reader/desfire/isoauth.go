package desfire

import (
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"io"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

// desRndLen is the length of RndA and RndB with a DES or two-key triple DES
// key.
const desRndLen = 8

// ISOHandshake is AuthenticateISO (1A) with a two-key triple DES key, such as
// the zero key of a factory card (desfire-facts §5.1). Its two steps are:
//
//	Start  1A KeyNo                ->  AF E(K, RndB)
//	Prove  AF E(K, RndA ‖ RndB')   ->  00 E(K, RndA')
//
// CBC runs through all messages of the handshake. The session keys do not
// depend on the last answer, so Session gives the session as soon as Prove is
// sealed: one command can be sealed in it and sent in the same run. It can only
// be opened after the card's proof was found good.
type ISOHandshake struct {
	keyNo  byte
	key    key.TDEA2
	random io.Reader

	block      cipher.Block
	iv         [desRndLen]byte
	rndA, rndB [desRndLen]byte
	challenged bool
	ended      bool
	session    *ISOSession
}

// AuthenticateISO begins a handshake with key keyNo. random is
// crypto/rand.Reader except in tests.
func AuthenticateISO(keyNo byte, k key.TDEA2, random io.Reader) *ISOHandshake {
	return &ISOHandshake{keyNo: keyNo, key: k, block: k.Block(), random: random}
}

// Start is the first step: it asks for the card's challenge.
func (h *ISOHandshake) Start() (*Sealed, error) {
	if h.ended || h.challenged {
		return nil, fmt.Errorf("%s: %w", apdu.INSAuthenticateISO, ErrSessionOver)
	}
	x := &Sealed{ins: apdu.INSAuthenticateISO, success: apdu.StatusAdditionalFrame, frames: 1, by: h}
	return x, x.frameCommand([]byte{h.keyNo})
}

// Prove is the second step: our proof of the key, and the call for the card's.
// It needs the answer to Start.
func (h *ISOHandshake) Prove() (*Sealed, error) {
	if h.ended {
		return nil, fmt.Errorf("%s: %w", apdu.INSAuthenticateISO, ErrSessionOver)
	}
	if !h.challenged || h.session != nil {
		return nil, fmt.Errorf("%s: %w: open the card's challenge first, and prove once", apdu.INSAuthenticateISO, ErrCommand)
	}
	if _, err := io.ReadFull(h.random, h.rndA[:]); err != nil {
		return nil, fmt.Errorf("%s: draw RndA: %w", apdu.INSAuthenticateISO, err)
	}
	var token [2 * desRndLen]byte
	copy(token[:], h.rndA[:])
	rotate(token[desRndLen:], h.rndB[:])
	cbcEncrypt(h.block, h.iv[:], token[:])
	h.session = newISOSession(h.keyNo, h.sessionKey())
	x := &Sealed{ins: apdu.INSAuthenticateISO, success: apdu.StatusOK, frames: 1, by: h}
	return x, x.frameAs(apdu.INSAdditionalFrame, token[:])
}

// Session is the session, or nil before Prove.
func (h *ISOHandshake) Session() *ISOSession { return h.session }

// sessionKey is A[0:4] ‖ B[0:4] ‖ A[4:8] ‖ B[4:8], or with a key that behaves
// as single DES A[0:4] ‖ B[0:4] twice (desfire-facts §5.2).
func (h *ISOHandshake) sessionKey() key.TDEA2 {
	a, b := h.rndA[:], h.rndB[:]
	if h.key.Single() {
		a, b = append(a[:4:4], a[:4]...), append(b[:4:4], b[:4]...)
	}
	var k [key.Size]byte
	copy(k[0:], a[:4])
	copy(k[4:], b[:4])
	copy(k[8:], a[4:])
	copy(k[12:], b[4:])
	session, err := key.NewTDEA2(k[:])
	clear(k[:])
	if err != nil {
		panic("desfire: internal error: " + err.Error())
	}
	return session
}

func (h *ISOHandshake) over() bool { return h.ended }

func (h *ISOHandshake) open(_ *Sealed, answer []byte, _ apdu.Status) ([]byte, error) {
	if len(answer) != desRndLen {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrAnswer, len(answer), desRndLen)
	}
	cbcDecrypt(h.block, h.iv[:], answer)
	if h.session == nil {
		copy(h.rndB[:], answer)
		h.challenged = true
		return []byte{}, nil
	}
	var rotated [desRndLen]byte
	rotate(rotated[:], h.rndA[:])
	if subtle.ConstantTimeCompare(rotated[:], answer) != 1 {
		return nil, ErrCardProof
	}
	h.session.proved = true
	return []byte{}, nil
}

func (h *ISOHandshake) refused(_ *Sealed, err *apdu.StatusError) error {
	if h.session != nil && apdu.Status(err.SW) == apdu.StatusAuthenticationError {
		return fmt.Errorf("%w: %w", ErrKeyRefused, err)
	}
	return err
}

func (h *ISOHandshake) end() {
	h.ended = true
	h.key = key.TDEA2{}
	if h.session != nil {
		h.session.end()
	}
}
