package registry

import (
	"encoding/json"
	"fmt"
	"strings"
)

// KeyKind tells where a key comes from.
type KeyKind string

// The kinds of key a slot can hold.
const (
	// KeyPublicDefault: the factory's key, known to everybody (DES zero at
	// PICC level, AES zero in a new application).
	KeyPublicDefault KeyKind = "public-default"
	// KeyTransport: a supplier's key, common to a delivery of cards; Name is
	// what the profile calls it.
	KeyTransport KeyKind = "transport"
	// KeyDerivedDefault: the default key of this card alone, set by
	// SetConfiguration option 01 and derived like a KeyDomain.
	KeyDerivedDefault KeyKind = "derived-default"
	// KeyDomain: the daughter key of a domain, a generation and an issue
	// number.
	KeyDomain KeyKind = "domain"
)

// KeyRef says which key a slot holds, without a byte of it.
type KeyRef struct {
	Kind KeyKind `json:"kind"`
	// Name is set for KeyTransport only.
	Name string `json:"name,omitempty"`
	// Domain, Generation, Issue and Format (of the diversification input M)
	// are set for KeyDomain and KeyDerivedDefault only.
	Domain     string      `json:"domain,omitempty"`
	Generation uint32      `json:"generation,omitempty"`
	Issue      IssueNumber `json:"issue,omitempty"`
	Format     string      `json:"format,omitempty"`
}

// PublicDefault is the reference to a publicly known key.
func PublicDefault() KeyRef { return KeyRef{Kind: KeyPublicDefault} }

// Derived tells whether the key is this card's own, so that a session under it
// can prove something.
func (k KeyRef) Derived() bool { return k.Kind == KeyDomain || k.Kind == KeyDerivedDefault }

// String names the key for logs and messages.
func (k KeyRef) String() string {
	switch {
	case k.Derived():
		return fmt.Sprintf("%s %s generation %d issue %s", k.Kind, k.Domain, k.Generation, k.Issue)
	case k.Kind == KeyTransport:
		return fmt.Sprintf("%s %s", k.Kind, k.Name)
	}
	return string(k.Kind)
}

// Validate tells whether the fields fit the kind, as ErrInvalid.
func (k KeyRef) Validate() error {
	numbered := k.Domain != "" && k.Generation != 0 && k.Issue.Attempt() != 0 && k.Format != ""
	blank := k.Domain == "" && k.Generation == 0 && k.Issue == 0 && k.Format == ""
	var ok bool
	switch k.Kind {
	case KeyDomain, KeyDerivedDefault:
		ok = numbered && k.Name == ""
	case KeyTransport:
		ok = blank && k.Name != ""
	case KeyPublicDefault:
		ok = blank && k.Name == ""
	}
	if !ok {
		return invalid("key", k.String(), "its fields do not fit its kind")
	}
	return nil
}

// Encode is the form in which a registry stores the reference: one JSON object
// whose members are those of KeyRef that are set, in that order. A reference
// has one encoding.
func (k KeyRef) Encode() string {
	text, err := json.Marshal(k)
	if err != nil {
		panic("registry: internal error: encode a key reference: " + err.Error())
	}
	return string(text)
}

// ParseKeyRef reads what Encode gives, and nothing else: what is stored
// otherwise was not stored by us (ErrCorrupt).
func ParseKeyRef(text string) (KeyRef, error) {
	var k KeyRef
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&k); err != nil {
		return KeyRef{}, fmt.Errorf("%w: a stored key reference: %w", ErrCorrupt, err)
	}
	if k.Validate() != nil || k.Encode() != text {
		return KeyRef{}, fmt.Errorf("%w: a stored key reference of %d bytes is not in its only form", ErrCorrupt, len(text))
	}
	return k, nil
}
