package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"badgekms/kms/registry"
)

// pragmas are the settings of a connection (sqlite.org/pragma), in the order
// they are made.
type pragmas struct {
	mode string // "ro", "rw": SQLite never creates the file by itself
	set  []string
}

var (
	writerPragmas = pragmas{"rw", []string{
		"busy_timeout(5000)", "foreign_keys(1)", "secure_delete(1)", "journal_mode(WAL)", "synchronous(FULL)",
	}}
	readerPragmas = pragmas{"rw", []string{"busy_timeout(5000)", "query_only(1)"}}
	probePragmas  = pragmas{"ro", []string{"busy_timeout(5000)", "query_only(1)"}}
	draftPragmas  = pragmas{"rw", []string{"foreign_keys(1)", "synchronous(FULL)"}}
)

// required is what a writer's connection must answer, or nothing it commits
// would be durable. A file system without shared memory refuses WAL silently.
var required = map[string]string{
	"journal_mode":  "wal",
	"synchronous":   "2", // FULL
	"foreign_keys":  "1",
	"secure_delete": "1",
	"busy_timeout":  "5000",
}

// dataSource is the name by which database/sql opens the file.
func (p pragmas) dataSource(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter: file:///C:/...
	}
	query := url.Values{"mode": {p.mode}, "_pragma": p.set}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}

// Pragmas reads the settings back from the connection that writes, by name:
// those that durability depends on, application_id and user_version.
func (s *Store) Pragmas(ctx context.Context) (map[string]string, error) {
	var values map[string]string
	err := s.Update(ctx, func(t registry.Tx) (err error) {
		values, err = readPragmas(ctx, t.(*tx).conn)
		return err
	})
	return values, err
}

// queryer is a *sql.DB or a *sql.Conn.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readPragmas(ctx context.Context, q queryer) (map[string]string, error) {
	values := map[string]string{"application_id": "", "user_version": ""}
	for name := range required {
		values[name] = ""
	}
	for name := range values {
		var v string
		if err := q.QueryRowContext(ctx, "PRAGMA "+name).Scan(&v); err != nil {
			return nil, fmt.Errorf("read the setting %s: %w", name, storageError(ctx, err))
		}
		values[name] = v
	}
	return values, nil
}

// verifyPragmas refuses to work with a database that is not durable.
func verifyPragmas(ctx context.Context, db *sql.DB) error {
	values, err := readPragmas(ctx, db)
	if err != nil {
		return err
	}
	for name, want := range required {
		if values[name] != want {
			return fmt.Errorf("%w: SQLite setting %s is %q, not %q; keep the registry on a local file system",
				registry.ErrStorage, name, values[name], want)
		}
	}
	return nil
}
