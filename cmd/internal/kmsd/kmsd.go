// Package kmsd puts a KMS together and runs it: registry and audit log in one
// SQLite file, keyring over a custody, procedures, and the gRPC server over
// mutual TLS. Command kms runs it from a configuration file, the demo and the
// end-to-end tests in process.
package kmsd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"badgekms/kms/custody"
	"badgekms/kms/domain"
	"badgekms/kms/pki"
	"badgekms/kms/procedure"
	"badgekms/kms/profile"
	"badgekms/kms/registry"
	"badgekms/kms/registry/sqlite"
	"badgekms/kms/server"
	"badgekms/reader/key"
)

// Options is what a KMS is put together from.
type Options struct {
	// Instance names this KMS: in intents, and as writer of audit records.
	Instance string
	// Listen is the address of the API; port 0 takes a free one.
	Listen string
	// Database and SigningKey are the files of Init.
	Database, SigningKey string
	TLS                  pki.Files
	Profile              *profile.Profile
	SystemID             profile.SystemID
	// InitialKey opens cards as their supplier delivers them; InitialRef names
	// it for the registry.
	InitialKey  key.TDEA2
	InitialRef  registry.KeyRef
	Custody     custody.Custody
	Originality procedure.OriginalityPolicy
	// Terminal and Station bound a conversation, Silence the wait for each of
	// its messages.
	Terminal, Station, Silence time.Duration
	Reflection                 bool
	Log                        *slog.Logger
}

// startTimeout bounds Start: a custody that does not answer is told, not waited for.
const startTimeout = 30 * time.Second

// Daemon is a running KMS.
type Daemon struct {
	options  Options
	store    *sqlite.Store
	server   *server.Server
	domains  *domain.Service
	listener net.Listener
	closers  []io.Closer

	// broken: the stored audit log is not what was written.
	broken atomic.Bool
	// readiness is what was told of it last; housekeep's alone after the start.
	readiness string
	// look asks for a look at the readiness before its time.
	look    chan struct{}
	stop    context.CancelFunc
	tasks   sync.WaitGroup
	serving chan error
}

// Start opens everything, checks that the custody can serve the profile, and
// serves. It returns when the API can be called. Without the key domains of
// the profile the KMS runs, so that they can be created, but is not ready.
func Start(ctx context.Context, o Options) (*Daemon, error) {
	d := &Daemon{options: o, serving: make(chan error, 1), look: make(chan struct{}, 1)}
	for _, w := range o.Profile.Warnings() {
		o.Log.Warn("card profile", "warning", w)
	}
	if len(o.Originality.TestKeys) > 0 {
		o.Log.Warn("simulated cards are taken for genuine ones: for tests only")
	}
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := d.open(starting); err != nil {
		return nil, errors.Join(err, d.close())
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	if err := d.background(running); err != nil {
		stop()
		d.tasks.Wait()
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// Addr is where the API is served.
func (d *Daemon) Addr() string { return d.listener.Addr().String() }

// Done gives the error that ended serving, should it end by itself.
func (d *Daemon) Done() <-chan error { return d.serving }

// Stop lets the calls under way end, until ctx does, and closes everything.
func (d *Daemon) Stop(ctx context.Context) error {
	err := d.server.Stop(ctx)
	d.stop()
	d.tasks.Wait()
	return errors.Join(err, d.close())
}

func (d *Daemon) close() error {
	var errs []error
	for i := len(d.closers) - 1; i >= 0; i-- {
		if err := d.closers[i].Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	d.closers = nil
	return errors.Join(errs...)
}
