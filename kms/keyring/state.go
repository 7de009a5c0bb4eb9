package keyring

import (
	"fmt"
	"slices"
)

// State is the state of a generation, after NIST SP 800-57 part 1 §7.
type State string

// The states. Destroyed is final.
const (
	PreActivation State = "pre-activation" // made, not yet in use
	Active        State = "active"         // new badges get its keys
	Suspended     State = "suspended"      // taken out of use for a while
	Deactivated   State = "deactivated"    // no new badges; badges that have its keys are still recognised
	Compromised   State = "compromised"    // known or suspected to be known to others
	Destroyed     State = "destroyed"      // gone from custody
)

// States lists all states.
func States() []State {
	return []State{PreActivation, Active, Suspended, Deactivated, Compromised, Destroyed}
}

// transitions are those of NIST SP 800-57 part 1 rev 5 §7.2. A compromised key
// never becomes anything but destroyed; a deactivated one is never reactivated.
var transitions = map[State][]State{
	PreActivation: {Active, Suspended, Compromised, Destroyed},
	Active:        {Suspended, Deactivated, Compromised},
	Suspended:     {Active, Deactivated, Compromised, Destroyed},
	Deactivated:   {Compromised, Destroyed},
	Compromised:   {Destroyed},
	Destroyed:     {},
}

// CanBecome tells whether the transition from s to next is legal.
func (s State) CanBecome(next State) bool { return slices.Contains(transitions[s], next) }

// CheckTransition refuses an illegal transition with ErrTransition and names
// the legal ones.
func CheckTransition(from, to State) error {
	next, known := transitions[from]
	switch {
	case !known:
		return fmt.Errorf("%w: unknown state %q", ErrTransition, from)
	case slices.Contains(next, to):
		return nil
	case len(next) == 0:
		return fmt.Errorf("%w: %s is final", ErrTransition, from)
	}
	return fmt.Errorf("%w: from %s to %q; from there it can become %v", ErrTransition, from, to, next)
}

// Use is what a derivation is for. Which uses a generation serves depends on
// its state.
type Use int

// The uses.
const (
	// Issue: write the key to a badge. Active only.
	Issue Use = iota + 1
	// Recognise: authenticate a badge so as to grant it something. Active and
	// deactivated.
	Recognise
	// Replace: authenticate a badge so as to replace its keys, settle an
	// intent or take the badge back. Nothing is granted. All states but
	// pre-activation and destroyed.
	Replace
)

var uses = map[State][]Use{
	PreActivation: {},
	Active:        {Issue, Recognise, Replace},
	Suspended:     {Replace},
	Deactivated:   {Recognise, Replace},
	Compromised:   {Replace},
	Destroyed:     {},
}

// Serves tells whether a generation in state s may be used for u.
func (s State) Serves(u Use) bool { return slices.Contains(uses[s], u) }

// String names the use for messages.
func (u Use) String() string {
	switch u {
	case Issue:
		return "issue"
	case Recognise:
		return "recognise"
	case Replace:
		return "replace"
	}
	return fmt.Sprintf("use %d", int(u))
}
