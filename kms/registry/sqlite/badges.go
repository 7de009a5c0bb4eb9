package sqlite

import (
	"fmt"

	"badgekms/kms/registry"
)

const selectBadge = `SELECT id, uid, card_type, version, state, credential_number, profile, profile_hash,
	first_station, first_conversation, expiry, created, updated, rev FROM badges `

func scanBadge(r row) (registry.Badge, error) {
	var b registry.Badge
	err := r.Scan(&b.ID, &b.UID, &b.CardType, &b.Version, &b.State, &b.CredentialNumber, &b.Profile, &b.ProfileHash,
		&b.FirstStation, &b.FirstConversation, (*moment)(&b.Expiry), (*moment)(&b.Created), (*moment)(&b.Updated), &b.Rev)
	return b, err
}

// CreateBadge implements registry.Badges.
func (t *tx) CreateBadge(b registry.Badge) (registry.Badge, error) {
	var err error
	if b.ID, err = t.newID(b.ID); err != nil {
		return registry.Badge{}, err
	}
	if err := b.Validate(); err != nil {
		return registry.Badge{}, err
	}
	now := moment(t.store.now())
	_, err = t.exec(`INSERT INTO badges (id, uid, card_type, version, state, credential_number, profile, profile_hash,
			first_station, first_conversation, expiry, created, updated, rev)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`,
		b.ID, b.UID, b.CardType, bytesOrNull(b.Version), b.State, bytesOrNull(b.CredentialNumber), b.Profile, bytesOrNull(b.ProfileHash),
		b.FirstStation, b.FirstConversation, moment(b.Expiry), now, now)
	if err != nil {
		return registry.Badge{}, fmt.Errorf("create badge %s: its id, UID or credential number: %w", b.ID, err)
	}
	return t.Badge(b.ID)
}

// UpdateBadge implements registry.Badges.
func (t *tx) UpdateBadge(b registry.Badge) (registry.Badge, error) {
	old, err := t.Badge(b.ID)
	if err != nil {
		return registry.Badge{}, err
	}
	if old.Rev != b.Rev {
		return registry.Badge{}, fmt.Errorf("update badge %s: %w: revision %d, not %d", b.ID, registry.ErrConflict, old.Rev, b.Rev)
	}
	if err := old.CheckChange(b); err != nil {
		return registry.Badge{}, err
	}
	n, err := t.exec(`UPDATE badges SET card_type = ?, version = ?, state = ?, credential_number = ?, profile = ?, profile_hash = ?,
			first_station = ?, first_conversation = ?, expiry = ?, updated = ?, rev = rev + 1
		WHERE id = ? AND rev = ?`,
		b.CardType, bytesOrNull(b.Version), b.State, bytesOrNull(b.CredentialNumber), b.Profile, bytesOrNull(b.ProfileHash),
		b.FirstStation, b.FirstConversation, moment(b.Expiry), moment(t.store.now()), b.ID, b.Rev)
	if err == nil && n == 0 {
		err = registry.ErrConflict
	}
	if err != nil {
		return registry.Badge{}, fmt.Errorf("update badge %s: its credential number: %w", b.ID, err)
	}
	return t.Badge(b.ID)
}

// Badge implements registry.Badges.
func (t *tx) Badge(id string) (registry.Badge, error) {
	b, err := one(t, scanBadge, selectBadge+`WHERE id = ?`, id)
	if err != nil {
		return registry.Badge{}, fmt.Errorf("badge %s: %w", id, err)
	}
	return b, nil
}

// BadgeByUID implements registry.Badges.
func (t *tx) BadgeByUID(uid []byte) (registry.Badge, error) {
	b, err := one(t, scanBadge, selectBadge+`WHERE uid = ?`, uid)
	if err != nil {
		return registry.Badge{}, fmt.Errorf("badge by UID: %w", err)
	}
	return b, nil
}

// BadgeByCredential implements registry.Badges.
func (t *tx) BadgeByCredential(number []byte) (registry.Badge, error) {
	b, err := one(t, scanBadge, selectBadge+`WHERE credential_number = ?`, number)
	if err != nil {
		return registry.Badge{}, fmt.Errorf("badge by credential number: %w", err)
	}
	return b, nil
}

// ListBadges implements registry.Badges.
func (t *tx) ListBadges(f registry.BadgeFilter, p registry.Page) (registry.List[registry.Badge], error) {
	return page(t, p, scanBadge, func(b registry.Badge) string { return b.ID }, selectBadge+`
		WHERE id > ?1
		AND (?3 = '' OR state = ?3)
		AND (?4 = '' OR id IN (SELECT badge FROM assignments WHERE holder = ?4 AND until IS NULL))
		AND (?5 = '' OR id IN (
			SELECT s.badge FROM procedures p
			JOIN intents i ON i.procedure = p.id
			JOIN intent_slots s ON s.intent = i.id
			WHERE p.station = ?5 AND s.old_key ->> 'kind' IN (?6, ?7)))
		ORDER BY id LIMIT ?2`,
		f.State, f.Holder, f.ExposedAt, registry.KeyPublicDefault, registry.KeyTransport)
}
