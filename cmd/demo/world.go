package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/vault/api"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"badgekms/cmd/internal/kmsd"
	hsmsim "badgekms/hsm-sim"
	"badgekms/kms/custody/transitcmac"
	"badgekms/kms/pki"
	"badgekms/kms/procedure"
	"badgekms/kms/profile"
	"badgekms/kms/registry"
	"badgekms/reader/cardsim"
	"badgekms/reader/desfire"
)

const (
	trustDomain = "badges.demo"
	// systemID is a made-up FINESS number.
	systemID = profile.SystemID("750712184")
)

// world is everything that the story plays on.
type world struct {
	dir   string
	field field
	// random is what the simulated Vault draws its keys from; nil stands for
	// crypto/rand.Reader, which tests replace to know the keys.
	random    io.Reader
	log       *slog.Logger
	rootToken string // of the simulated Vault
	custody   *transitcmac.Custody
	daemon    *kmsd.Daemon
	station   *grpc.ClientConn
	door      *grpc.ClientConn
	officer   *grpc.ClientConn
	closers   []func() error
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// later registers what has to be closed; the last comes first.
func (w *world) later(f func() error) { w.closers = append(w.closers, f) }

func (w *world) close() error {
	var errs []error
	for i := len(w.closers) - 1; i >= 0; i-- {
		errs = append(errs, w.closers[i]())
	}
	return errors.Join(errs...)
}

// openLog sends what the programs log into a file.
func (w *world) openLog() error {
	f, err := os.OpenFile(w.path("demo.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	w.log = slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.later(f.Close)
	return nil
}

// startVault starts the simulated Vault and returns its address.
func (w *world) startVault(ctx context.Context) (string, error) {
	sim, token, err := hsmsim.Open(hsmsim.Options{Logger: w.log, Rand: w.random})
	if err != nil {
		return "", err
	}
	w.rootToken = token
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- sim.Serve(serving, l, nil) }()
	w.later(func() error {
		stop()
		return <-done
	})
	address := "http://" + l.Addr().String()
	settings := api.DefaultConfig()
	if settings.Error != nil {
		return "", settings.Error
	}
	settings.Address = address
	client, err := api.NewClient(settings)
	if err != nil {
		return "", err
	}
	client.SetToken(token)
	w.custody, err = transitcmac.New(client, transitcmac.Options{Logger: w.log})
	return address, err
}

// issueCertificates makes a CA and one certificate for each peer.
func (w *world) issueCertificates() error {
	ca, err := pki.Init(w.path("ca"), trustDomain, pki.Options{})
	if err != nil {
		return err
	}
	for _, p := range []struct {
		role  pki.Role
		name  string
		hosts []string
	}{
		{pki.KMS, "kms-1", []string{"127.0.0.1"}},
		{pki.Station, "badge-office", nil},
		{pki.Terminal, "main-door", nil},
		{pki.Officer, "security", nil},
	} {
		leaf, err := ca.Issue(p.role, p.name, p.hosts, 0)
		if err != nil {
			return err
		}
		if _, _, err := leaf.Write(w.path("certs")); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) files(role pki.Role, name string) (pki.Files, error) {
	id, err := pki.NewIdentity(trustDomain, role, name)
	if err != nil {
		return pki.Files{}, err
	}
	cert, key := id.FileNames()
	return pki.Files{
		Cert: filepath.Join(w.path("certs"), cert), Key: filepath.Join(w.path("certs"), key),
		CA: filepath.Join(w.path("ca"), "ca.crt"), TrustDomain: trustDomain,
	}, nil
}

// startKMS makes a new KMS and starts it.
func (w *world) startKMS(ctx context.Context) error {
	files, err := w.files(pki.KMS, "kms-1")
	if err != nil {
		return err
	}
	point, err := cardsim.OriginalityKey().Bytes()
	if err != nil {
		return err
	}
	simulated, err := desfire.ParseOriginalityKey("simulated card", point)
	if err != nil {
		return err
	}
	o := kmsd.Options{
		Instance: "kms-1", Listen: "127.0.0.1:0", Database: w.path("badgekms.db"), SigningKey: w.path("audit.key"),
		TLS: files, Profile: profile.Default(), SystemID: systemID, InitialRef: registry.PublicDefault(), Custody: w.custody,
		Originality: procedure.OriginalityPolicy{Require: true, TestKeys: []desfire.OriginalityKey{simulated}},
		Terminal:    10 * time.Second, Station: 60 * time.Second, Silence: 2 * time.Second, Log: w.log,
	}
	if err := kmsd.Init(ctx, o, "audit."+trustDomain); err != nil {
		return err
	}
	if w.daemon, err = kmsd.Start(ctx, o); err != nil {
		return err
	}
	w.later(func() error {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return w.daemon.Stop(stopping)
	})
	return nil
}

// connect opens the three connections to the KMS, each with its certificate.
func (w *world) connect() (err error) {
	for _, c := range []struct {
		conn **grpc.ClientConn
		role pki.Role
		name string
	}{
		{&w.station, pki.Station, "badge-office"},
		{&w.door, pki.Terminal, "main-door"},
		{&w.officer, pki.Officer, "security"},
	} {
		if *c.conn, err = w.dial(c.role, c.name); err != nil {
			return fmt.Errorf("connect as %s: %w", c.name, err)
		}
		w.later((*c.conn).Close)
	}
	return nil
}

func (w *world) dial(role pki.Role, name string) (*grpc.ClientConn, error) {
	files, err := w.files(role, name)
	if err != nil {
		return nil, err
	}
	loaded, err := pki.Load(files, time.Now, func(error) {})
	if err != nil {
		return nil, err
	}
	config, err := pki.ClientTLS(loaded)
	if err != nil {
		return nil, err
	}
	return grpc.NewClient("passthrough:///"+w.daemon.Addr(), grpc.WithTransportCredentials(credentials.NewTLS(config)))
}
