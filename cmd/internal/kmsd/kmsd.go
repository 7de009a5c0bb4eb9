// Package kmsd puts a KMS together and runs it: registry and audit log in one
// SQLite file, keyring over a custody, procedures, and the gRPC server over
// mutual TLS. Command kms runs it from a configuration file, the demo and the
// end-to-end tests in process.
package kmsd

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"badgekms/kms/audit"
	"badgekms/kms/authz"
	"badgekms/kms/custody"
	"badgekms/kms/domain"
	"badgekms/kms/keyring"
	"badgekms/kms/office"
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

// How often the KMS does what nobody asks it for.
const (
	sequenceInterval  = 500 * time.Millisecond
	readinessInterval = 5 * time.Second
	startTimeout      = 30 * time.Second
)

// Init makes the files of a new KMS: the database and the key that signs the
// audit log, whose name is origin. It refuses to replace either (fs.ErrExist):
// a database whose log was signed with another key could never be verified
// again. If it fails it leaves neither.
func Init(ctx context.Context, o Options, origin string) error {
	if _, err := os.Lstat(o.Database); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("database %s: %w: serve it, or name another file for a new KMS", o.Database, cmp.Or(err, fs.ErrExist))
	}
	if _, err := audit.CreateSigningKey(o.SigningKey, origin, rand.Reader); err != nil {
		return err
	}
	store, err := openStore(ctx, o, true)
	if err != nil {
		return errors.Join(err, os.Remove(o.SigningKey), os.Remove(o.SigningKey+audit.PublicSuffix))
	}
	return store.Close()
}

func openStore(ctx context.Context, o Options, create bool) (*sqlite.Store, error) {
	appender, err := audit.NewAppender(o.Instance, time.Now, rand.Reader)
	if err != nil {
		return nil, err
	}
	store, err := sqlite.Open(ctx, o.Database, sqlite.Options{Create: create, Audit: appender})
	if errors.Is(err, registry.ErrAbsent) {
		return nil, fmt.Errorf("%w; make a new KMS with `kms init`, or restore the backup to %s", err, filepath.Dir(o.Database))
	}
	return store, err
}

// Check tells whether a KMS could be started from these options, as far as no
// connection is needed: certificates, profile and custody fit together.
func Check(o Options) error {
	if err := o.Profile.CheckCustody(o.Custody.Capabilities(), o.SystemID); err != nil {
		return err
	}
	credentials, err := pki.Load(o.TLS, time.Now, func(error) {})
	if err != nil {
		return err
	}
	_, err = pki.ServerTLS(credentials)
	return err
}

// Daemon is a running KMS.
type Daemon struct {
	options  Options
	store    *sqlite.Store
	server   *server.Server
	domains  *domain.Service
	listener net.Listener
	closers  []io.Closer

	// broken: the stored audit log is not what was written.
	broken  atomic.Bool
	stop    context.CancelFunc
	tasks   sync.WaitGroup
	serving chan error
}

// Start opens everything, checks that the custody can serve the profile, and
// serves. It returns when the API can be called. Without the key domains of
// the profile the KMS runs, so that they can be created, but is not ready.
func Start(ctx context.Context, o Options) (*Daemon, error) {
	d := &Daemon{options: o, serving: make(chan error, 1)}
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

// open builds the KMS up to the listener.
func (d *Daemon) open(ctx context.Context) error {
	o := d.options
	if err := Check(o); err != nil {
		return err
	}
	credentials, err := pki.Load(o.TLS, time.Now, func(err error) {
		if err != nil {
			o.Log.Error("certificate files", "error", err)
			return
		}
		o.Log.Info("certificate files were read again")
	})
	if err != nil {
		return err
	}
	tls, err := pki.ServerTLS(credentials)
	if err != nil {
		return err
	}
	methods, err := authz.Methods()
	if err != nil {
		return err
	}
	procedures, err := authz.Procedures()
	if err != nil {
		return err
	}
	if d.store, err = openStore(ctx, o, false); err != nil {
		return err
	}
	d.closers = append(d.closers, d.store)
	if err := d.loadKeys(ctx); err != nil {
		return err
	}
	if d.listener, err = net.Listen("tcp", o.Listen); err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	d.closers = append(d.closers, d.listener)
	live := &server.Live{}
	d.server = server.New(server.Options{
		TLS: tls, TrustDomain: o.TLS.TrustDomain, Methods: methods, Procedures: procedures,
		Engine: d.engine(live), Live: live, Domains: d.domains,
		Office: &office.Office{Store: d.store, Now: time.Now}, Store: d.store, Audit: d.store.AuditTree(),
		Terminal: o.Terminal, Station: o.Station, Silence: o.Silence,
		Reflection: o.Reflection, Log: o.Log, Now: time.Now,
	})
	return nil
}

// loadKeys reads the keyring and compares every master with its recorded
// check value, so that a custody restored from the wrong backup is found
// before its keys reach a card.
func (d *Daemon) loadKeys(ctx context.Context) error {
	o := d.options
	if err := o.Custody.Check(ctx); err != nil {
		return fmt.Errorf("check the custody: %w", err)
	}
	empty, err := keyring.NewRing(nil, nil)
	if err != nil {
		return err
	}
	deriver := keyring.NewDeriver(o.Custody, empty)
	d.domains = &domain.Service{Store: d.store, Custody: o.Custody, Deriver: deriver, Profile: o.Profile, SystemID: o.SystemID}
	if err := d.domains.Load(ctx); err != nil {
		return err
	}
	return deriver.VerifyMasters(ctx)
}

func (d *Daemon) engine(live *server.Live) *procedure.Engine {
	o := d.options
	return procedure.New(procedure.Options{
		Store: d.store, Deriver: d.domains.Deriver, Profile: o.Profile, SystemID: o.SystemID, Instance: o.Instance,
		InitialKey: o.InitialKey, InitialRef: o.InitialRef, Originality: o.Originality,
		Alive: live.Alive, Now: time.Now, Random: rand.Reader, Log: o.Log,
	})
}

// background starts serving and what runs beside it.
func (d *Daemon) background(ctx context.Context) error {
	key, err := audit.LoadSigningKey(d.options.SigningKey)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; make a new KMS with `kms init`, or restore the key from its backup", err)
	}
	if err != nil {
		return err
	}
	log := d.options.Log
	d.tasks.Go(func() {
		if err := audit.NewSequencer(d.store.AuditTree(), key, log).Run(ctx, sequenceInterval); err != nil {
			d.broken.Store(true)
			log.Error("the audit log is no longer sequenced; the KMS is not ready until this is investigated", "error", err)
		}
	})
	d.watchReadiness(ctx)
	d.tasks.Go(func() {
		every(ctx, readinessInterval, func() {
			d.watchReadiness(ctx)
			if err := d.server.Housekeep(ctx); err != nil && ctx.Err() == nil {
				log.Error("refused calls could not be recorded", "error", err)
			}
		})
	})
	go func() { d.serving <- d.server.Serve(d.listener) }()
	log.Info("KMS serves", "address", d.Addr(), "instance", d.options.Instance, "profile", d.options.Profile.Name,
		"custody", string(d.options.Custody.Capabilities().Mode))
	return nil
}

// every calls f at each interval until ctx ends.
func every(ctx context.Context, interval time.Duration, f func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f()
		}
	}
}

// watchReadiness tells health clients whether badges can be served: the
// profile's domains are there, and the custody answers.
func (d *Daemon) watchReadiness(ctx context.Context) {
	err := d.domains.Deriver.Ring().CheckProfile(d.options.Profile, d.options.SystemID)
	if err == nil {
		err = d.options.Custody.Check(ctx)
	}
	if err == nil && d.broken.Load() {
		err = audit.ErrBroken
	}
	if err != nil && ctx.Err() == nil {
		d.options.Log.Warn("not ready to serve badges", "reason", err)
	}
	d.server.SetReady(err == nil)
}
