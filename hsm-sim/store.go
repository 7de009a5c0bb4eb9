package hsmsim

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// store publishes the current state to readers and makes each change durable
// before it is published.
type store struct {
	current atomic.Pointer[state]

	mu     sync.Mutex // one change at a time; guards random and closed
	random io.Reader
	closed bool

	// In memory, path is empty and the three fields below are not set.
	path   string
	disk   disk
	sealer *sealer
	lock   *os.File
}

// read returns the published state, which must not be changed.
func (s *store) read() *state { return s.current.Load() }

// update applies change to a copy of the state, writes the copy to the state
// file and only then publishes it. After any error the published state is the
// one before. The random source is passed on because it may serve one
// goroutine at a time only.
func (s *store) update(change func(next *state, random io.Reader) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	next := s.read().clone()
	if err := change(next, s.random); err != nil {
		return err
	}
	if err := s.persist(next); err != nil {
		return &persistError{path: s.path, cause: err}
	}
	s.current.Store(next)
	return nil
}

// persistError: a change was refused because it could not be made durable.
type persistError struct {
	path  string
	cause error
}

func (e *persistError) Error() string {
	return fmt.Sprintf("state not written to %s, nothing was changed: %v; "+
		"check free space and permissions there, then repeat the request", e.path, e.cause)
}

func (e *persistError) Unwrap() error { return e.cause }

func (s *store) persist(next *state) error {
	if s.path == "" {
		return nil
	}
	payload, err := next.encode()
	if err != nil {
		return err
	}
	defer clear(payload)
	content, err := s.sealer.seal(s.random, payload)
	if err != nil {
		return err
	}
	if len(content) > stateMaxBytes {
		return fmt.Errorf("the state would have %d bytes, more than the limit of %d", len(content), stateMaxBytes)
	}
	return replaceFile(s.disk, s.path, content)
}

// close ends updates and lets another process open the state file.
func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.lock == nil {
		return nil
	}
	return s.lock.Close()
}

// openMemory makes a store that forgets everything.
func openMemory(random io.Reader, now time.Time) (*store, string, error) {
	first, token, err := newState(random, now)
	if err != nil {
		return nil, "", err
	}
	s := &store{random: random}
	s.current.Store(first)
	return s, token, nil
}

// openFile opens or creates a state file. handOut receives a new root token
// before the file exists, so that no crash can leave a file whose token
// nobody has.
func openFile(o Options, now time.Time, handOut func(token string) error) (s *store, token string, err error) {
	if len(o.Passphrase) == 0 {
		return nil, "", errNoPassphrase
	}
	s = &store{random: o.Rand, path: o.StateFile, disk: o.disk}
	s.lock, err = acquireLock(o.StateFile)
	if err != nil {
		return nil, "", fmt.Errorf("open state file %s: %w", o.StateFile, err)
	}
	token, err = s.loadOrCreate(o, now, handOut)
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("open state file %s: %w", o.StateFile, err), s.lock.Close())
	}
	return s, token, nil
}

// acquireLock locks a file beside the state file, which itself is replaced by
// every write.
func acquireLock(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Clean(path)+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (s *store) loadOrCreate(o Options, now time.Time, handOut func(string) error) (token string, err error) {
	content, exists, err := readStateFile(s.path)
	switch {
	case err != nil:
		return "", err
	case exists:
		return "", s.load(content, o.Passphrase)
	}
	return s.create(o, now, handOut)
}

func (s *store) load(content, passphrase []byte) error {
	payload, sealer, err := unseal(content, passphrase)
	if err != nil {
		return err
	}
	defer clear(payload)
	loaded, err := decodeState(payload)
	if err != nil {
		return damaged(err.Error())
	}
	s.sealer = sealer
	s.current.Store(loaded)
	return nil
}

func (s *store) create(o Options, now time.Time, handOut func(string) error) (token string, err error) {
	first, token, err := newState(s.random, now)
	if err != nil {
		return "", err
	}
	if s.sealer, err = newSealer(s.random, o.Passphrase, o.cost); err != nil {
		return "", err
	}
	if err := handOut(token); err != nil {
		return "", err
	}
	if err := s.persist(first); err != nil {
		// The rename may have happened; a file whose token was never
		// returned would be useless.
		return "", errors.Join(err, ignoreMissing(s.disk.Remove(s.path)))
	}
	s.current.Store(first)
	return token, nil
}
