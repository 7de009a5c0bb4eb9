// Command demo tells the story of a badge with all parts of BadgeKMS in one
// process: a simulated Vault, the KMS, a station, a door, and simulated cards.
// It exits with 0 only if every step went as it says.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// limit ends a demo that hangs.
const limit = 5 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newCommand().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	var kind, dir string
	c := &cobra.Command{
		Use:           "demo",
		Short:         "Enrol three badges and tap them, all in one process",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(c.Context(), limit)
			defer cancel()
			return run(ctx, kind, dir, &narrator{out: c.OutOrStdout()})
		},
	}
	c.Flags().StringVar(&kind, "reader", "simulated", "simulated: readers in this process; pcsc: through a private pcscd and vpcd (needs root)")
	c.Flags().StringVar(&dir, "keep", os.Getenv("KEEP"), "folder for the files of the demo, which is left; default: a temporary one, removed (KEEP)")
	return c
}

// run sets the stage in a folder, tells the story and clears up.
func run(ctx context.Context, kind, dir string, n *narrator) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "badgekms-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := openField(ctx, kind)
	if err != nil {
		return err
	}
	defer f.close()
	w := &world{dir: dir, field: f}
	defer func() {
		if closed := w.close(); err == nil {
			err = closed
		}
	}()
	return tell(ctx, w, n)
}
