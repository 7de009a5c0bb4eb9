package keyring

import (
	"errors"
	"fmt"

	"badgekms/kms/profile"
)

// CheckProfile tells whether every domain of a profile is in the ring with
// the kind, format and system_id that the profile and the establishment ask
// for, and has an active generation. All misfits are named, in one error that
// wraps ErrProfile and, for each, its cause (ErrUnknownDomain, ErrNoActive,
// ErrKind).
func (r *Ring) CheckProfile(p *profile.Profile, systemID profile.SystemID) error {
	var misfits []error
	for _, name := range p.Domains() {
		want := Domain{Name: name, Kind: Authentication, FormatID: p.Format(name).ID(), SystemID: systemID}
		if name == p.AdminDomain() {
			want.Kind = Admin
		}
		if err := r.fits(want); err != nil {
			misfits = append(misfits, fmt.Errorf("%w %q: %w", ErrProfile, p.Name, err))
		}
	}
	return errors.Join(misfits...)
}

func (r *Ring) fits(want Domain) error {
	have, err := r.Domain(want.Name)
	switch {
	case err != nil:
		return err
	case have.Kind != want.Kind:
		return fmt.Errorf("%w: domain %q is of kind %s, the profile uses it as %s; map the slot to another domain", ErrKind, want.Name, have.Kind, want.Kind)
	case have.FormatID != want.FormatID:
		return fmt.Errorf("domain %q was created with the format %s and keeps it, the profile asks for %s; restore the fields, or open a new domain", want.Name, have.FormatID, want.FormatID)
	case have.SystemID != want.SystemID:
		return fmt.Errorf("domain %q was created with the system_id %q and keeps it, the establishment's is %q; restore it, or open a new domain", want.Name, have.SystemID, want.SystemID)
	}
	_, err = r.Current(want.Name)
	return err
}
