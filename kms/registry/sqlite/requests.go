package sqlite

import (
	"fmt"

	"badgekms/kms/registry"
)

// SaveRequest implements registry.Requests.
func (t *tx) SaveRequest(r registry.Request) error {
	if r.Station == "" || r.ID == "" {
		return fmt.Errorf("save a request: %w: station and id are needed", registry.ErrInvalid)
	}
	n, err := t.exec(`INSERT INTO requests (station, id, badge, conversation, outcome, created) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (station, id) DO UPDATE SET badge = excluded.badge, conversation = excluded.conversation, outcome = excluded.outcome
		WHERE requests.outcome = ''`,
		r.Station, r.ID, r.Badge, r.Conversation, r.Outcome, moment(t.store.now()))
	if err == nil && n == 0 {
		err = fmt.Errorf("%w, with its outcome", registry.ErrExists)
	}
	if err != nil {
		return fmt.Errorf("save request %q of %s: %w", r.ID, r.Station, err)
	}
	return nil
}

// Request implements registry.Requests.
func (t *tx) Request(station, id string) (registry.Request, error) {
	scan := func(w row) (registry.Request, error) {
		var r registry.Request
		err := w.Scan(&r.Station, &r.ID, &r.Badge, &r.Conversation, &r.Outcome, (*moment)(&r.Created))
		return r, err
	}
	r, err := one(t, scan, `SELECT station, id, badge, conversation, outcome, created FROM requests WHERE station = ? AND id = ?`, station, id)
	if err != nil {
		return registry.Request{}, fmt.Errorf("request %q of %s: %w", id, station, err)
	}
	return r, nil
}
