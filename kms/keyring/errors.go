package keyring

import "errors"

// The errors of this package, to be tested with errors.Is.
var (
	// ErrUnknownDomain: no such key domain.
	ErrUnknownDomain = errors.New("no such key domain")
	// ErrUnknownGeneration: the domain has no such generation.
	ErrUnknownGeneration = errors.New("no such generation")
	// ErrNoActive: no generation of the domain may be issued to badges.
	ErrNoActive = errors.New("no active generation")
	// ErrState: the generation's state does not allow the use.
	ErrState = errors.New("the state of the generation forbids this use")
	// ErrTransition: a change of state that is not legal.
	ErrTransition = errors.New("illegal change of state")
	// ErrKind: an admin domain was asked for another key than slot 0 and those
	// at card level, or the reverse.
	ErrKind = errors.New("the kind of the key domain forbids this key")
	// ErrInconsistent: domains and generations contradict each other.
	ErrInconsistent = errors.New("inconsistent keyring")
	// ErrProfile: a profile does not fit the domains.
	ErrProfile = errors.New("the card profile does not fit the key domains")
	// ErrExhausted: all 254 card key versions of a domain are taken.
	ErrExhausted = errors.New("no card key version left")
	// ErrKCV: the custody holds another key than the one recorded.
	ErrKCV = errors.New("the master key in custody is not the recorded one")
)
