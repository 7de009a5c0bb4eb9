package desfire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"sync"

	"badgekms/reader/apdu"
)

// signatureLen is r ‖ s on secp224r1.
const signatureLen = 2 * 28

// ErrNotOriginal: the signature fits no key, so the card was not made by a
// maker whose key is known here, or it claims another card's UID.
var ErrNotOriginal = errors.New("the originality signature is not valid for this UID")

// ReadSig is 3C 00: the originality signature that the maker wrote into the
// card, 56 bytes r ‖ s; VerifyOriginality checks it. EV2 and later answer 9190
// to it and some cards 9100. Both are taken for success, but 9100 stops the
// run: seal it last.
func ReadSig() Command {
	return Command{
		INS: apdu.INSReadSig, Header: []byte{0}, Mode: Full, Frames: 1, Success: apdu.StatusSignatureOK,
		AnswerLen: signatureLen,
	}
}

// OriginalityKey is a public key on secp224r1 that signs the UIDs of a product.
type OriginalityKey struct {
	// Product names what the key signs.
	Product string
	// Generation is that of the product, Unknown when it is no DESFire.
	Generation Generation
	// NXP tells that the key is one that NXP published, not the caller's.
	NXP bool

	key *ecdsa.PublicKey
}

// ParseOriginalityKey reads an uncompressed point, 04 ‖ X(28) ‖ Y(28), as a
// key of the caller's own, such as that of simulated cards.
func ParseOriginalityKey(product string, point []byte) (OriginalityKey, error) {
	k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P224(), point)
	if err != nil {
		return OriginalityKey{}, fmt.Errorf("originality key for %s: %w: want an uncompressed point on secp224r1", product, err)
	}
	return OriginalityKey{Product: product, key: k}, nil
}

// VerifyOriginality checks a signature from Read_Sig over uid: ECDSA on
// secp224r1 with the 7 bytes of the UID as the integer to be signed, without a
// hash (AN12343 §11). It tries the keys that NXP published and then the
// caller's, and returns the one that fits; compare its Generation with that of
// GetVersion. The errors are ErrNotOriginal, and ErrAnswer for another length.
//
// A valid signature proves that a genuine card with this UID exists, not that
// this card is it: signature and UID can be copied.
func VerifyOriginality(uid UID, signature []byte, also ...OriginalityKey) (OriginalityKey, error) {
	if len(signature) != signatureLen {
		return OriginalityKey{}, lengthError(apdu.INSReadSig, signature, "56")
	}
	r := new(big.Int).SetBytes(signature[:signatureLen/2])
	s := new(big.Int).SetBytes(signature[signatureLen/2:])
	for _, keys := range [][]OriginalityKey{nxpKeys(), also} {
		for _, k := range keys {
			if k.key != nil && ecdsa.Verify(k.key, uid[:], r, s) {
				return k, nil
			}
		}
	}
	return OriginalityKey{}, ErrNotOriginal
}

// nxpKeys are NXP's published keys (AN12343 §11 for the Light; the others as
// collected by proxmark3, client/src/crypto/originality.c; desfire-facts §9).
var nxpKeys = sync.OnceValue(func() []OriginalityKey {
	published := []struct {
		product    string
		generation Generation
		point      string
	}{
		{"DESFire EV3", EV3, "041DB46C145D0A36539C6544BD6D9B0AA62FF91EC48CBC6ABAE36E0089A46F0D08C8A715EA40A63313B92E90DDC1730230E0458A33276FB743"},
		{"DESFire EV2", EV2, "04B304DC4C615F5326FE9383DDEC9AA892DF3A57FA7FFB3276192BC0EAA252ED45A865E3B093A3D0DCE5BE29E92F1392CE7DE321E3E5C52B3A"},
		{"DESFire EV2 16K/32K", EV2, "04CD5D45E50B1502F0BA4656FF37669597E7E183251150F9574CC8DA56BF01C7ABE019E29FEA48F9CE22C3EA4029A765E1BC95A89543BAD1BC"},
		{"DESFire Light", Light, "040E98E117AAA36457F43173DC920A8757267F44CE4EC5ADD3C54075571AEBBF7B942A9774A1D94AD02572427E5AE0A2DD36591B1FB34FCF3D"},
		{"DESFire EV1", EV1, "04BB5D514F7050025C7D0F397310360EEC91EAF792E96FC7E0F496CB4E669D414F877B7B27901FE67C2E3B33CD39D1C797715189AC951C2ADD"},
		{"NTAG 424 DNA", Unknown, "048A9B380AF2EE1B98DC417FECC263F8449C7625CECE82D9B916C992DA209D68422B81EC20B65A66B5102A61596AF3379200599316A00A1410"},
	}
	keys := make([]OriginalityKey, len(published))
	for i, p := range published {
		point, err := hex.DecodeString(p.point)
		if err == nil {
			keys[i], err = ParseOriginalityKey(p.product, point)
		}
		if err != nil {
			panic("desfire: internal error: " + err.Error())
		}
		keys[i].Generation, keys[i].NXP = p.generation, true
	}
	return keys
})
