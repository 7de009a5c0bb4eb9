package sqlite

import (
	"context"
	"database/sql"
	_ "embed" // for the schema
	"fmt"
	"time"
)

//go:embed schema/0001.sql
var schema1 string

// migrations bring a database from each version to the next; user_version
// counts how many it has had. Released ones never change.
var migrations = []func(ctx context.Context, t *sql.Tx, now time.Time) error{
	func(ctx context.Context, t *sql.Tx, now time.Time) error {
		if _, err := t.ExecContext(ctx, schema1); err != nil {
			return err
		}
		_, err := t.ExecContext(ctx, "INSERT INTO restore_epochs (epoch, began) VALUES (0, ?)", moment(now))
		return err
	},
}

// migrate runs the migrations that the database has not had, each in a
// transaction with the version it leads to.
func migrate(ctx context.Context, db *sql.DB, now time.Time) error {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return storageError(ctx, err)
	}
	for ; version < len(migrations); version++ {
		if err := step(ctx, db, version, now); err != nil {
			return fmt.Errorf("bring the schema to version %d: %w", version+1, storageError(ctx, err))
		}
	}
	return nil
}

func step(ctx context.Context, db *sql.DB, version int, now time.Time) error {
	t, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer t.Rollback()
	if err := migrations[version](ctx, t, now); err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version+1)); err != nil {
		return err
	}
	return t.Commit()
}
