// Package domain is the life cycle of key domains and of the generations of
// their masters (NIST SP 800-57 part 1 §7): it creates them in the custody and
// in the registry together, and keeps the keyring that derivations use up to
// date.
package domain

import (
	"context"
	"errors"
	"fmt"

	"badgekms/kms/audit"
	"badgekms/kms/custody"
	"badgekms/kms/keyring"
	"badgekms/kms/profile"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// Service administers domains. All fields but Changed are needed.
type Service struct {
	Store    registry.Store
	Custody  custody.Custody
	Deriver  *keyring.Deriver
	Profile  *profile.Profile
	SystemID profile.SystemID
	// Changed is told when another keyring is in use; it must not block.
	Changed func()
}

// Domain is a domain with its generations, oldest first.
type Domain struct {
	keyring.Domain
	Generations []keyring.Generation
}

// Load reads the keyring from the registry and puts it to use.
func (s *Service) Load(ctx context.Context) error {
	var ring *keyring.Ring
	err := s.Store.View(ctx, func(tx registry.Tx) (err error) {
		ring, err = registry.LoadRing(tx)
		return err
	})
	if err != nil {
		return err
	}
	s.Deriver.SetRing(ring)
	if s.Changed != nil {
		s.Changed()
	}
	return nil
}

// List gives all domains in order of name.
func (s *Service) List() ([]Domain, error) {
	ring := s.Deriver.Ring()
	var all []Domain
	for _, d := range ring.Domains() {
		generations, err := ring.Generations(d.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, Domain{d, generations})
	}
	return all, nil
}

// Create makes a domain with its first generation, active at once. Its format
// of M is the profile's for that name. With validateOnly nothing is made, and the
// domain comes back as it would be, without generation. A creation that was
// interrupted between custody and registry is finished with a version of the
// key that nobody used.
func (s *Service) Create(ctx context.Context, actor audit.Actor, name string, kind keyring.Kind, validateOnly bool) (Domain, error) {
	if err := s.mayCreate(name, kind); err != nil {
		return Domain{}, err
	}
	created := Domain{Domain: keyring.Domain{
		Name: name, Kind: kind, FormatID: s.Profile.Format(name).ID(), SystemID: s.SystemID,
	}}
	if validateOnly {
		return created, nil
	}
	m, err := s.Custody.CreateMaster(ctx, name, 1)
	if errors.Is(err, custody.ErrExists) {
		m, err = s.Custody.Rotate(ctx, name, 1)
	}
	if err != nil {
		return Domain{}, fmt.Errorf("create the master of domain %s: %w", name, err)
	}
	kcv, err := s.Custody.KCV(ctx, m)
	if err != nil {
		return Domain{}, fmt.Errorf("check value of domain %s: %w", name, err)
	}
	version, err := keyring.NextCardKeyVersion(nil)
	if err != nil {
		return Domain{}, err
	}
	generation := keyring.Generation{
		Domain: name, Number: 1, KeyName: m.KeyName, KeyVersion: m.KeyVersion, CardKeyVersion: version,
		State: keyring.Active, Origin: s.Custody.Capabilities().Origin, KCV: kcv,
	}
	err = s.Store.Update(ctx, func(tx registry.Tx) error {
		if created.Domain, err = tx.CreateDomain(created.Domain); err != nil {
			return err
		}
		if generation, err = tx.CreateGeneration(generation); err != nil {
			return err
		}
		return tx.AppendAudit(audit.Record{
			Action: "domain.create", Outcome: audit.Done, Actor: actor,
			Details: map[string]string{"domain": name, "kind": string(kind), "kcv": kcv.String(), "custody_key": m.KeyName},
		})
	})
	if errors.Is(err, registry.ErrExists) {
		return Domain{}, exists(name)
	}
	if err != nil {
		return Domain{}, err
	}
	created.Generations = []keyring.Generation{generation}
	return created, s.Load(ctx)
}

func (s *Service) mayCreate(name string, kind keyring.Kind) error {
	if err := custody.CheckName(name); err != nil {
		return reason.New(badgekmsv1.Reason_REASON_MESSAGE_INVALID, "%v", err)
	}
	if _, err := s.Deriver.Ring().Domain(name); err == nil {
		return exists(name)
	}
	admin := name == s.Profile.AdminDomain()
	if admin != (kind == keyring.Admin) {
		return reason.New(badgekmsv1.Reason_REASON_MESSAGE_INVALID,
			"domain %s would be of kind %s, but the profile's admin domain is %s and every other is for authentication", name, kind, s.Profile.AdminDomain())
	}
	return nil
}

func exists(name string) error {
	return reason.New(badgekmsv1.Reason_REASON_DOMAIN_EXISTS, "domain %s exists already", name)
}
