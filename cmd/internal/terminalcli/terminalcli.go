// Package terminalcli is the command tree of cmd/terminal: it parses
// (github.com/spf13/cobra), runs package reader/terminal, and prints one line
// per tap. It can be built from Go, so that the demo and tests run the very
// code that runs at a door.
package terminalcli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"badgekms/cmd/internal/client"
	"badgekms/enroll"
	"badgekms/enroll/text"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/relay/presence"
	"badgekms/reader/relay/reason"
	"badgekms/reader/terminal"
)

// app is one run of the program.
type app struct {
	*client.Program
	reader    client.ReaderFlags
	once      bool
	list      bool
	hook      string
	hookArgs  []string
	hookLimit time.Duration
}

// New builds the command tree; Run runs it.
func New(o client.Options) *client.Program {
	p := client.New(o, func(l text.Language) *cobra.Command {
		return &cobra.Command{
			Use:   "terminal [--reader NAME] [--once] [--json] [--hook PROGRAM]",
			Short: l.Say(text.TerminalShort),
			Long:  l.Say(text.TerminalLong),
		}
	})
	a := &app{Program: p}
	a.Leaf(p.Root, a.run)
	p.Root.Flags().BoolVar(&a.once, "once", false, p.Language.Say(text.FlagOnce))
	p.Root.Flags().BoolVar(&a.list, "list-readers", false, p.Language.Say(text.FlagListReaders))
	check := a.checkConfig()
	for _, f := range []*pflag.FlagSet{p.Root.Flags(), check.Flags()} {
		a.reader.Add(f, p.Language)
		a.addHookFlags(f)
	}
	p.Root.AddCommand(check)
	return p
}

// addHookFlags adds what may also stand in the settings file, which
// check-config reads as well.
func (a *app) addHookFlags(f *pflag.FlagSet) {
	f.StringVar(&a.hook, "hook", "", a.Language.Say(text.FlagHook))
	f.StringArrayVar(&a.hookArgs, "hook-arg", nil, a.Language.Say(text.FlagHookArg))
	f.DurationVar(&a.hookLimit, "hook-limit", terminal.HookLimit, a.Language.Say(text.FlagHookLimit))
	client.Configurable(f, "hook", "hook-arg", "hook-limit")
}

func (a *app) run(ctx context.Context) error {
	if a.list {
		return a.ListReaders(ctx)
	}
	conn, err := a.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	readers, name, err := a.Reader(ctx, a.reader)
	if err != nil {
		return err
	}
	if err := a.greet(ctx, readers, name); err != nil {
		return err
	}
	return a.serve(ctx, terminal.Config{
		Readers:    readers,
		ReaderName: name,
		Client:     badgekmsv1.NewConversationServiceClient(conn),
		Log:        a.Log(),
	})
}

// greet says that the terminal is ready. A reader that is not attached may
// come later; a missing PC/SC service ends a single tap, and is waited for by
// a terminal that runs on.
func (a *app) greet(ctx context.Context, readers reader.Readers, name string) error {
	names, err := presence.List(ctx, readers)
	switch {
	case err != nil && (a.once || ctx.Err() != nil):
		return err
	case err != nil:
		entry := a.Language.Reason(reason.Of(err))
		a.Tell(entry.Text + " " + entry.Cure)
	case !slices.Contains(names, name):
		attached := strings.Join(names, ", ")
		if attached == "" {
			attached = "-"
		}
		a.Say(text.TerminalMissing, name, attached)
	default:
		a.Say(text.TerminalReady, name)
	}
	return nil
}

// serve serves one tap, or taps until the program is told to stop.
func (a *app) serve(ctx context.Context, c terminal.Config) error {
	if a.once {
		return a.serveOnce(ctx, terminal.New(c))
	}
	c.OnTap = func(ctx context.Context, tap terminal.Tap) {
		if err := a.show(ctx, tap); err != nil {
			a.Tell(err.Error())
		}
	}
	err := terminal.New(c).Run(ctx)
	if ctx.Err() != nil {
		return nil // told to stop
	}
	return err
}

func (a *app) serveOnce(ctx context.Context, t *terminal.Terminal) error {
	waiting := ctx
	if a.reader.Wait > 0 {
		limited, cancel := context.WithTimeout(ctx, a.reader.Wait)
		defer cancel()
		waiting = limited
	}
	tap, err := t.Once(waiting)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%w (%v)", enroll.ErrNoCardCame, a.reader.Wait)
	}
	if err != nil {
		return err
	}
	if err := a.show(ctx, tap); err != nil {
		return err
	}
	if tap.Verdict != badgekmsv1.Verdict_VERDICT_GRANTED {
		return client.Verdict(tap.Verdict)
	}
	return nil
}

// show prints a tap and runs the hook. A hook that fails is reported and
// changes nothing.
func (a *app) show(ctx context.Context, tap terminal.Tap) error {
	if err := a.Result(tap, a.line(tap)); err != nil {
		return err
	}
	if a.hook == "" {
		return nil
	}
	h := terminal.Hook{Argv: append([]string{a.hook}, a.hookArgs...), Limit: a.hookLimit, Output: a.Options.Stderr}
	if err := h.Run(ctx, tap); err != nil {
		a.Tell(err.Error())
	}
	return nil
}

// line is a tap for people: words that scripts can rely on, then a sentence in
// the user's language.
func (a *app) line(tap terminal.Tap) string {
	parts := []string{reason.VerdictName(tap.Verdict)}
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	add("reason", reason.Name(tap.Reason))
	add("badge", tap.BadgeID)
	add("holder", tap.HolderID)
	if tap.Generation != 0 {
		add("generation", fmt.Sprint(tap.Generation))
	}
	add("conversation", tap.Conversation)
	add("total", milliseconds(tap.Timings.Total))
	add("script", milliseconds(tap.Timings.Script))
	add("card", milliseconds(tap.Timings.Card))
	add("kms", milliseconds(tap.Timings.Server))
	return strings.Join(parts, " ") + "  " + a.sentence(tap)
}

func (a *app) sentence(tap terminal.Tap) string {
	if tap.Verdict == badgekmsv1.Verdict_VERDICT_GRANTED {
		return a.Language.Say(text.GrantedText)
	}
	entry := a.Language.Reason(tap.Reason)
	return entry.Text + " " + entry.Cure
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1fms", float64(d.Microseconds())/1000)
}
