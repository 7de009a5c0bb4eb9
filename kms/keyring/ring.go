package keyring

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"badgekms/kms/profile"
)

// Ring is a checked, immutable set of domains and their generations, safe for
// concurrent use. A change of the registry makes a new Ring.
type Ring struct {
	domains map[string]domainEntry
}

// domainEntry is a domain with what was worked out from it.
type domainEntry struct {
	Domain
	format      profile.Format
	generations []Generation // ascending by Number
}

// NewRing checks and copies domains and generations. Anything that two rows
// contradict each other in, or that would make two keys one, gives
// ErrInconsistent.
func NewRing(domains []Domain, generations []Generation) (*Ring, error) {
	r := &Ring{domains: make(map[string]domainEntry, len(domains))}
	for _, d := range domains {
		if _, twice := r.domains[d.Name]; twice {
			return nil, fmt.Errorf("%w: domain %q is there twice", ErrInconsistent, d.Name)
		}
		format, err := d.check()
		if err != nil {
			return nil, err
		}
		r.domains[d.Name] = domainEntry{Domain: d, format: format}
	}
	for _, g := range generations {
		e, known := r.domains[g.Domain]
		if !known {
			return nil, fmt.Errorf("%w: generation %d belongs to domain %q, which is not there", ErrInconsistent, g.Number, g.Domain)
		}
		e.generations = append(e.generations, g)
		r.domains[g.Domain] = e
	}
	return r, r.checkGenerations()
}

func (r *Ring) checkGenerations() error {
	masters := map[masterID]string{}
	for _, name := range slices.Sorted(maps.Keys(r.domains)) {
		list := r.domains[name].generations
		slices.SortFunc(list, func(a, b Generation) int { return cmp.Compare(a.Number, b.Number) })
		if err := checkSeries(list, masters); err != nil {
			return err
		}
	}
	return nil
}

func (r *Ring) entry(domain string) (domainEntry, error) {
	e, known := r.domains[domain]
	if !known {
		return domainEntry{}, fmt.Errorf("%w: %q; create it, or correct the name in the profile", ErrUnknownDomain, domain)
	}
	return e, nil
}

// Domain finds a domain by name, else ErrUnknownDomain.
func (r *Ring) Domain(name string) (Domain, error) {
	e, err := r.entry(name)
	return e.Domain, err
}

// Domains lists all domains by name.
func (r *Ring) Domains() []Domain {
	list := make([]Domain, 0, len(r.domains))
	for _, name := range slices.Sorted(maps.Keys(r.domains)) {
		list = append(list, r.domains[name].Domain)
	}
	return list
}

// Generations lists a domain's generations by number, else ErrUnknownDomain.
func (r *Ring) Generations(domain string) ([]Generation, error) {
	e, err := r.entry(domain)
	return slices.Clone(e.generations), err
}

// Current is the generation whose keys new badges get: the active one with the
// highest number, else ErrNoActive.
func (r *Ring) Current(domain string) (Generation, error) {
	e, err := r.entry(domain)
	if err != nil {
		return Generation{}, err
	}
	for _, g := range slices.Backward(e.generations) {
		if g.State == Active {
			return g, nil
		}
	}
	return Generation{}, fmt.Errorf("%w in domain %q; rotate it, or activate a generation", ErrNoActive, domain)
}

// Generation finds a generation by its number, else ErrUnknownGeneration.
func (r *Ring) Generation(domain string, number int) (Generation, error) {
	return r.find(domain, fmt.Sprintf("number %d", number), func(g Generation) bool { return g.Number == number })
}

// ByCardKeyVersion finds a generation by the key version that a card reports,
// else ErrUnknownGeneration.
func (r *Ring) ByCardKeyVersion(domain string, version byte) (Generation, error) {
	return r.find(domain, fmt.Sprintf("card key version %d", version), func(g Generation) bool { return g.CardKeyVersion == version })
}

func (r *Ring) find(domain, what string, match func(Generation) bool) (Generation, error) {
	e, err := r.entry(domain)
	if err != nil {
		return Generation{}, err
	}
	i := slices.IndexFunc(e.generations, match)
	if i < 0 {
		return Generation{}, fmt.Errorf("%w: domain %q has none with %s", ErrUnknownGeneration, domain, what)
	}
	return e.generations[i], nil
}
