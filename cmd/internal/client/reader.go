package client

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"badgekms/enroll/text"
	"badgekms/reader"
	"badgekms/reader/relay/presence"
)

// ReaderFlags are the options of commands that use a reader.
type ReaderFlags struct {
	// Name is the reader's exact name; empty: the only one attached.
	Name string
	// Wait is how long to wait for a card; 0: for ever.
	Wait time.Duration
}

// Add gives a command the options --reader and --wait.
func (f *ReaderFlags) Add(flags *pflag.FlagSet, l text.Language) {
	flags.StringVar(&f.Name, "reader", "", l.Say(text.FlagReader))
	flags.DurationVar(&f.Wait, "wait", 0, l.Say(text.FlagWait))
	Configurable(flags, "reader", "wait")
}

// Reader opens the readers and names the one to use.
func (p *Program) Reader(ctx context.Context, f ReaderFlags) (reader.Readers, string, error) {
	readers, err := p.Options.Readers(ctx, p.Log())
	if err != nil || f.Name != "" {
		return readers, f.Name, err
	}
	names, err := presence.List(ctx, readers)
	if err != nil {
		return nil, "", err
	}
	if len(names) == 0 {
		return nil, "", reader.ErrNoReader
	}
	if len(names) > 1 {
		return nil, "", &UsageError{Err: errors.New(p.Language.Say(text.NeedReader, strings.Join(names, ", ")))}
	}
	return readers, names[0], nil
}

// readerJSON is version 1 of a reader in JSON.
type readerJSON struct {
	V      int    `json:"v"`
	Reader string `json:"reader"`
}

// ListReaders prints the attached readers, one a line.
func (p *Program) ListReaders(ctx context.Context) error {
	readers, err := p.Options.Readers(ctx, p.Log())
	if err != nil {
		return err
	}
	names, err := presence.List(ctx, readers)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := p.Result(readerJSON{V: 1, Reader: name}, name); err != nil {
			return err
		}
	}
	if len(names) == 0 {
		p.Say(text.NoReader)
	}
	return nil
}
