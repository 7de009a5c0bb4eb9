package custody

import (
	"errors"
	"fmt"
)

// The errors of a Custody that callers branch on, to be tested with errors.Is.
// Implementations wrap them with what happened and what to do next.
var (
	// ErrUnavailable: the custody cannot answer now (unreachable, sealed, too
	// slow, rate limited). The badge is undecided, never denied.
	ErrUnavailable = errors.New("key custody is not available")
	// ErrDenied: the custody refuses this KMS's identity or policy.
	ErrDenied = errors.New("key custody denies access")
	// ErrUnsupported: this kind or edition of custody cannot do it at all.
	ErrUnsupported = errors.New("key custody does not support this")
	// ErrUnknownMaster: there is no such key, or not in that version.
	ErrUnknownMaster = errors.New("no such master key in custody")
	// ErrShortM: an input is too short for this custody; see ShortMError.
	ErrShortM = errors.New("diversification input too short for this custody")
	// ErrExists: a master to be created is there already.
	ErrExists = errors.New("master key exists already in custody")
	// ErrWrongAnswer: the custody answered, but not what AN10922 demands. Its
	// keys must not be written to any card.
	ErrWrongAnswer = errors.New("key custody gave a wrong answer")
	// ErrName: a domain's name cannot name a key.
	ErrName = errors.New("invalid name of a key domain")
)

// ShortMError reports an input that a custody which computes plain CMAC cannot
// diversify as AN10922 demands. It matches ErrShortM.
type ShortMError struct {
	Mode     Mode
	Len      int // length of the input, bytes
	Shortest int // shortest input the custody serves, bytes
}

// Error says why and what to do.
func (e *ShortMError) Error() string {
	return fmt.Sprintf("%v: M has %d bytes, but custody %q computes plain CMAC, which equals AN10922 from %d bytes on; add fields to M in the profile, or use a custody that computes AN10922 itself (transit-envelope)",
		ErrShortM, e.Len, e.Mode, e.Shortest)
}

// Unwrap gives ErrShortM.
func (e *ShortMError) Unwrap() error { return ErrShortM }
