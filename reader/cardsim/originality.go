package cardsim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// signatureLength is r and s of a secp224r1 signature, 28 bytes each.
const signatureLength = 56

// testSigningKey is the private key of all simulated cards. It is public on
// purpose: its signatures prove nothing, and no verifier but a test's may trust
// OriginalityKey. NXP's own key cannot be had.
const testSigningKey = "badgekms test cards, not nxp" // 28 bytes, as ASCII

func signingKey() (*ecdsa.PrivateKey, error) {
	return ecdsa.ParseRawPrivateKey(elliptic.P224(), []byte(testSigningKey))
}

// OriginalityKey is the public key that verifies what Read_Sig of a simulated
// card answers: ECDSA on secp224r1 over the 7-byte UID itself, unhashed
// (AN12343 §11). It is a test key; a system that trusts it trusts everybody.
func OriginalityKey() *ecdsa.PublicKey {
	k, err := signingKey()
	if err != nil {
		panic("cardsim: internal error: the test signing key is unusable: " + err.Error())
	}
	return &k.PublicKey
}

// sign makes r ‖ s over the UID, as NXP does once per card in the factory.
func sign(uid []byte) ([]byte, error) {
	k, err := signingKey()
	if err != nil {
		return nil, err
	}
	der, err := ecdsa.SignASN1(rand.Reader, k, uid)
	if err != nil {
		return nil, fmt.Errorf("sign the UID: %w", err)
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return nil, fmt.Errorf("sign the UID: %w", err)
	}
	sig := make([]byte, signatureLength)
	rs.R.FillBytes(sig[:28])
	rs.S.FillBytes(sig[28:])
	return sig, nil
}

// readSignature is Read_Sig (3C): one parameter, 00. The status is 90, "phase
// passed", as EV2 and EV3 cards answer in practice.
func (c *Card) readSignature(p []byte) reply {
	if p[0] != 0 {
		return fail(statusParameter)
	}
	return reply{status: statusSignature, data: c.state.Signature}
}
