package cardsim

import "fmt"

const (
	maxKeySets = 16
	maxRollKey = 7
	allKeySets = 0x80 // KeySetNo of GetKeyVersion
)

// keySet is one set of an application's keys. The keys of the active set are
// the application's own (application.Keys), and nil here.
type keySet struct {
	Version byte    `json:"version"`
	Type    keyType `json:"type"`
	Keys    []*key  `json:"keys,omitempty"`  // nil until InitializeKeySet
	Final   bool    `json:"final,omitempty"` // FinalizeKeySet was done: it can be rolled to
}

// keysOf are the keys of a set, and their type: nil for a set that does not
// exist or has none yet. Every application has a set 0.
func (a *application) keysOf(set int) ([]*key, keyType) {
	switch {
	case set == a.Active:
		return a.Keys, a.KeyType
	case set < len(a.Sets):
		return a.Sets[set].Keys, a.Sets[set].Type
	}
	return nil, 0
}

// mayManageSet: the application has key sets, the master key is authenticated,
// and the set exists and is not the active one.
func (c *Card) mayManageSet(set int) status {
	switch {
	case c.atPICC() || len(c.app.Sets) == 0:
		return statusDenied
	case set >= len(c.app.Sets) || set == c.app.Active:
		return statusParameter
	}
	return statusOK
}

// initializeKeySet is 56: KeySetNo and key type. All keys of the set are zero
// after it.
func (c *Card) initializeKeySet(p []byte) reply {
	set, t := int(p[0]), keyType(p[1])
	if st := c.needMaster(); st != statusOK {
		return fail(st)
	}
	if st := c.mayManageSet(set); st != statusOK {
		return fail(st)
	}
	if !t.valid() || t.size() > c.app.MaxKeySize {
		return fail(statusParameter)
	}
	s := keySet{Type: t}
	for range c.app.Keys {
		s.Keys = append(s.Keys, newKey(t, make([]byte, t.size()), 0))
	}
	c.app.Sets[set], c.dirty = s, true
	return reply{}
}

// finalizeKeySet is 57: KeySetNo and the version of the set. What a card
// answers for a set without keys is not published; here 9D.
func (c *Card) finalizeKeySet(p []byte) reply {
	set := int(p[0])
	if st := c.needMaster(); st != statusOK {
		return fail(st)
	}
	if st := c.mayManageSet(set); st != statusOK {
		return fail(st)
	}
	s := &c.app.Sets[set]
	if s.Keys == nil {
		return fail(statusDenied)
	}
	s.Version, s.Final, c.dirty = p[1], true, true
	return reply{}
}

// rollKeySet is 55: the set becomes the active one, in a session of the roll
// key. The answer is bare and the session over. A set that is not final is
// refused (9D; not published).
func (c *Card) rollKeySet(p []byte) reply {
	set := int(p[0])
	if c.session == nil {
		return fail(statusAuthentication)
	}
	if st := c.mayManageSet(set); st != statusOK {
		return fail(st)
	}
	if c.session.key() != c.app.RollKey {
		return fail(statusAuthentication)
	}
	if !c.app.Sets[set].Final {
		return fail(statusDenied)
	}
	c.app.roll(set)
	c.dirty = true
	return reply{last: true}
}

// roll makes a set the active one; the other keeps its keys and stays final.
func (a *application) roll(set int) {
	before, after := &a.Sets[a.Active], &a.Sets[set]
	before.Type, before.Keys, before.Final = a.KeyType, a.Keys, true
	a.Keys, a.KeyType, a.Active = after.Keys, after.Type, set
	after.Keys = nil
}

// validateSets: the active set exists, and the keys of the others are whole.
func (a *application) validateSets() error {
	if len(a.Sets) > maxKeySets || a.Active < 0 || a.Active > 0 && a.Active >= len(a.Sets) || int(a.RollKey) >= len(a.Keys) ||
		len(a.Sets) > 0 && a.Sets[a.Active].Keys != nil {
		return fmt.Errorf("the key sets are damaged")
	}
	for i, s := range a.Sets {
		if i != a.Active && s.Keys != nil && len(s.Keys) != len(a.Keys) || s.Keys == nil && s.Final && i != a.Active {
			return fmt.Errorf("key set %d is damaged", i)
		}
		for _, k := range s.Keys {
			if err := k.validate(); err != nil || k.Type != s.Type {
				return fmt.Errorf("key set %d is damaged", i)
			}
		}
	}
	return nil
}
