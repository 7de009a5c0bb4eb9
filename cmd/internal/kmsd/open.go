package kmsd

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"time"

	"badgekms/kms/authz"
	"badgekms/kms/domain"
	"badgekms/kms/keyring"
	"badgekms/kms/office"
	"badgekms/kms/pki"
	"badgekms/kms/procedure"
	"badgekms/kms/server"
)

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
	deriver := keyring.NewDeriver(o.Custody, nil)
	d.domains = &domain.Service{
		Store: d.store, Custody: o.Custody, Deriver: deriver, Profile: o.Profile, SystemID: o.SystemID, Changed: d.lookSoon,
	}
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
