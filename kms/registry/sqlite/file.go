package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"badgekms/kms/registry"
)

// applicationID marks the file as ours: "BKMS" (sqlite.org/fileformat2 §1.3,
// offset 68, big endian).
const applicationID = 0x424B4D53

// The parts of the database header (sqlite.org/fileformat2 §1.3).
const (
	headerSize          = 100
	headerMagic         = "SQLite format 3\x00"
	headerUserVersion   = 60
	headerApplicationID = 68
)

// resolve gives the one name by which a file is locked, however it is reached.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	return real, err
}

// prepareFile makes sure that there is a registry of ours at the path, sound
// and not newer than this program, without changing one that is there.
func (s *Store) prepareFile(ctx context.Context) error {
	err := checkHeader(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s.create(ctx)
	}
	if err != nil {
		return err
	}
	return probe(ctx, s.path)
}

// checkHeader reads the file's header, so that SQLite never opens, and never
// touches, a file that is not ours.
func checkHeader(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", registry.ErrStorage, err)
	}
	defer f.Close()
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(f, header); err != nil {
		return fmt.Errorf("%w: it is too short; restore it from a backup, or name another file", registry.ErrForeign)
	}
	if string(header[:len(headerMagic)]) != headerMagic {
		return fmt.Errorf("%w: it is not an SQLite database; name another file", registry.ErrForeign)
	}
	if binary.BigEndian.Uint32(header[headerApplicationID:]) != applicationID {
		return fmt.Errorf("%w: it is the database of another program; name another file", registry.ErrForeign)
	}
	return checkVersion(int(binary.BigEndian.Uint32(header[headerUserVersion:])))
}

func checkVersion(version int) error {
	if version > len(migrations) {
		return fmt.Errorf("%w: its schema has version %d, this one knows %d; install that release", registry.ErrNewer, version, len(migrations))
	}
	return nil
}

// probe reads the database through a connection that cannot write: its version
// (which the log may have and the header not yet) and its structure.
func probe(ctx context.Context, path string) error {
	db, err := connect(path, 1, probePragmas)
	if err != nil {
		return err
	}
	defer db.Close()
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return damaged(ctx, err)
	}
	if err := checkVersion(version); err != nil {
		return err
	}
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return damaged(ctx, err)
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", registry.ErrCorrupt, verdict)
	}
	return nil
}

func damaged(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", registry.ErrCorrupt, err)
}

// create makes an empty registry under another name, complete and flushed, and
// gives it its name then: a crash leaves either no registry or a whole one,
// whose header is ours.
func (s *Store) create(ctx context.Context) error {
	if !s.options.Create {
		return fmt.Errorf("%w; check the path, or ask for a new registry to be created", registry.ErrAbsent)
	}
	draft := s.path + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: remove what a broken creation left: %w", registry.ErrStorage, err)
	}
	err := s.createDraft(ctx, draft)
	if err == nil {
		err = os.Rename(draft, s.path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(s.path))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%w: create it: %w", registry.ErrStorage, err), removeIfThere(draft))
	}
	return nil
}

func (s *Store) createDraft(ctx context.Context, draft string) error {
	// SQLite gives its -wal and -shm the permissions of the file.
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := connect(draft, 1, draftPragmas)
	if err != nil {
		return err
	}
	if _, err = db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err == nil {
		err = migrate(ctx, db, s.now())
	}
	return errors.Join(err, db.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// connect makes a pool of connections that begin with the given pragmas. Each
// is opened when it is first used.
func connect(path string, connections int, p pragmas) (*sql.DB, error) {
	db, err := sql.Open("sqlite", p.dataSource(path))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}
