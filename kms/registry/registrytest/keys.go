package registrytest

import (
	"errors"
	"testing"

	"badgekms/kms/an10922"
	"badgekms/kms/custody"
	"badgekms/kms/keyring"
	"badgekms/kms/profile"
	"badgekms/kms/registry"
)

func domain(name string, kind keyring.Kind) keyring.Domain {
	return keyring.Domain{Name: name, Kind: kind, FormatID: profile.Default().Format(name).ID(), SystemID: "750712184"}
}

func generation(domain string, number int, cardVersion byte) keyring.Generation {
	return keyring.Generation{
		Domain: domain, Number: number, KeyName: "badgekms-" + domain, KeyVersion: number, CardKeyVersion: cardVersion,
		State: keyring.PreActivation, Origin: custody.OriginToken, KCV: an10922.KCV{1, 2, 3, 4, byte(number)},
	}
}

func keyringRecords(t *testing.T, f *fixture) {
	create := func(d keyring.Domain) func(registry.Tx) error {
		return func(tx registry.Tx) error { _, err := tx.CreateDomain(d); return err }
	}
	add := func(g keyring.Generation) func(registry.Tx) error {
		return func(tx registry.Tx) error { _, err := tx.CreateGeneration(g); return err }
	}
	f.update(t, create(domain("staff-doors", keyring.Authentication)))
	f.update(t, create(domain("admin", keyring.Admin)))
	f.refused(t, registry.ErrExists, create(domain("admin", keyring.Admin)))
	f.refused(t, keyring.ErrInconsistent, create(domain("Admin", keyring.Admin)))
	f.update(t, add(generation("admin", 1, 1)))
	f.update(t, add(generation("admin", 2, 2)))
	f.update(t, add(generation("staff-doors", 1, 254)))
	f.refused(t, registry.ErrExists, add(generation("admin", 2, 3)))
	f.refused(t, registry.ErrNotFound, add(generation("sso", 1, 1)))
	shared := generation("staff-doors", 2, 2)
	shared.KeyName, shared.KeyVersion = "badgekms-admin", 1
	for name, g := range map[string]keyring.Generation{
		"card version taken": generation("admin", 3, 1),
		"card version 255":   generation("admin", 3, 255),
		"master of another":  shared,
		"state does not exist": func() keyring.Generation {
			g := generation("admin", 3, 3)
			g.State = "retired"
			return g
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			if err := f.store.Update(t.Context(), add(g)); err == nil {
				t.Error("was stored")
			}
		})
	}
	generationStates(t, f)
	f.view(t, func(tx registry.Tx) error {
		domains, err := tx.Domains()
		equal(t, "number of domains", len(domains), 2)
		recent(t, "created", domains[0].Created)
		want := domain("admin", keyring.Admin)
		want.Created = domains[0].Created
		equal(t, "domain", domains[0], want)
		generations, listed := tx.Generations()
		equal(t, "number of generations", len(generations), 3)
		last := generation("staff-doors", 1, 254)
		last.Created, last.Changed = generations[2].Created, generations[2].Changed
		equal(t, "generation", generations[2], last)
		ring, loaded := registry.LoadRing(tx)
		if loaded == nil {
			g, err := ring.Current("admin")
			is(t, "current generation", err, nil)
			equal(t, "current generation", g.Number, 1)
		}
		return errors.Join(err, listed, loaded)
	})
}

func generationStates(t *testing.T, f *fixture) {
	set := func(number int, from, to keyring.State) func(registry.Tx) error {
		return func(tx registry.Tx) error {
			g, err := tx.SetGenerationState("admin", number, from, to)
			if err == nil {
				equal(t, "state", g.State, to)
			}
			return err
		}
	}
	f.update(t, set(1, keyring.PreActivation, keyring.Active))
	f.refused(t, registry.ErrConflict, set(1, keyring.PreActivation, keyring.Active))
	f.refused(t, keyring.ErrTransition, set(1, keyring.Active, keyring.PreActivation))
	f.refused(t, registry.ErrNotFound, set(9, keyring.Active, keyring.Suspended))
}
