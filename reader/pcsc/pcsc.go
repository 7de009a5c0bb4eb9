// Package pcsc reaches contactless cards through PC/SC readers: the resource
// manager of the PC/SC workgroup's specification (parts 5 and 6, the winscard
// API), which is PCSC-Lite on Linux and the Smart Card service on Windows.
//
// It is built with github.com/ebfe/scard on Linux, which takes cgo and the
// package libpcsclite-dev, and on Windows, which takes neither. Anywhere else
// it compiles and every call fails with reader.ErrUnavailable and the reason.
//
//	go build ./...                              Linux, with readers
//	CGO_ENABLED=0 go build ./...                Linux, without readers
//	CGO_ENABLED=0 GOOS=windows go build ./...   Windows, with readers
//
// Watching and connecting use contexts of their own, because PC/SC serialises
// the calls of one context: one for each Watch, one for each connection.
package pcsc

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"badgekms/reader"
)

// Options adjusts Readers. The zero value is ready for use.
type Options struct {
	// Log receives readers' names, INS bytes, lengths and status words, never
	// the body of an APDU. Nil discards.
	Log *slog.Logger
	// Backoff spaces the attempts to reach a service that is gone.
	Backoff Backoff
}

// Backoff doubles from First to Max. Zero fields stand for 100 ms and 2 s: a
// look at an absent service is cheap, and a door waits for it.
type Backoff struct{ First, Max time.Duration }

// delay is the pause after n failures, n from 1.
func (b Backoff) delay(n int) time.Duration {
	d, limit := b.First, b.Max
	if d <= 0 {
		d = 100 * time.Millisecond
	}
	if limit <= 0 {
		limit = 2 * time.Second
	}
	for ; n > 1 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}

// Readers is the set of readers of this machine's PC/SC service. It holds
// nothing between calls and may be used by many goroutines.
type Readers struct {
	service service
	log     *slog.Logger
	backoff Backoff
}

var _ reader.Readers = (*Readers)(nil)

// New returns the readers of the system's PC/SC service. It does not contact
// the service: List tells whether it is there.
//
// On Linux the environment variable PCSCLITE_CSOCK_NAME names another service;
// libpcsclite reads it once in the life of the process.
func New(o Options) *Readers {
	return newReaders(systemService{}, o)
}

func newReaders(s service, o Options) *Readers {
	r := &Readers{service: s, log: o.Log, backoff: o.Backoff}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	return r
}

// List gives the names of the attached readers, none being no error. It fails
// with reader.ErrUnavailable when there is no service, where Watch would wait.
func (r *Readers) List(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := r.establish()
	if err != nil {
		return nil, err
	}
	defer r.release(s)
	names, err := listReaders(s)
	if err != nil {
		return nil, fmt.Errorf("list the readers: %w", sentinel(err))
	}
	return names, nil
}

// establish opens a context and says what to do if there is no service.
func (r *Readers) establish() (session, error) {
	s, err := r.service.establish()
	if err != nil {
		return nil, fmt.Errorf("reach the PC/SC service: %w%s", sentinel(err), serviceHint(err))
	}
	return s, nil
}

// release gives a context back. A context that the service forgot is released
// all the same, on the client's side, and its error has no cure.
func (r *Readers) release(s session) {
	if err := s.release(); err != nil {
		r.log.Debug("PC/SC context released with an error", "error", err)
	}
}

// listReaders takes "no readers" for an empty list, and asks again when a
// reader was plugged in between the two calls that a list takes.
func listReaders(s session) ([]string, error) {
	const attempts = 3
	for i := 1; ; i++ {
		names, err := s.readers()
		switch {
		case isCode(err, codeNoReadersAvailable):
			return nil, nil
		case isCode(err, codeInsufficientBuffer) && i < attempts:
			continue
		}
		return names, err
	}
}
