package registry

import (
	"slices"
	"strings"
)

// State is where a badge is in its life (DESIGN.md §7).
type State string

// The states of a badge.
const (
	// Stock: in the badge office's drawer, for nobody, holding none of the
	// hospital's authentication keys. Its PICC key may be the hospital's.
	Stock State = "stock"
	// Reserved: an enrolment has begun; the card may hold part of its keys.
	Reserved State = "reserved"
	// Encoded: all keys and files are on the card, and proven.
	Encoded State = "encoded"
	// Active: handed over. The only state that is granted or rekeyed.
	Active State = "active"
	// Suspended: forgotten at home, or its holder is away.
	Suspended State = "suspended"
	// Lost: declared lost.
	Lost State = "lost"
	// Stolen: declared stolen.
	Stolen State = "stolen"
	// Broken: the card no longer answers.
	Broken State = "broken"
	// Returned: back at the badge office, its keys still on it.
	Returned State = "returned"
	// Ended: gone for good, by destruction or release.
	Ended State = "ended"
	// Quarantined: the card does not hold what the registry says it may hold.
	// An officer decides.
	Quarantined State = "quarantined"
)

// transitions is the whole of the badge's life: every change of state that is
// legal. A found badge goes through Suspended or Returned, so that nothing
// becomes Active again without a person's decision; a torn enrolment goes on
// under Reserved; only a Returned card is recycled into Stock.
var transitions = map[State][]State{
	Stock:       {Reserved, Lost, Stolen, Broken, Ended, Quarantined},
	Reserved:    {Stock, Encoded, Lost, Stolen, Broken, Quarantined},
	Encoded:     {Active, Lost, Stolen, Broken, Returned, Quarantined},
	Active:      {Suspended, Lost, Stolen, Broken, Returned, Quarantined},
	Suspended:   {Active, Lost, Stolen, Broken, Returned, Quarantined},
	Lost:        {Suspended, Stolen, Returned, Ended},
	Stolen:      {Lost, Returned, Ended},
	Broken:      {Returned, Ended},
	Returned:    {Stock, Encoded, Lost, Stolen, Broken, Ended, Quarantined},
	Quarantined: {Reserved, Suspended, Lost, Stolen, Broken, Returned, Ended},
	Ended:       {},
}

// States lists every state, in the order of a badge's life.
func States() []State {
	return []State{Stock, Reserved, Encoded, Active, Suspended, Lost, Stolen, Broken, Returned, Quarantined, Ended}
}

// Known tells whether s is one of States.
func (s State) Known() bool {
	_, ok := transitions[s]
	return ok
}

// Next lists the states a badge can go to from s. The slice is the caller's.
func (s State) Next() []State { return slices.Clone(transitions[s]) }

// Can tells whether a badge can go from s to another state.
func (s State) Can(to State) bool { return slices.Contains(transitions[s], to) }

// words lists states for a message.
func words(states []State) string {
	if len(states) == 0 {
		return "nothing else"
	}
	names := make([]string, len(states))
	for i, s := range states {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}
