package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"badgekms/reader/cardsim"
	"badgekms/reader/vpcd"

	"github.com/spf13/cobra"
)

// errUsage marks what the caller of the program can mend by other flags.
var errUsage = errors.New("usage")

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

const long = `card-sim simulates one MIFARE DESFire EV1, EV2 or EV3 card and lays it on a
virtual reader of pcscd until it is interrupted. It is for development and
tests: its originality signature is made with a public test key, and its state
file holds the card's keys in the clear.

It needs a running pcscd with the vpcd driver (Debian: vsmartcard-vpcd). With
--state the card keeps what is written to it; without, it is a factory card that
is forgotten when the program stops.`

const example = `  # a factory card with a random UID
  card-sim --type EV3

  # a card that is kept, in the second slot of the virtual reader
  card-sim --type EV2 --uid 04A1B2C3D4E5F6 --state badge.json --vpcd 127.0.0.1:35964

  # an old card of 4 KB
  card-sim --type EV1 --memory 4096

  # let a KMS under test take simulated cards for genuine ones
  card-sim --print-originality-key >simulated-cards.hex`

// flags are the command line as given.
type flags struct {
	cardType, uid, state, vpcd string
	memory                     int
	verbose, originalityKey    bool
}

func newCommand(stderr io.Writer) *cobra.Command {
	var f flags
	command := &cobra.Command{
		Use:           "card-sim",
		Short:         "A simulated DESFire card in a virtual PC/SC reader",
		Long:          long,
		Example:       example,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unexpected argument %q", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if f.originalityKey {
				return printOriginalityKey(c.OutOrStdout())
			}
			return serve(c.Context(), f, stderr)
		},
	}
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%v", err) })
	command.CompletionOptions.DisableDefaultCmd = true
	fs := command.Flags()
	fs.StringVar(&f.cardType, "type", "", "EV1, EV2, EV2XL or EV3 (default: the type of the card in --state, or EV3)")
	fs.IntVar(&f.memory, "memory", 0, "bytes of memory: 2048, 4096 or 8192, for EV2XL 16384 or 32768 (default: that of the card in --state, or 8192, or 16384)")
	fs.StringVar(&f.uid, "uid", "", "UID, 14 hexadecimal digits (default: the UID of the card in --state, or random, starting with 04)")
	fs.StringVar(&f.state, "state", "", "file that keeps the card; made if it does not exist (default: nothing is kept)")
	fs.StringVar(&f.vpcd, "vpcd", vpcd.DefaultAddr, "HOST:PORT where pcscd's vpcd driver listens")
	fs.BoolVar(&f.verbose, "verbose", false, "log each command: code, lengths and status word, never its content")
	fs.BoolVar(&f.originalityKey, "print-originality-key", false, "print the public key that signs simulated cards, for cards.test_key_file of a KMS under test, and stop")
	return command
}

// printOriginalityKey prints the uncompressed point, 57 bytes in hexadecimal.
func printOriginalityKey(w io.Writer) error {
	point, err := cardsim.OriginalityKey().Bytes()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%X\n", point)
	return err
}

// options turns flags into a card.
func (f flags) options(log *slog.Logger) (cardsim.Options, error) {
	o := cardsim.Options{State: f.state, Memory: f.memory, Log: log}
	if f.uid != "" {
		uid, err := hex.DecodeString(f.uid)
		if err != nil || len(uid) != 7 {
			return o, usage("--uid %q is not 14 hexadecimal digits", f.uid)
		}
		o.UID = uid
	}
	if f.cardType == "" {
		return f.withDefaultType(o), nil
	}
	t, err := cardsim.ParseType(f.cardType)
	if err != nil {
		return o, usage("--type: %v", err)
	}
	o.Type = t
	return o, nil
}

// withDefaultType leaves the type to an existing state and makes a new card EV3.
func (f flags) withDefaultType(o cardsim.Options) cardsim.Options {
	if _, err := os.Stat(f.state); f.state == "" || errors.Is(err, os.ErrNotExist) {
		o.Type = cardsim.EV3
	}
	return o
}

// lines lets the log and the program's own messages share an output.
type lines struct {
	mu  sync.Mutex
	out io.Writer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

// serve lays the card on the reader until ctx ends.
func serve(ctx context.Context, f flags, out io.Writer) error {
	stderr := &lines{out: out}
	level := slog.LevelInfo
	if f.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	options, err := f.options(log)
	if err != nil {
		return err
	}
	card, err := cardsim.New(options)
	if err != nil {
		return err
	}
	plugged, err := vpcd.Plug(ctx, f.vpcd, card)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "card-sim: %s card %X is on the virtual reader at %s; interrupt to take it off\n", card.Type(), card.UID(), f.vpcd)
	if err := plugged.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	fmt.Fprintln(stderr, "card-sim: the card is off the reader")
	return nil
}
