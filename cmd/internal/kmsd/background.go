package kmsd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"badgekms/kms/audit"
)

// How often the KMS does what nobody asks it for.
const (
	sequenceInterval     = 500 * time.Millisecond
	housekeepingInterval = 5 * time.Second
)

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
	d.tasks.Go(func() { d.housekeep(ctx) })
	go func() { d.serving <- d.server.Serve(d.listener) }()
	log.Info("KMS serves", "address", d.Addr(), "instance", d.options.Instance, "profile", d.options.Profile.Name,
		"custody", string(d.options.Custody.Capabilities().Mode))
	return nil
}

// housekeep looks after readiness and refusals until ctx ends.
func (d *Daemon) housekeep(ctx context.Context) {
	ticker := time.NewTicker(housekeepingInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.look:
		case <-ticker.C:
		}
		d.watchReadiness(ctx)
		if err := d.server.Housekeep(ctx); err != nil && ctx.Err() == nil {
			d.options.Log.Error("refused calls could not be recorded", "error", err)
		}
	}
}

// lookSoon asks housekeep not to wait for its time.
func (d *Daemon) lookSoon() {
	select {
	case d.look <- struct{}{}:
	default:
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
	if ctx.Err() != nil {
		return
	}
	d.server.SetReady(err == nil)
	d.tellReadiness(err)
}

// tellReadiness logs a change of readiness, and not every look at it.
func (d *Daemon) tellReadiness(err error) {
	now := "ready"
	if err != nil {
		now = err.Error()
	}
	if now == d.readiness {
		return
	}
	d.readiness = now
	if err != nil {
		d.options.Log.Warn("not ready to serve badges", "reason", err)
		return
	}
	d.options.Log.Info("ready to serve badges")
}
