package keyring

import "fmt"

// Card key versions. 0 is what a slot that was never keyed reports; 255 is
// left out because the byte of an unprogrammed or erased key often reads so.
const (
	MinCardKeyVersion = 1
	MaxCardKeyVersion = 254
)

// NextCardKeyVersion gives the card key version for the next generation of the
// domain that existing belongs to: one more than that of its newest, with 1
// after 254, leaving out those that are taken. Destroyed generations keep
// theirs, since cards may still carry it. ErrExhausted when all 254 are taken.
func NextCardKeyVersion(existing []Generation) (byte, error) {
	taken := map[byte]bool{}
	newest := Generation{}
	for _, g := range existing {
		taken[g.CardKeyVersion] = true
		if g.Number > newest.Number {
			newest = g
		}
	}
	version := newest.CardKeyVersion
	for range MaxCardKeyVersion {
		version = version%MaxCardKeyVersion + 1
		if !taken[version] {
			return version, nil
		}
	}
	return 0, fmt.Errorf("%w: domain %q has had %d generations; open a new domain", ErrExhausted, newest.Domain, len(existing))
}
