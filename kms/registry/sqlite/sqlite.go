// Package sqlite keeps a registry in one SQLite 3 file (sqlite.org/fileformat2)
// with modernc.org/sqlite, which needs no cgo: badges, intents and audit
// records together, because a transaction over several files is not atomic in
// WAL mode (sqlite.org/lang_attach).
//
// # Durability
//
// The file runs in WAL mode with synchronous=FULL: a commit returns after the
// log is flushed to the disk. Updates that arrive together share one commit
// and so one flush; each runs in a SAVEPOINT of its own, so that one that fails
// leaves the others alone. If the flush itself fails, all of them get
// registry.ErrStorage; a loss of power at that very moment may still bring
// them back, which is safe, because nothing was sent to a card on their word.
//
// # The file
//
// application_id is 42 4B 4D 53 ("BKMS"), user_version the version of the
// schema. Tables are STRICT. secure_delete is on, so that what retention
// erases is overwritten and not only forgotten. Beside the file are SQLite's
// own -wal and -shm, which belong to it (never copy the file without its -wal),
// and a .lock that keeps a second process out.
package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"badgekms/kms/audit"
	"badgekms/kms/registry"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// maxReaders is how many Views run at once; more wait for their turn.
const maxReaders = 8

// Options are the settings of Open. Audit is needed; the rest may stay zero.
type Options struct {
	// Create allows a new registry to be made where there is none. Without it
	// a missing file is an error: an empty registry under a wrong path would
	// give issue numbers a second time.
	Create bool
	// Audit makes the rows of AppendAudit.
	Audit *audit.Appender
	// Now is the clock, time.Now if nil.
	Now func() time.Time
	// Random gives identifiers, crypto/rand.Reader if nil.
	Random io.Reader
	// OnCommit, if set, is called after each flush and before the Updates it
	// made durable return, with their number. It must not call the store.
	OnCommit func(updates int)
}

// Store is a registry.Store in one file.
type Store struct {
	path    string
	options Options
	lock    *os.File
	writer  *sql.DB
	readers *sql.DB

	queue chan *update
	idle  chan struct{} // closed when the committer has ended

	mu     sync.RWMutex // held for reading by each Update and View under way
	closed bool
}

var _ registry.Store = (*Store)(nil)

// Open opens the registry in the file at path, or makes one if
// Options.Create allows it. It fails with registry.ErrAbsent, ErrLocked,
// ErrForeign, ErrNewer or ErrCorrupt, and then has changed nothing; other
// failures of the storage are registry.ErrStorage. A registry of an older
// release is brought up to date first.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	if options.Audit == nil {
		return nil, errors.New("open the registry: Options.Audit is needed")
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Random == nil {
		options.Random = rand.Reader
	}
	path, err := resolve(path)
	if err != nil {
		return nil, fmt.Errorf("open the registry: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("open the registry %s: %w", path, err)
	}
	s := &Store{path: path, options: options, lock: lock, queue: make(chan *update), idle: make(chan struct{})}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open the registry %s: %w", path, err), s.release())
	}
	go s.commitLoop()
	return s, nil
}

// open prepares the file and the connections to it, under the lock.
func (s *Store) open(ctx context.Context) error {
	if err := s.prepareFile(ctx); err != nil {
		return err
	}
	var err error
	if s.writer, err = connect(s.path, 1, writerPragmas); err != nil {
		return err
	}
	if err := migrate(ctx, s.writer, s.now()); err != nil {
		return err
	}
	if err := verifyPragmas(ctx, s.writer); err != nil {
		return err
	}
	s.readers, err = connect(s.path, maxReaders, readerPragmas)
	return err
}

// Close waits for the Updates and Views under way, flushes the log into the
// file and lets go of it.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.queue)
	<-s.idle
	return s.release()
}

// release closes what is open. The readers go first, so that the writer is the
// last connection and folds the log into the file.
func (s *Store) release() error {
	var failed []error
	for _, db := range []*sql.DB{s.readers, s.writer} {
		if db != nil {
			failed = append(failed, db.Close())
		}
	}
	failed = append(failed, s.lock.Close())
	return errors.Join(failed...)
}

// View implements registry.Store.
func (s *Store) View(ctx context.Context, look func(registry.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return registry.ErrClosed
	}
	conn, err := s.readers.Conn(ctx)
	if err != nil {
		return storageError(ctx, err)
	}
	defer conn.Close()
	t := &tx{ctx: ctx, conn: conn, store: s}
	defer t.end()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return storageError(ctx, err)
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") }()
	return look(t)
}

// now is the clock in the precision that is stored.
func (s *Store) now() time.Time { return s.options.Now().UTC().Truncate(time.Microsecond) }
