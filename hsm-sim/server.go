package hsmsim

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// Edition selects which Vault is played.
type Edition string

const (
	// Enterprise answers CMAC calls. It is the default.
	Enterprise Edition = "enterprise"
	// Community refuses CMAC as Vault Community does: creating a key and
	// verifying answer 400, transit/cmac does not exist (404).
	Community Edition = "community"
)

// ParseEdition reads the name of an edition.
func ParseEdition(name string) (Edition, error) {
	switch e := Edition(name); e {
	case Enterprise, Community:
		return e, nil
	}
	return "", fmt.Errorf("unknown edition %q: use %s or %s", name, Enterprise, Community)
}

// Options configure a simulator. The zero value is an Enterprise simulator in
// memory.
type Options struct {
	// StateFile keeps tokens and keys over a restart, encrypted. Empty
	// means in memory only. A file named StateFile+".lock" is made beside
	// it.
	StateFile string
	// Passphrase encrypts the state file; needed if and only if StateFile
	// is set.
	Passphrase []byte
	// RootTokenFile receives a newly created root token and a line feed,
	// mode 0600. An existing file is replaced. It is not touched when an
	// existing state is opened.
	RootTokenFile string
	// Edition is Enterprise when empty.
	Edition Edition
	// Rand is the source of keys, tokens, salts and nonces: crypto/rand
	// when nil, something else in tests only. Creating or rotating a key
	// reads exactly the key's length, in one call.
	Rand io.Reader
	// Now is the clock, time.Now when nil.
	Now func() time.Time
	// Logger receives one record per request (method, path, status, time)
	// and never a body, token or key. Nil discards.
	Logger *slog.Logger

	disk disk
	cost argonCost
}

func (o Options) withDefaults() Options {
	if o.Edition == "" {
		o.Edition = Enterprise
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.disk == nil {
		o.disk = osDisk{}
	}
	if o.cost == (argonCost{}) {
		o.cost = defaultCost
	}
	return o
}

// Server is one simulated Vault server. Its methods may be called by many
// goroutines.
type Server struct {
	store   *store
	edition Edition
	now     func() time.Time
	log     *slog.Logger

	sealed, standby atomic.Bool
	fault           atomic.Pointer[func(*http.Request) error]
}

// Open starts a simulator. rootToken is set when a new state was created, in
// memory or in a new state file, and this is the only time that it is told:
// only its hash is kept. For an existing state file it is empty.
//
// Errors about the state file wrap ErrPassphrase, ErrStateDamaged,
// ErrStateVersion, ErrStateInUse or an error of package os; the file is left
// as it was.
func Open(o Options) (s *Server, rootToken string, err error) {
	o = o.withDefaults()
	if _, err := ParseEdition(string(o.Edition)); err != nil {
		return nil, "", err
	}
	s = &Server{edition: o.Edition, now: o.Now, log: o.Logger}
	s.store, rootToken, err = openStore(o)
	if err != nil {
		return nil, "", err
	}
	return s, rootToken, nil
}

func openStore(o Options) (*store, string, error) {
	handOut := func(token string) error {
		if o.RootTokenFile == "" {
			return nil
		}
		if err := replaceFile(o.disk, o.RootTokenFile, []byte(token+"\n")); err != nil {
			return fmt.Errorf("write the root token file %s: %w", o.RootTokenFile, err)
		}
		return nil
	}
	if o.StateFile != "" {
		return openFile(o, o.Now(), handOut)
	}
	if len(o.Passphrase) > 0 {
		return nil, "", fmt.Errorf("a passphrase without a state file protects nothing: set Options.StateFile or drop the passphrase")
	}
	st, token, err := openMemory(o.Rand, o.Now())
	if err != nil {
		return nil, "", err
	}
	return st, token, handOut(token)
}

// Close refuses all later changes and lets another process open the state
// file. Everything that was answered is on disk already.
func (s *Server) Close() error { return s.store.close() }

// SetSealed makes every request but sys/health and sys/seal-status answer 503
// "Vault is sealed", until it is called again with false.
func (s *Server) SetSealed(sealed bool) { s.sealed.Store(sealed) }

// SetStandby makes sys/health tell that this is a standby node (429). Other
// requests are still served, as a Vault standby forwards them to the active
// node. For a standby that finds no active node use SetFault.
func (s *Server) SetStandby(standby bool) { s.standby.Store(standby) }

// SetFault installs a hook that sees every request first; nil removes it. The
// hook may wait (until the request's context is done) to be slow. When it
// returns an error the request is not processed: a *Fault gives the answer,
// ErrDropConnection closes the connection, any other error answers 500.
//
// To lose an answer after the work was done, wrap Handler instead.
func (s *Server) SetFault(hook func(*http.Request) error) {
	if hook == nil {
		s.fault.Store(nil)
		return
	}
	s.fault.Store(&hook)
}

// Fault is an answer for a fault hook to give.
type Fault struct {
	// Status is the HTTP status code.
	Status int
	// Errors are the strings of Vault's {"errors": [...]}.
	Errors []string
}

func (f *Fault) Error() string {
	return fmt.Sprintf("fault hook: status %d %q", f.Status, f.Errors)
}
