package procedure

import "badgekms/reader/desfire"

// Originality is what a card's originality signature tells.
type Originality int

// The findings.
const (
	// OriginalityNone: the card gives no signature.
	OriginalityNone Originality = iota
	// OriginalityNXP: signed by NXP for this product.
	OriginalityNXP
	// OriginalityTest: signed by the test key of simulated cards.
	OriginalityTest
	// OriginalityInvalid: there is a signature, and it is nobody's, or that of
	// another product.
	OriginalityInvalid
)

// OriginalityPolicy says which cards may be encoded. A wrong signature is
// refused in any case; the signature proves that NXP made a card with this
// UID, not that this is the card.
type OriginalityPolicy struct {
	// Require refuses cards without a signature.
	Require bool
	// TestKeys are the public keys of simulated cards; none in production.
	TestKeys []desfire.OriginalityKey
}

func (p OriginalityPolicy) check(l look) Originality {
	if l.signature == nil {
		return OriginalityNone
	}
	k, err := desfire.VerifyOriginality(l.version.UID, l.signature, p.TestKeys...)
	switch {
	case err != nil:
		return OriginalityInvalid
	case !k.NXP:
		return OriginalityTest
	case k.Generation != l.version.Generation():
		return OriginalityInvalid
	}
	return OriginalityNXP
}

// admits tells whether a card with this finding may be encoded.
func (p OriginalityPolicy) admits(o Originality) bool {
	switch o {
	case OriginalityNXP, OriginalityTest:
		return true
	case OriginalityNone:
		return !p.Require
	}
	return false
}
