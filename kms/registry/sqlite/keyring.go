package sqlite

import (
	"fmt"

	"badgekms/kms/keyring"
	"badgekms/kms/profile"
	"badgekms/kms/registry"
)

// CreateDomain implements registry.Keyring.
func (t *tx) CreateDomain(d keyring.Domain) (keyring.Domain, error) {
	d.Created = t.store.now()
	_, err := t.exec(`INSERT INTO domains (name, kind, format, system_id, created) VALUES (?, ?, ?, ?, ?)`,
		d.Name, d.Kind, d.FormatID, []byte(d.SystemID), moment(d.Created))
	if err == nil {
		_, err = registry.LoadRing(t)
	}
	if err != nil {
		return keyring.Domain{}, fmt.Errorf("create domain %q: %w", d.Name, err)
	}
	return d, nil
}

// CreateGeneration implements registry.Keyring.
func (t *tx) CreateGeneration(g keyring.Generation) (keyring.Generation, error) {
	g.Created = t.store.now()
	g.Changed = g.Created
	_, err := t.exec(`INSERT INTO generations (domain, number, key_name, key_version, card_key_version, state, origin, kcv, created, changed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		g.Domain, g.Number, g.KeyName, g.KeyVersion, g.CardKeyVersion, g.State, g.Origin, g.KCV[:], moment(g.Created), moment(g.Changed))
	if err == nil {
		_, err = registry.LoadRing(t)
	}
	if err != nil {
		return keyring.Generation{}, fmt.Errorf("create generation %d of domain %q: %w", g.Number, g.Domain, err)
	}
	return g, nil
}

// SetGenerationState implements registry.Keyring.
func (t *tx) SetGenerationState(domain string, number int, from, to keyring.State) (keyring.Generation, error) {
	g, err := t.generation(domain, number)
	if err == nil && g.State != from {
		err = fmt.Errorf("%w: it is %s, not %s", registry.ErrConflict, g.State, from)
	}
	if err == nil {
		err = keyring.CheckTransition(from, to)
	}
	if err == nil {
		_, err = t.exec(`UPDATE generations SET state = ?, changed = ? WHERE domain = ? AND number = ? AND state = ?`,
			to, moment(t.store.now()), domain, number, from)
	}
	if err != nil {
		return keyring.Generation{}, fmt.Errorf("generation %d of domain %q: %w", number, domain, err)
	}
	return t.generation(domain, number)
}

// Domains implements registry.Keyring.
func (t *tx) Domains() ([]keyring.Domain, error) {
	return all(t, func(r row) (keyring.Domain, error) {
		var d keyring.Domain
		var systemID []byte
		err := r.Scan(&d.Name, &d.Kind, &d.FormatID, &systemID, (*moment)(&d.Created))
		d.SystemID = profile.SystemID(systemID)
		return d, err
	}, `SELECT name, kind, format, system_id, created FROM domains ORDER BY name`)
}

const selectGeneration = `SELECT domain, number, key_name, key_version, card_key_version, state, origin, kcv, created, changed FROM generations `

func scanGeneration(r row) (keyring.Generation, error) {
	var g keyring.Generation
	var kcv []byte
	err := r.Scan(&g.Domain, &g.Number, &g.KeyName, &g.KeyVersion, &g.CardKeyVersion, &g.State, &g.Origin, &kcv,
		(*moment)(&g.Created), (*moment)(&g.Changed))
	if err == nil && len(kcv) != len(g.KCV) {
		err = fmt.Errorf("%w: a stored check value of %d bytes", registry.ErrCorrupt, len(kcv))
	}
	copy(g.KCV[:], kcv)
	return g, err
}

func (t *tx) generation(domain string, number int) (keyring.Generation, error) {
	return one(t, scanGeneration, selectGeneration+`WHERE domain = ? AND number = ?`, domain, number)
}

// Generations implements registry.Keyring.
func (t *tx) Generations() ([]keyring.Generation, error) {
	return all(t, scanGeneration, selectGeneration+`ORDER BY domain, number`)
}
