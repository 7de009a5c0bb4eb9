package registry

import "badgekms/kms/keyring"

// Keyring keeps key domains and the generations of their masters: names,
// counters, states and check values, never a master.
type Keyring interface {
	// CreateDomain stores a new domain, its time set by the store. ErrExists
	// if the name is taken; keyring.ErrInconsistent if it breaks a rule.
	CreateDomain(d keyring.Domain) (keyring.Domain, error)
	// CreateGeneration stores a new generation, its times set by the store.
	// ErrExists if the number is taken, ErrNotFound for an unknown domain;
	// keyring.ErrInconsistent if it contradicts the other generations.
	CreateGeneration(g keyring.Generation) (keyring.Generation, error)
	// SetGenerationState moves a generation from a state to another:
	// ErrConflict if it is in another state by now, keyring.ErrTransition if
	// the move is not legal.
	SetGenerationState(domain string, number int, from, to keyring.State) (keyring.Generation, error)
	// Domains lists all domains by name, Generations all generations by domain
	// and number: what keyring.NewRing takes.
	Domains() ([]keyring.Domain, error)
	Generations() ([]keyring.Generation, error)
}

// LoadRing makes a keyring.Ring of what is stored, and so checks it as a
// whole. Backends call it after each change of the keyring.
func LoadRing(tx Keyring) (*keyring.Ring, error) {
	domains, err := tx.Domains()
	if err != nil {
		return nil, err
	}
	generations, err := tx.Generations()
	if err != nil {
		return nil, err
	}
	return keyring.NewRing(domains, generations)
}
