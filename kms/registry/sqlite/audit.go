package sqlite

import (
	"context"
	"errors"
	"fmt"

	"badgekms/kms/audit"
	"badgekms/kms/registry"
)

const selectRecord = `SELECT writer, seq, header, tag, salt, body FROM audit_records `

func scanRecord(r row) (audit.Stored, error) {
	var s audit.Stored
	var tag []byte
	err := r.Scan(&s.Writer, &s.Seq, &s.Header, &tag, &s.Salt, &s.Body)
	if err == nil && len(tag) != len(s.Tag) {
		err = fmt.Errorf("%w: a stored audit tag of %d bytes", registry.ErrCorrupt, len(tag))
	}
	copy(s.Tag[:], tag)
	return s, err
}

// AppendAudit implements registry.AuditAppender.
func (t *tx) AppendAudit(r audit.Record) error {
	appender := t.store.options.Audit
	last, err := t.tail(selectRecord+`WHERE writer = ? ORDER BY seq DESC LIMIT 1`, appender.Writer())
	if err != nil {
		return fmt.Errorf("append an audit record: %w", err)
	}
	s, err := appender.Next(last, r)
	if err != nil {
		return fmt.Errorf("append an audit record: %w", err)
	}
	_, err = t.exec(`INSERT INTO audit_records (writer, seq, header, tag, salt, body) VALUES (?, ?, ?, ?, ?, ?)`,
		s.Writer, s.Seq, s.Header, s.Tag[:], s.Salt, s.Body)
	if err != nil {
		return fmt.Errorf("append an audit record: %w", err)
	}
	return nil
}

// tail is the tail that the record found by a query makes, zero if none is.
func (t *tx) tail(query, writer string) (audit.Tail, error) {
	s, err := one(t, scanRecord, query, writer)
	if errors.Is(err, registry.ErrNotFound) {
		return audit.Tail{}, nil
	}
	if err != nil {
		return audit.Tail{}, err
	}
	return s.Tail(), nil
}

// tree is the store as the sequencer sees it.
type tree struct{ store *Store }

// AuditTree implements registry.Store.
func (s *Store) AuditTree() registry.AuditTree { return tree{s} }

func (a tree) view(ctx context.Context, look func(t *tx) error) error {
	return a.store.View(ctx, func(t registry.Tx) error { return look(t.(*tx)) })
}

// LatestCheckpoint implements audit.Storage and audit.Reader.
func (a tree) LatestCheckpoint(ctx context.Context) (c audit.Checkpoint, err error) {
	err = a.view(ctx, func(t *tx) error {
		c, err = t.latestCheckpoint()
		return err
	})
	return c, err
}

func (t *tx) latestCheckpoint() (audit.Checkpoint, error) {
	c, err := one(t, func(r row) (audit.Checkpoint, error) {
		var c audit.Checkpoint
		err := r.Scan(&c.Size, &c.Note)
		return c, err
	}, `SELECT size, note FROM audit_checkpoints ORDER BY size DESC LIMIT 1`)
	if errors.Is(err, registry.ErrNotFound) {
		return audit.Checkpoint{}, nil
	}
	return c, err
}

// Unsequenced implements audit.Storage.
func (a tree) Unsequenced(ctx context.Context, limit int) (list []audit.Stored, err error) {
	err = a.view(ctx, func(t *tx) error {
		list, err = all(t, scanRecord, selectRecord+`WHERE idx IS NULL ORDER BY writer, seq LIMIT ?`, limit)
		return err
	})
	return list, err
}

// Sequenced implements audit.Reader.
func (a tree) Sequenced(ctx context.Context, first int64, limit int) (list []audit.Stored, err error) {
	err = a.view(ctx, func(t *tx) error {
		list, err = all(t, scanRecord, selectRecord+`WHERE idx >= ? ORDER BY idx LIMIT ?`, first, limit)
		return err
	})
	return list, err
}

// SequencedTail implements audit.Storage.
func (a tree) SequencedTail(ctx context.Context, writer string) (tail audit.Tail, err error) {
	err = a.view(ctx, func(t *tx) error {
		tail, err = t.tail(selectRecord+`WHERE writer = ? AND idx IS NOT NULL ORDER BY seq DESC LIMIT 1`, writer)
		return err
	})
	return tail, err
}

func scanBytes(r row) ([]byte, error) {
	var b []byte
	err := r.Scan(&b)
	return b, err
}

// Hashes implements audit.Storage.
func (a tree) Hashes(ctx context.Context, positions []int64) ([]audit.Hash, error) {
	hashes := make([]audit.Hash, len(positions))
	err := a.view(ctx, func(t *tx) error {
		for i, p := range positions {
			h, err := one(t, scanBytes, `SELECT hash FROM audit_hashes WHERE position = ?`, p)
			if err != nil {
				return fmt.Errorf("audit hash at position %d: %w", p, err)
			}
			copy(hashes[i][:], h)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return hashes, nil
}

// Commit implements audit.Storage.
func (a tree) Commit(ctx context.Context, b audit.Batch) error {
	return a.store.Update(ctx, func(t registry.Tx) error { return t.(*tx).commitBatch(b) })
}

func (t *tx) commitBatch(b audit.Batch) error {
	latest, err := t.latestCheckpoint()
	if err != nil {
		return err
	}
	if latest.Size != b.Base {
		return fmt.Errorf("%w: it has %d records, the batch begins at %d", audit.ErrConflict, latest.Size, b.Base)
	}
	for i, e := range b.Entries {
		n, err := t.exec(`UPDATE audit_records SET idx = ? WHERE writer = ? AND seq = ? AND idx IS NULL`, b.Base+int64(i), e.Writer, e.Seq)
		if err != nil {
			return taken(err)
		}
		if n == 0 {
			return fmt.Errorf("%w: record %d of writer %q has its place already, or is not there", audit.ErrConflict, e.Seq, e.Writer)
		}
	}
	for i, h := range b.Hashes {
		if _, err := t.exec(`INSERT INTO audit_hashes (position, hash) VALUES (?, ?)`, b.FirstHash+int64(i), h[:]); err != nil {
			return taken(err)
		}
	}
	_, err = t.exec(`INSERT INTO audit_checkpoints (size, note) VALUES (?, ?) ON CONFLICT (size) DO UPDATE SET note = excluded.note`,
		b.Checkpoint.Size, b.Checkpoint.Note)
	return err
}

// taken words that a place in the tree is another record's.
func taken(err error) error {
	if errors.Is(err, registry.ErrExists) {
		return fmt.Errorf("%w: a place in the tree is taken", audit.ErrConflict)
	}
	return err
}
