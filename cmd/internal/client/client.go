// Package client is what the programs at the readers share: settings from
// flags, environment (BADGEKMS_*) and a strict YAML file; the connection to
// the KMS by gRPC over mutual TLS with SPIFFE identities (X.509-SVID, URI SAN
// spiffe://<trust-domain>/<role>/<name>); help and errors in the language of
// their users; and exit codes.
package client

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"badgekms/enroll/text"
	"badgekms/reader"
	"badgekms/reader/pcsc"
)

// Options is what a program needs of its surroundings. Zero values of Readers
// and Dial stand for the real ones.
type Options struct {
	// Args are the arguments, without the program's name.
	Args []string
	// Stdout takes results, Stderr progress and errors.
	Stdout, Stderr io.Writer
	// Env reads an environment variable.
	Env func(string) string
	// Readers opens the readers; nil stands for PC/SC.
	Readers func(context.Context, *slog.Logger) (reader.Readers, error)
	// Dial connects to the KMS; nil stands for mutual TLS (package function
	// Dial).
	Dial func(Settings) (Connection, error)
}

// Connection is a gRPC connection that is closed at the end.
type Connection interface {
	grpc.ClientConnInterface
	io.Closer
}

// WithDefaults fills in what is real.
func (o Options) WithDefaults() Options {
	if o.Readers == nil {
		o.Readers = func(_ context.Context, log *slog.Logger) (reader.Readers, error) {
			return pcsc.New(pcsc.Options{Log: log}), nil
		}
	}
	if o.Dial == nil {
		o.Dial = func(s Settings) (Connection, error) { return Dial(s) }
	}
	return o
}

// Program is a command tree with its settings, ready to run.
type Program struct {
	// Root is the command tree.
	Root *cobra.Command
	// Settings are filled in when a command runs.
	Settings *Settings
	// Language is that of all texts.
	Language text.Language
	// Options are those of New.
	Options Options
}

// New prepares a program around root: it adds the common options, the help in
// the user's language, and the strictness about arguments. The command's own
// flags are added by the caller, those that may come from the environment or
// the file with Settings.Configurable.
func New(o Options, root func(text.Language) *cobra.Command) *Program {
	o = o.WithDefaults()
	l := language(o.Args, o.Env)
	p := &Program{Root: root(l), Settings: &Settings{}, Language: l, Options: o}
	p.Root.SetArgs(o.Args)
	p.Root.SetOut(o.Stdout)
	p.Root.SetErr(o.Stderr)
	p.Root.SilenceErrors, p.Root.SilenceUsage = true, true
	p.Settings.register(p.Root.PersistentFlags(), l)
	p.Root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		return p.Settings.complete(c, o.Env)
	}
	p.Root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &UsageError{Err: err} })
	return p
}

// Run runs the command that the arguments name and returns the exit code. What
// went wrong is said on Stderr in the user's language.
func (p *Program) Run(ctx context.Context) int {
	localise(p.Root, p.Language)
	command, err := p.Root.ExecuteContextC(ctx)
	if err == nil {
		return ExitDone
	}
	p.explain(ctx, command, err)
	return exitCode(err)
}

// Connect connects to the KMS as the settings say.
func (p *Program) Connect() (Connection, error) {
	if err := p.RequireConnection(); err != nil {
		return nil, err
	}
	return p.Options.Dial(*p.Settings)
}

// RequireConnection reports the settings of the connection that are missing.
func (p *Program) RequireConnection() error {
	s := p.Settings
	return s.Require(p.Language, map[string]string{"kms": s.KMS, "cert": s.Cert, "key": s.Key, "ca": s.CA})
}

// Log is the program's log: warnings on Stderr, and with --verbose everything
// that happens at the reader, never the body of an APDU.
func (p *Program) Log() *slog.Logger {
	level := slog.LevelWarn
	if p.Settings.Verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(p.Options.Stderr, &slog.HandlerOptions{Level: level}))
}

// Leaf makes c a command that takes no arguments, runs run, and is held to its
// usage.
func (p *Program) Leaf(c *cobra.Command, run func(context.Context) error) *cobra.Command {
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return &UsageError{Err: errors.New(p.Language.Say(text.NoArguments, args[0]))}
		}
		return nil
	}
	c.DisableFlagsInUseLine = true
	c.RunE = func(c *cobra.Command, _ []string) error { return run(c.Context()) }
	return c
}

// group marks commands that do nothing by themselves, for the help.
const group = "group"

// Group makes c a command that only holds others.
func (p *Program) Group(c *cobra.Command, children ...*cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.Annotations = map[string]string{group: "yes"}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return &UsageError{Err: errors.New(p.Language.Say(text.UnknownCommand, args[0]))}
		}
		return c.Help()
	}
	c.AddCommand(children...)
	return c
}
