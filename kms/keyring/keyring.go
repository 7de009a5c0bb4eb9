// Package keyring holds the rules of key domains and of the generations of
// their masters: the states of NIST SP 800-57 part 1 §7, what a generation may
// be used for in each, and which daughter key of NXP AN10922 belongs to a
// badge's slot. It stores nothing: the registry keeps the plain structs here.
//
// Three counters are kept apart: a generation's number in its domain, the
// custody's version of the key, and the one-byte key version on the card.
package keyring

import (
	"time"

	"badgekms/kms/an10922"
	"badgekms/kms/custody"
	"badgekms/kms/profile"
)

// Kind says what a domain's keys may be used for.
type Kind string

// The kinds of domains.
const (
	// Admin: derives slot 0 and the keys at card level, and nothing else.
	Admin Kind = "admin"
	// Authentication: derives every other slot.
	Authentication Kind = "authentication"
)

// Domain is one master key with one purpose, over all its generations. All
// its fields are immutable: a change of format or system_id under one master
// could give two keys the same M.
type Domain struct {
	Name     string // see custody.CheckName
	Kind     Kind
	FormatID string           // profile.Format.ID
	SystemID profile.SystemID // the establishment's, 4 to 18 bytes
	Created  time.Time
}

// Generation is one version of a domain's master.
type Generation struct {
	Domain         string
	Number         int    // from 1, ascending in the domain
	KeyName        string // in custody
	KeyVersion     int    // in custody, from 1
	CardKeyVersion byte   // on the card, 1 to 254, unique in the domain
	State          State
	Origin         custody.Origin
	KCV            an10922.KCV // first 5 bytes of CMAC(K, 0^16)
	Created        time.Time
	Changed        time.Time // last change of State
}

// Master is where the generation's key is in custody.
func (g Generation) Master() custody.Master {
	return custody.Master{Domain: g.Domain, Generation: g.Number, KeyName: g.KeyName, KeyVersion: g.KeyVersion}
}
