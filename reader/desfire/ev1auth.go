package desfire

import (
	"crypto/cipher"
	"io"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

const (
	// desRndLen is the length of RndA and RndB with a DES or two-key triple DES
	// key; with the other types it is rndLen.
	desRndLen = 8
	// Offsets into RndA and RndB from which a session key of each type is made.
	half2TDEA   = 4
	second3TDEA = 6
	lastWord    = 12
)

// EV1Handshake is AuthenticateISO (1A) or AuthenticateAES (AA), which open an
// EV1Session. Its two steps are:
//
//	Start  INS KeyNo               ->  AF E(K, RndB)
//	Prove  AF E(K, RndA ‖ RndB')   ->  00 E(K, RndA')
//
// CBC runs through all messages of the handshake (desfire-facts §5.1). RndA and
// RndB have 8 bytes with a DES or two-key triple DES key, and 16 with the
// others. The session keys do not depend on the last answer, so Session gives
// the session as soon as Prove is sealed: one command can be sealed in it and
// sent in the same run. It can only be opened after the card's proof was found
// good.
//
// A card that refuses the proof gives ErrKeyRefused, and a card whose own proof
// is wrong ErrCardProof.
type EV1Handshake struct {
	mutual
	session *EV1Session
}

// AuthenticateISO begins a handshake with the DES or two-key triple DES key
// keyNo, such as the zero key of a factory card. random is crypto/rand.Reader
// except in tests.
//
// With a key that behaves as single DES the session key is A[0:4] ‖ B[0:4],
// otherwise A[0:4] ‖ B[0:4] ‖ A[4:8] ‖ B[4:8].
func AuthenticateISO(keyNo byte, k key.TDEA2, random io.Reader) *EV1Handshake {
	return newEV1Handshake(apdu.INSAuthenticateISO, keyNo, desRndLen, k.Block(), random, func(a, b []byte) cipher.Block {
		return sessionTDEA2(k, a, b)
	})
}

// AuthenticateISO3TDEA begins a handshake with the three-key triple DES key
// keyNo. The session key is A[0:4] ‖ B[0:4] ‖ A[6:10] ‖ B[6:10] ‖ A[12:16] ‖
// B[12:16].
func AuthenticateISO3TDEA(keyNo byte, k key.TDEA3, random io.Reader) *EV1Handshake {
	return newEV1Handshake(apdu.INSAuthenticateISO, keyNo, rndLen, k.Block(), random, func(a, b []byte) cipher.Block {
		s, err := key.NewTDEA3(interleave(a, b, 0, second3TDEA, lastWord))
		return sessionBlock(s, err)
	})
}

// AuthenticateAES begins a handshake with the AES key keyNo. The session key is
// A[0:4] ‖ B[0:4] ‖ A[12:16] ‖ B[12:16].
func AuthenticateAES(keyNo byte, k key.AES128, random io.Reader) *EV1Handshake {
	return newEV1Handshake(apdu.INSAuthenticateAES, keyNo, rndLen, k.Block(), random, func(a, b []byte) cipher.Block {
		s, err := key.NewAES128(interleave(a, b, 0, lastWord))
		return sessionBlock(s, err)
	})
}

func newEV1Handshake(ins apdu.INS, keyNo byte, size int, block cipher.Block, random io.Reader, derive func(a, b []byte) cipher.Block) *EV1Handshake {
	h := new(EV1Handshake)
	h.mutual = mutual{
		ins: ins, keyNo: keyNo, random: random, size: size, crypt: &chained{block: block},
		begin: func(a, b []byte) provable {
			h.session = newEV1Session(keyNo, derive(a, b))
			return h.session
		},
	}
	return h
}

// Session is the session, or nil before Prove.
func (h *EV1Handshake) Session() *EV1Session { return h.session }

// sessionTDEA2 is the session key of AuthenticateISO and Authenticate.
func sessionTDEA2(k key.TDEA2, rndA, rndB []byte) cipher.Block {
	second := half2TDEA
	if k.Single() {
		second = 0
	}
	s, err := key.NewTDEA2(interleave(rndA, rndB, 0, second))
	return sessionBlock(s, err)
}

// sessionBlock is the cipher of a session key, which is not needed after it.
func sessionBlock(k interface {
	Block() cipher.Block
	Destroy()
}, err error) cipher.Block {
	if err != nil {
		panic("desfire: internal error: " + err.Error())
	}
	defer k.Destroy()
	return k.Block()
}
