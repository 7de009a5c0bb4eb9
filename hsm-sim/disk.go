package hsmsim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// disk is the part of the file system that a durable write needs. Tests make
// single steps fail.
type disk interface {
	// Create makes a new file, mode 0600; an existing one is an error.
	Create(name string) (file, error)
	Remove(name string) error
	Rename(from, to string) error
	// SyncDir makes a rename in dir durable.
	SyncDir(dir string) error
}

// file is an open file that is being written.
type file interface {
	Write(b []byte) (int, error)
	Sync() error
	Close() error
}

type osDisk struct{}

func (osDisk) Create(name string) (file, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (osDisk) Remove(name string) error     { return os.Remove(name) }
func (osDisk) Rename(from, to string) error { return os.Rename(from, to) }

// SyncDir does nothing on Windows, where a directory cannot be flushed and
// NTFS journals the rename.
func (osDisk) SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// replaceFile makes data the content of path, readable by the owner only and
// durable when it returns nil. After an error the old content is intact, with
// one exception: when only SyncDir failed, either content may survive a power
// loss. A path has one writer at a time.
func replaceFile(d disk, path string, data []byte) error {
	temporary := path + ".new"
	// A crash can have left one behind.
	if err := d.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeDurably(d, temporary, data); err != nil {
		return errors.Join(err, ignoreMissing(d.Remove(temporary)))
	}
	if err := d.Rename(temporary, path); err != nil {
		return errors.Join(err, ignoreMissing(d.Remove(temporary)))
	}
	return d.SyncDir(filepath.Dir(path))
}

func writeDurably(d disk, name string, data []byte) error {
	f, err := d.Create(name)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// readStateFile reads path if it exists. A file too large to be a state file
// is not read.
func readStateFile(path string) (content []byte, exists bool, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case !info.Mode().IsRegular():
		return nil, true, fmt.Errorf("%w: it is not a regular file", ErrStateDamaged)
	case info.Size() > stateMaxBytes:
		return nil, true, damaged(fmt.Sprintf("it has %d bytes, more than the limit of %d", info.Size(), stateMaxBytes))
	}
	content, err = os.ReadFile(path)
	return content, true, err
}
