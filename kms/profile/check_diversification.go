package profile

import (
	"maps"
	"slices"
)

func (c *checker) diversification() {
	d := c.p.Diversification
	standard, err := NewFormat(d.Fields...)
	if err != nil {
		c.add("diversification.fields", "%v", err)
	}
	formats := map[string]Format{}
	for _, name := range c.p.Domains() {
		formats[name] = standard
	}
	for _, name := range slices.Sorted(maps.Keys(d.Domains)) {
		path := "diversification.domains." + name
		if _, used := formats[name]; !used {
			c.add(path, "no slot is in this domain; correct the name or remove the entry")
			continue
		}
		if formats[name], err = NewFormat(d.Domains[name]...); err != nil {
			c.add(path, "%v", err)
		}
	}
	for _, name := range c.p.Domains() {
		if len(formats[name].fields) > 0 {
			c.distinct(name, formats[name])
		}
	}
}

// distinct refuses a format that gives one M to two keys of a badge.
func (c *checker) distinct(domain string, f Format) {
	var slots []byte
	for _, s := range c.p.Slots {
		if s.Domain == domain {
			slots = append(slots, s.Number)
		}
	}
	if len(slots) > 1 && !f.Has(FieldSlot) {
		c.add("diversification", "slots %v of domain %q would get the same key, because M has no field \"slot\"; add it, or give each slot a domain", slots, domain)
	}
	if c.p.PICC.Policy != PolicyOwn || c.p.PICC.Domain != domain {
		return
	}
	if !f.Has(FieldAID) {
		c.add("diversification", "slot 0 and the PICC key of domain %q would be the same key, because M has no field \"aid\"; add it", domain)
	}
	if !f.Has(FieldSlot) {
		c.add("diversification", "the PICC key and the card's default key for new applications of domain %q would be the same key, because M has no field \"slot\"; add it", domain)
	}
}

// Warnings lists what a valid profile gives up, for the operator to read at
// start; the default profile gives none.
func (p *Profile) Warnings() []string {
	var list []string
	for _, name := range p.Domains() {
		if !p.Format(name).Has(FieldIssue) {
			list = append(list, "domain "+name+": M has no issue number, so a badge that is enrolled again gets its old keys again, and keys learned with a forged blank stay valid")
		}
	}
	return list
}
