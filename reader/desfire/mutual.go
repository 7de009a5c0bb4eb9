package desfire

import (
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"io"

	"badgekms/reader/apdu"
)

// mutual is the authentication in three passes that AuthenticateISO,
// AuthenticateAES and the legacy Authenticate share (desfire-facts §5.1):
//
//	Start  INS KeyNo               ->  AF {RndB}
//	Prove  AF {RndA ‖ RndB'}       ->  00 {RndA'}
//
// where ' turns left by one byte. How a message {..} is enciphered is the
// crypt's matter.
type mutual struct {
	ins    apdu.INS
	keyNo  byte
	random io.Reader
	size   int // bytes of RndA and of RndB
	crypt  messageCipher
	// begin makes the session of RndA and RndB.
	begin func(rndA, rndB []byte) provable

	rndA, rndB [rndLen]byte
	started    bool
	challenged bool // rndB is known
	ended      bool
	opened     provable // the session, from Prove on
}

// messageCipher enciphers the messages of a handshake in place.
type messageCipher interface {
	seal(message []byte)
	unseal(message []byte)
}

// provable is a session whose handshake is not concluded yet.
type provable interface {
	prove() // the card's proof was found good
	end()
}

// Start is the first step: it asks for the card's challenge.
func (h *mutual) Start() (*Sealed, error) {
	if h.ended || h.started {
		return nil, fmt.Errorf("%s: %w", h.ins, ErrSessionOver)
	}
	h.started = true
	x := &Sealed{ins: h.ins, success: apdu.StatusAdditionalFrame, frames: 1, by: h}
	return x, x.frameCommand([]byte{h.keyNo})
}

// Prove is the second step: our proof of the key, and the call for the card's.
// It needs the answer to Start.
func (h *mutual) Prove() (*Sealed, error) {
	if h.ended {
		return nil, fmt.Errorf("%s: %w", h.ins, ErrSessionOver)
	}
	if !h.challenged || h.opened != nil {
		return nil, fmt.Errorf("%s: %w: open the card's challenge first, and prove once", h.ins, ErrCommand)
	}
	if _, err := io.ReadFull(h.random, h.rndA[:h.size]); err != nil {
		return nil, fmt.Errorf("%s: draw RndA: %w", h.ins, err)
	}
	var room [2 * rndLen]byte
	token := room[:2*h.size]
	copy(token, h.rndA[:h.size])
	rotate(token[h.size:], h.rndB[:h.size])
	h.crypt.seal(token)
	h.opened = h.begin(h.rndA[:h.size], h.rndB[:h.size])
	x := &Sealed{ins: h.ins, success: apdu.StatusOK, frames: 1, by: h}
	return x, x.frameAs(apdu.INSAdditionalFrame, token)
}

func (h *mutual) over() bool { return h.ended }

func (h *mutual) open(_ *Sealed, answer []byte, _ apdu.Status) ([]byte, error) {
	if len(answer) != h.size {
		return nil, fmt.Errorf("%w: %d bytes, want %d", ErrAnswer, len(answer), h.size)
	}
	h.crypt.unseal(answer)
	if h.opened == nil {
		copy(h.rndB[:], answer)
		h.challenged = true
		return []byte{}, nil
	}
	var rotated [rndLen]byte
	rotate(rotated[:h.size], h.rndA[:h.size])
	if subtle.ConstantTimeCompare(rotated[:h.size], answer) != 1 {
		return nil, ErrCardProof
	}
	h.opened.prove()
	h.forget()
	return []byte{}, nil
}

func (h *mutual) refused(_ *Sealed, err *apdu.StatusError) error {
	if h.opened != nil && apdu.Status(err.SW) == apdu.StatusAuthenticationError {
		return fmt.Errorf("%w: %w", ErrKeyRefused, err)
	}
	return err
}

func (h *mutual) end() {
	h.ended = true
	h.forget()
	if h.opened != nil {
		h.opened.end()
	}
}

// forget drops the key and the challenges once they are not needed.
func (h *mutual) forget() {
	h.crypt, h.begin = nil, nil
	clear(h.rndA[:])
	clear(h.rndB[:])
}

// interleave joins 4 bytes of RndA and 4 bytes of RndB from each offset, which
// is how session keys are made of them (desfire-facts §5.2).
func interleave(rndA, rndB []byte, offsets ...int) []byte {
	var k []byte
	for _, o := range offsets {
		k = append(append(k, rndA[o:o+4]...), rndB[o:o+4]...)
	}
	return k
}

// chained is CBC through all messages of a handshake, in either direction.
type chained struct {
	block cipher.Block
	iv    [blockSize]byte
}

func (c *chained) seal(message []byte) {
	cbcEncrypt(c.block, c.iv[:c.block.BlockSize()], message)
}

func (c *chained) unseal(message []byte) {
	cbcDecrypt(c.block, c.iv[:c.block.BlockSize()], message)
}
