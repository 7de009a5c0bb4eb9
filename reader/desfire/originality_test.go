package desfire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"badgekms/test/vectors"
)

func TestOriginalityVectors(t *testing.T) {
	products := map[Generation]int{}
	for _, v := range vectors.Originalities(t) {
		k, err := VerifyOriginality(UID(v.UID), v.Signature)
		if v.ID == "orig-wrong-product-key" {
			// Valid under its own product's key; the vector's claim of another
			// product must not hold.
			if err == nil && strings.HasPrefix(v.Product, k.Product) {
				t.Errorf("%s: accepted for %s", v.ID, k.Product)
			}
			continue
		}
		if (err == nil) != v.Valid || err != nil && !errors.Is(err, ErrNotOriginal) {
			t.Errorf("%s: %v, want valid: %t", v.ID, err, v.Valid)
		}
		if err != nil {
			continue
		}
		products[k.Generation]++
		point, err := k.key.Bytes()
		if err != nil || vectors.Hex(point).String() != v.PublicKey.String() || !k.NXP {
			t.Errorf("%s: verified by the key of %s, %v", v.ID, k.Product, err)
		}
	}
	for _, g := range []Generation{EV1, EV2, EV3, Light} {
		if products[g] == 0 {
			t.Errorf("no vector of %s was verified", g)
		}
	}
}

// TestOriginalityOwnKey verifies what a caller's key signed, and nothing else.
func TestOriginalityOwnKey(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	own, err := ParseOriginalityKey("simulated card", point)
	if err != nil {
		t.Fatal(err)
	}
	uid := UID{4, 1, 2, 3, 4, 5, 6}
	r, s, err := ecdsa.Sign(rand.Reader, private, uid[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, signatureLen)
	r.FillBytes(signature[:28])
	s.FillBytes(signature[28:])
	if k, err := VerifyOriginality(uid, signature, own); err != nil || k.NXP || k.Product != "simulated card" {
		t.Errorf("own key: %+v, %v", k, err)
	}
	if _, err := VerifyOriginality(uid, signature); !errors.Is(err, ErrNotOriginal) {
		t.Errorf("without the own key: %v", err)
	}
	other := uid
	other[6]++
	if _, err := VerifyOriginality(other, signature, own, OriginalityKey{}); !errors.Is(err, ErrNotOriginal) {
		t.Errorf("another UID: %v", err)
	}
	for _, n := range []int{0, 55, 57} {
		if _, err := VerifyOriginality(uid, make([]byte, n), own); !errors.Is(err, ErrAnswer) {
			t.Errorf("a signature of %d bytes: %v", n, err)
		}
	}
	if _, err := VerifyOriginality(uid, make([]byte, 56), own); !errors.Is(err, ErrNotOriginal) {
		t.Errorf("a signature of zeros: %v", err)
	}
	point[10] ^= 1
	if _, err := ParseOriginalityKey("x", point); err == nil || !strings.Contains(err.Error(), "secp224r1") {
		t.Errorf("a point off the curve: %v", err)
	}
}
