package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"badgekms/kms/registry"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	errReadOnly = errors.New("a View cannot write; use Update")
	errEnded    = errors.New("the transaction has ended; a Tx must not outlive its function")
)

// tx is a registry.Tx on one connection.
type tx struct {
	ctx   context.Context
	conn  *sql.Conn
	store *Store
	// broken is the first failure of the storage. Nothing runs after it:
	// SQLite may have rolled the transaction back, and a further statement
	// would then be a transaction of its own.
	broken error
	ended  bool
}

// end makes every later call fail: the connection now belongs to someone else.
func (t *tx) end() { t.ended = true }

// usable tells whether a statement may still run.
func (t *tx) usable() error {
	if t.ended {
		return errEnded
	}
	return t.broken
}

// row is what *sql.Row and *sql.Rows have in common.
type row interface{ Scan(dest ...any) error }

// exec runs a statement and tells how many rows it changed.
func (t *tx) exec(statement string, args ...any) (int64, error) {
	if err := t.usable(); err != nil {
		return 0, err
	}
	result, err := t.conn.ExecContext(t.ctx, statement, args...)
	if err != nil {
		return 0, t.fail(err)
	}
	n, err := result.RowsAffected()
	return n, t.fail(err)
}

// one reads the only row of a query; registry.ErrNotFound if there is none.
func one[T any](t *tx, scan func(row) (T, error), query string, args ...any) (T, error) {
	if err := t.usable(); err != nil {
		return *new(T), err
	}
	v, err := scan(t.conn.QueryRowContext(t.ctx, query, args...))
	if err != nil {
		return *new(T), t.fail(err)
	}
	return v, nil
}

// all reads every row of a query.
func all[T any](t *tx, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	if err := t.usable(); err != nil {
		return nil, err
	}
	rows, err := t.conn.QueryContext(t.ctx, query, args...)
	if err != nil {
		return nil, t.fail(err)
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, t.fail(err)
		}
		list = append(list, v)
	}
	return list, t.fail(rows.Err())
}

// page reads one entry more than the page holds, to know whether it is the
// last. The query takes the token as ?1 and its limit as ?2.
func page[T any](t *tx, p registry.Page, scan func(row) (T, error), id func(T) string, query string, args ...any) (registry.List[T], error) {
	items, err := all(t, scan, query, append([]any{p.Token, p.Limit() + 1}, args...)...)
	if err != nil || len(items) <= p.Limit() {
		return registry.List[T]{Items: items}, err
	}
	items = items[:p.Limit()]
	return registry.List[T]{Items: items, Next: id(items[len(items)-1])}, nil
}

// fail maps an error of the driver to those of package registry.
func (t *tx) fail(err error) error {
	var failure *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return registry.ErrNotFound
	case errors.Is(err, registry.ErrCorrupt):
		return err
	case t.ctx.Err() != nil:
		return t.ctx.Err()
	case errors.As(err, &failure):
		if known := constraint(failure.Code()); known != nil {
			return known
		}
	}
	t.broken = storageError(t.ctx, err)
	return t.broken
}

// constraint maps the result codes (sqlite.org/rescode) that are not failures
// of the storage. The text of the driver is left out: it names columns, and
// the callers know better what to say.
func constraint(code int) error {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return registry.ErrExists
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return registry.ErrNotFound
	}
	switch code & 0xFF {
	case sqlite3.SQLITE_CONSTRAINT:
		return fmt.Errorf("%w: the schema forbids it (SQLite result code %d)", registry.ErrInvalid, code)
	case sqlite3.SQLITE_READONLY:
		return errReadOnly
	}
	return nil
}

// newID draws an identifier if id is empty.
func (t *tx) newID(id string) (string, error) {
	if id != "" {
		return id, nil
	}
	return registry.NewID(t.store.now(), t.store.options.Random)
}

// moment stores a time as microseconds since 1970, the zero time as NULL.
type moment time.Time

// Value implements driver.Valuer.
func (m moment) Value() (driver.Value, error) {
	if time.Time(m).IsZero() {
		return nil, nil
	}
	return time.Time(m).UnixMicro(), nil
}

// Scan implements sql.Scanner.
func (m *moment) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*m = moment{}
	case int64:
		*m = moment(time.UnixMicro(v).UTC())
	default:
		return fmt.Errorf("%w: a stored time is a %T", registry.ErrCorrupt, v)
	}
	return nil
}

// bytesOrNull stores an empty slice as NULL.
func bytesOrNull(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// keyOrNull stores the zero key reference as NULL.
func keyOrNull(k registry.KeyRef) any {
	if k == (registry.KeyRef{}) {
		return nil
	}
	return k.Encode()
}

// keyColumn scans a stored key reference, NULL as the zero one.
type keyColumn registry.KeyRef

// Scan implements sql.Scanner.
func (k *keyColumn) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*k = keyColumn{}
		return nil
	case string:
		ref, err := registry.ParseKeyRef(v)
		*k = keyColumn(ref)
		return err
	}
	return fmt.Errorf("%w: a stored key reference is a %T", registry.ErrCorrupt, v)
}

// aidColumn scans a stored AID.
type aidColumn registry.AID

// Scan implements sql.Scanner.
func (a *aidColumn) Scan(v any) error {
	b, ok := v.([]byte)
	if !ok || len(b) != len(a) {
		return fmt.Errorf("%w: a stored AID is not 3 bytes", registry.ErrCorrupt)
	}
	copy(a[:], b)
	return nil
}
