package profile

import "slices"

// Slot finds the slot of a purpose; of several (spare slots, sensitive zones)
// the one with the lowest number.
func (p *Profile) Slot(purpose Purpose) (Slot, bool) {
	best, found := Slot{}, false
	for _, s := range p.Slots {
		if s.Purpose == purpose && (!found || s.Number < best.Number) {
			best, found = s, true
		}
	}
	return best, found
}

// SlotNumber finds a slot by its key number.
func (p *Profile) SlotNumber(number byte) (Slot, bool) {
	i := slices.IndexFunc(p.Slots, func(s Slot) bool { return s.Number == number })
	if i < 0 {
		return Slot{}, false
	}
	return p.Slots[i], true
}

// File finds the file that holds a content.
func (p *Profile) File(content Content) (File, bool) {
	i := slices.IndexFunc(p.Files, func(f File) bool { return f.Content == content })
	if i < 0 {
		return File{}, false
	}
	return p.Files[i], true
}

// AdminDomain is the domain of slot 0 and of the PICC key.
func (p *Profile) AdminDomain() string {
	s, _ := p.Slot(PurposeAdmin)
	return s.Domain
}

// Domains lists every key domain of the profile once, in slot order.
func (p *Profile) Domains() []string {
	slots := slices.Clone(p.Slots)
	slices.SortFunc(slots, func(a, b Slot) int { return int(a.Number) - int(b.Number) })
	var names []string
	for _, s := range slots {
		if !slices.Contains(names, s.Domain) {
			names = append(names, s.Domain)
		}
	}
	return names
}

// Format is the format of M in a domain.
func (p *Profile) Format(domain string) Format {
	fields, own := p.Diversification.Domains[domain]
	if !own {
		fields = p.Diversification.Fields
	}
	f, err := NewFormat(fields...)
	if err != nil {
		panic("profile: internal error: a checked profile has a bad format: " + err.Error())
	}
	return f
}
