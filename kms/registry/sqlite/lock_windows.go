package sqlite

import (
	"errors"
	"fmt"
	"os"

	"badgekms/kms/registry"

	"golang.org/x/sys/windows"
)

// lockFile takes the lock that keeps every other opener out, of this process
// too, until the file is closed or the process ends (LockFileEx). It is never
// removed: a second opener could hold the old one.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: its lock: %w", registry.ErrStorage, err)
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err = windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return nil, fmt.Errorf("%w; stop the other KMS first", registry.ErrLocked)
	}
	return nil, fmt.Errorf("%w: lock %s: %w", registry.ErrStorage, path, err)
}

// syncFolder does nothing: NTFS logs names itself, and Windows has no flush of
// a directory.
func syncFolder(string) error { return nil }
