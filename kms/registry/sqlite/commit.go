package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"badgekms/kms/registry"
)

// maxShared is how many Updates share a flush at most, so that the first of
// them does not wait for ever.
const maxShared = 64

// errAbandoned stands for the error of a change that panicked or ended its
// goroutine.
var errAbandoned = errors.New("the change did not return")

// update is one call of Update on its way through the committer.
type update struct {
	ctx  context.Context
	turn chan *tx   // the committer hands the transaction over...
	ran  chan error // ...and gets it back with the error of the change
	done chan error // nil once durable; buffered, since a caller may be gone
}

// Update implements registry.Store.
func (s *Store) Update(ctx context.Context, change func(registry.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return registry.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	u := &update{ctx: context.WithoutCancel(ctx), turn: make(chan *tx), ran: make(chan error), done: make(chan error, 1)}
	select {
	case s.queue <- u:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case t := <-u.turn:
		u.run(t, change)
	case err := <-u.done: // no transaction could be begun
		return err
	}
	return <-u.done
}

// run calls change on the caller's goroutine, so that a panic unwinds there,
// and always gives the transaction back.
func (u *update) run(t *tx, change func(registry.Tx) error) {
	err := errAbandoned
	defer func() {
		t.end()
		u.ran <- err
	}()
	err = change(t)
}

// commitLoop is the only writer. It ends when the queue is closed.
func (s *Store) commitLoop() {
	defer close(s.idle)
	for u := range s.queue {
		s.share(u)
	}
}

// share runs first and the Updates that come while it does in one transaction.
func (s *Store) share(first *update) {
	b, err := s.begin(first.ctx)
	if err != nil {
		first.done <- err
		return
	}
	b.run(first)
	for b.broken == nil && len(b.kept) < maxShared {
		select {
		case u, open := <-s.queue:
			if open {
				b.run(u)
				continue
			}
		default:
		}
		break
	}
	b.finish()
}

// batch is one transaction of the database and the Updates that share it.
type batch struct {
	store  *Store
	conn   *sql.Conn
	kept   []*update
	broken error // set when the transaction as a whole is lost
}

func (s *Store) begin(ctx context.Context) (*batch, error) {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return nil, storageError(ctx, err)
	}
	b := &batch{store: s, conn: conn}
	if err := b.exec("BEGIN IMMEDIATE"); err != nil {
		b.discard()
		return nil, err
	}
	return b, nil
}

// exec runs a statement of transaction control. No caller's context ends it:
// an interrupted statement would roll everybody's change back.
func (b *batch) exec(statement string) error {
	_, err := b.conn.ExecContext(context.Background(), statement)
	return storageError(context.Background(), err)
}

// run lets one Update make its change. A change that fails is undone alone,
// even when the storage failed in it; only if SQLite has given the whole
// transaction up, as it may when the disk is full (sqlite.org/lang_transaction
// §4), all of the batch is lost.
func (b *batch) run(u *update) {
	if b.broken = b.exec("SAVEPOINT change"); b.broken != nil {
		u.done <- b.broken
		return
	}
	t := &tx{ctx: u.ctx, conn: b.conn, store: b.store}
	u.turn <- t
	err := <-u.ran
	if t.broken != nil && !errors.Is(err, registry.ErrStorage) {
		err = t.broken // the change has overlooked it
	}
	if err == nil {
		b.broken = b.exec("RELEASE change")
		b.kept = append(b.kept, u)
		return
	}
	if b.broken = b.exec("ROLLBACK TO change"); b.broken == nil {
		b.broken = b.exec("RELEASE change")
	}
	u.done <- err
}

// finish commits, and tells the callers once it is durable.
func (b *batch) finish() {
	err := b.broken
	if err == nil && len(b.kept) > 0 {
		err = b.exec("COMMIT")
	}
	if err == nil && len(b.kept) > 0 {
		b.conn.Close()
		if hook := b.store.options.OnCommit; hook != nil {
			hook(len(b.kept))
		}
	} else {
		b.rollback()
	}
	for _, u := range b.kept {
		u.done <- err
	}
}

// rollback ends a transaction that is not wanted or was lost.
func (b *batch) rollback() {
	if b.exec("ROLLBACK") != nil {
		b.discard()
		return
	}
	b.conn.Close()
}

// discard closes the connection itself rather than give it back to the pool,
// so that the next batch does not find half a transaction on it.
func (b *batch) discard() {
	_ = b.conn.Raw(func(any) error { return driver.ErrBadConn })
	b.conn.Close()
}

// storageError words a failure of the database as registry.ErrStorage, unless
// it is ctx that has ended.
func storageError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", registry.ErrStorage, err)
}
