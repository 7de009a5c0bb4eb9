// Package custody is the seam between the KMS and the place where its master
// keys live: Vault's Transit engine, an HSM behind PKCS#11, or the KMS's own
// memory. A custody derives daughter keys by NXP AN10922 (AES-128) and manages
// the life cycle of masters (NIST SP 800-57 part 1 §8).
//
// The interface is narrow on purpose. It computes nothing but diversified keys
// and check values, so it is no CMAC oracle: Derive puts the constant 01 of
// AN10922 before every input itself, and KCV takes no input. Nothing returns a
// master key.
package custody

import (
	"context"

	"badgekms/kms/an10922"
	"badgekms/reader/key"
)

// Master names one master key in a custody. It maps a generation of a key
// domain, which the keyring counts, to a key and version, which the custody
// counts; the numbers need not agree.
type Master struct {
	Domain     string // key domain, such as "staff-doors"
	Generation int    // the keyring's number, from 1
	KeyName    string // the custody's name of the key
	KeyVersion int    // the custody's version of that key, from 1
}

// Custody derives keys from masters that it never gives away. Its methods may
// be called from many goroutines. Errors wrap the sentinels of this package;
// when ctx ends, they also wrap its error.
type Custody interface {
	// Capabilities tells what the custody can do. It does not change.
	Capabilities() Capabilities

	// Derive returns the AN10922 daughter key of each input, in order. It
	// gives all keys or none. An input shorter than Capabilities().ShortestM
	// gives ErrShortM, a master that is not there ErrUnknownMaster. No inputs
	// give no keys and no call.
	Derive(ctx context.Context, m Master, inputs []an10922.M) ([]key.AES128, error)

	// KCV returns the check value of a master: the first 5 bytes of
	// CMAC(K, 0^16).
	KCV(ctx context.Context, m Master) (an10922.KCV, error)

	// CreateMaster makes the first master of a domain, generated inside, and
	// returns where it is. A key that is already there gives ErrExists: it may
	// be in use, or left by a creation whose caller crashed before it recorded
	// the result. Rotate then gives a version that nobody used.
	CreateMaster(ctx context.Context, domain string, generation int) (Master, error)

	// Rotate makes a new version of the domain's master. Masters made before
	// keep deriving. It is never retried: after ErrUnavailable a version may
	// or may not have been added, which does no harm, since every derivation
	// names its version.
	Rotate(ctx context.Context, domain string, generation int) (Master, error)

	// Check tells whether the custody can be reached and computes correctly.
	// It is called before the KMS serves, and by its health check.
	Check(ctx context.Context) error
}
