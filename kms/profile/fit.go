package profile

import (
	"errors"
	"fmt"

	"badgekms/kms/an10922"
	"badgekms/kms/custody"
)

// CheckCustody tells whether a custody can compute every key of the profile
// for the given establishment: M has a length of 1 to 31 bytes and is not
// shorter than the custody serves, in every domain. The error wraps ErrCustody
// for each domain that does not fit, and names the cure; a malformed systemID
// gives ErrSystemID.
func (p *Profile) CheckCustody(c custody.Capabilities, systemID SystemID) error {
	if err := systemID.Check(); err != nil {
		return err
	}
	var misfits []error
	for _, domain := range p.Domains() {
		if err := fits(p.Format(domain).Len(len(systemID)), c); err != nil {
			misfits = append(misfits, fmt.Errorf("%w: profile %q, domain %q: %w", ErrCustody, p.Name, domain, err))
		}
	}
	return errors.Join(misfits...)
}

func fits(length int, c custody.Capabilities) error {
	if length < an10922.MinM || length > an10922.MaxM {
		return &an10922.LengthError{Len: length}
	}
	if length < c.ShortestM {
		return &custody.ShortMError{Mode: c.Mode, Len: length, Shortest: c.ShortestM}
	}
	return nil
}
