package profile

import (
	"fmt"
	"slices"

	"badgekms/kms/custody"
)

// single lists the purposes that at most one slot may have; procedures find
// their slot by them.
var single = []Purpose{PurposeAdmin, PurposeOnline, PurposeEdge, PurposeSSO, PurposeFileRead}

var purposes = append(slices.Clone(single), PurposeSensitiveZone, PurposeSpare)

func slotPath(i int, field string) string { return fmt.Sprintf("slots[%d].%s", i, field) }

func (c *checker) slots() {
	keys := c.p.Application.Keys()
	byNumber := map[byte]int{}
	byPurpose := map[Purpose]byte{}
	for i, s := range c.p.Slots {
		if int(s.Number) >= keys {
			c.add(slotPath(i, "number"), "%d, but the application has keys 0 to %d (key_settings_2); remove the slot or ask for more keys", s.Number, keys-1)
		}
		if first, twice := byNumber[s.Number]; twice {
			c.add(slotPath(i, "number"), "%d is described by slots[%d] already; describe each slot once", s.Number, first)
		} else {
			byNumber[s.Number] = i
		}
		c.purpose(i, s, byPurpose)
		if err := custody.CheckName(s.Domain); err != nil {
			c.add(slotPath(i, "domain"), "%v", err)
		}
	}
	for n := range keys {
		if _, ok := byNumber[byte(n)]; !ok {
			c.add("slots", "slot %d is not described and would keep its public default key; map it to a domain, with purpose spare if it is not used yet", n)
		}
	}
	if _, ok := byPurpose[PurposeOnline]; !ok {
		c.add("slots", "no slot has the purpose %q, so no badge could be recognised; add one", PurposeOnline)
	}
}

func (c *checker) purpose(i int, s Slot, seen map[Purpose]byte) {
	path := slotPath(i, "purpose")
	if !slices.Contains(purposes, s.Purpose) {
		c.add(path, "%q is not known; use one of %v", s.Purpose, purposes)
		return
	}
	if first, twice := seen[s.Purpose]; twice && slices.Contains(single, s.Purpose) {
		c.add(path, "%q is the purpose of slot %d already; give slot %d another one", s.Purpose, first, s.Number)
	} else if !twice {
		seen[s.Purpose] = s.Number
	}
	if (s.Number == 0) != (s.Purpose == PurposeAdmin) {
		c.add(path, "slot %d has purpose %q; slot 0, and only slot 0, has purpose %q", s.Number, s.Purpose, PurposeAdmin)
	}
}

// domains applies DESIGN.md §2: one purpose per domain, and an admin domain
// that derives slot 0 and the PICC key and nothing else.
func (c *checker) domains() {
	admin, haveAdmin := c.adminDomain()
	owner := map[string]Slot{}
	for i, s := range c.p.Slots {
		path := slotPath(i, "domain")
		switch {
		case haveAdmin && s.Number == 0 && s.Domain != admin:
			c.add(path, "slot 0 is in %q but the PICC key in %q; both belong to the one admin domain", s.Domain, admin)
		case haveAdmin && s.Number != 0 && s.Domain == admin:
			c.add(path, "%q is the admin domain, which derives slot 0 and the PICC key and nothing else; give slot %d a domain of its own", s.Domain, s.Number)
		}
		first, shared := owner[s.Domain]
		if !shared {
			owner[s.Domain] = s
		} else if first.Purpose != s.Purpose && first.Number != 0 && s.Number != 0 {
			c.add(path, "%q has the purpose %q at slot %d already; a domain is one master key with one purpose, so give slot %d another domain", s.Domain, first.Purpose, first.Number, s.Number)
		}
	}
}

// adminDomain is the PICC key's domain, or slot 0's on a foreign card.
func (c *checker) adminDomain() (string, bool) {
	if c.p.PICC.Policy == PolicyOwn {
		return c.p.PICC.Domain, true
	}
	s, ok := c.p.SlotNumber(0)
	return s.Domain, ok
}
