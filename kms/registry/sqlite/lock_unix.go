//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"os"

	"badgekms/kms/registry"

	"golang.org/x/sys/unix"
)

// lockFile takes the lock that keeps every other opener out, of this process
// too, until the file is closed or the process ends (flock(2)). It is a file of
// its own, because closing any handle of the database would drop the locks
// that SQLite holds on it (fcntl(2), POSIX locks). It is never removed: a
// second opener could hold the old one.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: its lock: %w", registry.ErrStorage, err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w; stop the other KMS first", registry.ErrLocked)
	}
	return nil, fmt.Errorf("%w: lock %s: %w", registry.ErrStorage, path, err)
}

// syncFolder makes a new name durable (fsync(2), on the directory).
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
