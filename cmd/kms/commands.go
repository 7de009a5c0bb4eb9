package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"badgekms/cmd/internal/kmsd"
	"badgekms/kms/config"
)

// stopTimeout is how long the calls under way may take when the KMS ends: a
// station's enrolment included.
const stopTimeout = 60 * time.Second

func newServe() *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the API until interrupted",
		Args:  cobra.NoArgs,
	}
	s := addSettings(c)
	var addressFile string
	c.Flags().StringVar(&addressFile, "address-file", "",
		"write HOST:PORT being served to `FILE` once ready, for --listen with port 0; removed at the end")
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := s.load(c)
		if err != nil {
			return err
		}
		return serve(c.Context(), cfg, addressFile)
	}
	return c
}

func serve(ctx context.Context, cfg *config.Config, addressFile string) (err error) {
	if err := removeAddress(addressFile); err != nil {
		return err
	}
	log := newLogger(cfg.Log)
	o, err := options(cfg, log)
	if err != nil {
		return err
	}
	d, err := kmsd.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeAddress(addressFile), stop(d)) }()
	if err := publishAddress(addressFile, d.Addr()); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		log.Info("KMS stops; the calls under way may end")
		return nil
	case err := <-d.Done():
		return err
	}
}

// stop lets the calls under way end.
func stop(d *kmsd.Daemon) error {
	stopping, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return d.Stop(stopping)
}

func newInit() *cobra.Command {
	c := &cobra.Command{
		Use:   "init",
		Short: "Make the database and the audit signing key of a new KMS",
		Args:  cobra.NoArgs,
	}
	s := addSettings(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := s.load(c)
		if err != nil {
			return err
		}
		o, err := options(cfg, newLogger(cfg.Log))
		if err != nil {
			return err
		}
		if err := kmsd.Init(c.Context(), o, "audit."+cfg.TLS.TrustDomain); err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "database     %s\naudit key    %s (back it up; %s.pub is for those who verify)\nnext: `kms serve`, then `kmsctl domain create --profile-domains`\n",
			o.Database, o.SigningKey, o.SigningKey)
		return err
	}
	return c
}

func newCheckConfig() *cobra.Command {
	c := &cobra.Command{
		Use:   "check-config",
		Short: "Check the configuration and the files it names, without starting",
		Args:  cobra.NoArgs,
	}
	s := addSettings(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := s.load(c)
		if err != nil {
			return err
		}
		o, err := options(cfg, newLogger(cfg.Log))
		if err != nil {
			return err
		}
		if err := kmsd.Check(o); err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), "the configuration is good")
		return err
	}
	return c
}

func newExampleConfig() *cobra.Command {
	return &cobra.Command{
		Use:   "example-config",
		Short: "Print a commented configuration file",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(config.Example)
			return err
		},
	}
}
