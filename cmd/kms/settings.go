package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"badgekms/kms/config"
)

// settings reads the configuration from the flags of a command.
type settings struct {
	file  string
	flags map[string]*string // by Setting.Path
}

// addSettings gives a command --config and one flag for each setting.
func addSettings(c *cobra.Command) *settings {
	s := &settings{flags: map[string]*string{}}
	c.Flags().StringVar(&s.file, "config", os.Getenv("BADGEKMS_CONFIG"), "configuration file (see `kms example-config`)")
	for _, setting := range config.Settings() {
		s.flags[setting.Path] = c.Flags().String(setting.Flag(), setting.Default, setting.Help)
	}
	return s
}

// load reads and checks everything. Only flags that were given count.
func (s *settings) load(c *cobra.Command) (*config.Config, error) {
	overrides := map[string]string{}
	for _, setting := range config.Settings() {
		if c.Flags().Changed(setting.Flag()) {
			overrides[setting.Path] = *s.flags[setting.Path]
		}
	}
	return config.Load(s.file, os.Getenv, overrides)
}

func newLogger(l config.Log) *slog.Logger {
	o := &slog.HandlerOptions{Level: l.Level}
	if l.Format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}
