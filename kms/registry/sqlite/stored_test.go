package sqlite

import (
	"errors"
	"path/filepath"
	"testing"

	"badgekms/kms/registry"
)

// TestStoredNonsense edits the database behind the registry's back, within
// what the schema lets through: it is told as corruption, never read as if it
// said something.
func TestStoredNonsense(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "registry.db"), testOptions(t))
	defer closeStore(t, s)
	for _, statement := range []string{
		`INSERT INTO badges (id, uid, card_type, state, profile, first_station, first_conversation, created, updated, rev)
			VALUES ('b', x'04010203040506', 'EV3', 'reserved', '', '', '', 0, 0, 1)`,
		`INSERT INTO card_slots (badge, aid, slot, key, state, updated, rev) VALUES ('b', x'000000', 0, '{"kind":"domain"}', 'proven', 0, 1)`,
		`INSERT INTO card_slots (badge, aid, slot, key, state, updated, rev) VALUES ('b', x'000001', 0, '"kind"', 'proven', 0, 1)`,
	} {
		if _, err := s.writer.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	err := s.View(t.Context(), func(tx registry.Tx) error {
		for _, aid := range []registry.AID{{}, {0, 0, 1}} {
			slot, err := tx.CardSlot(registry.SlotID{Badge: "b", AID: aid})
			if !errors.Is(err, registry.ErrCorrupt) || slot != (registry.CardSlot{}) {
				t.Errorf("application %s: got %+v and error %v, want %v", aid, slot, err, registry.ErrCorrupt)
			}
		}
		_, err := tx.CardSlots("b")
		return err
	})
	if !errors.Is(err, registry.ErrCorrupt) {
		t.Errorf("list: got error %v, want %v", err, registry.ErrCorrupt)
	}
}

// TestSchemaHoldsTheRules writes rows that the code would never write.
func TestSchemaHoldsTheRules(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "registry.db"), testOptions(t))
	defer closeStore(t, s)
	for name, statement := range map[string]string{
		"text as a number":          `INSERT INTO holders VALUES ('h', 'n', 'u', 'yesterday', 0, 1)`,
		"short UID":                 `INSERT INTO badges (id, uid, card_type, state, profile, first_station, first_conversation, created, updated, rev) VALUES ('b', x'04', '', '', '', '', '', 0, 0, 1)`,
		"assignment of nothing":     `INSERT INTO assignments (badge, holder, since) VALUES ('b', 'h', 0)`,
		"slot of nothing":           `INSERT INTO card_slots (badge, aid, slot, state, updated, rev) VALUES ('b', x'000000', 0, 'pending', 0, 1)`,
		"attempt 0":                 `INSERT INTO issue_numbers VALUES (x'04010203', 0, 0, 'c', 0)`,
		"attempt 256":               `INSERT INTO issue_numbers VALUES (x'04010203', 0, 256, 'c', 0)`,
		"unknown restore epoch":     `INSERT INTO issue_numbers VALUES (x'04010203', 9, 1, 'c', 0)`,
		"restore epoch 256":         `INSERT INTO restore_epochs VALUES (256, 0)`,
		"body without its salt":     `INSERT INTO audit_records VALUES ('w', 1, NULL, x'00', zeroblob(32), NULL, x'00')`,
		"hash of the wrong length":  `INSERT INTO audit_hashes VALUES (0, x'00')`,
		"generation without domain": `INSERT INTO generations VALUES ('d', 1, 'k', 1, 1, 'active', 'token', zeroblob(5), 0, 0)`,
	} {
		if _, err := s.writer.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s: was stored", name)
		}
	}
}
