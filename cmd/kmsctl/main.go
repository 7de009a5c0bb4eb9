// Command kmsctl is the tool of those who run a BadgeKMS: certificates, key
// domains, the audit log, and a diagnosis of AN10922 diversification.
//
// Results go to standard output, progress and errors to standard error. It
// exits with 0 when done, 1 when it failed, 2 on wrong usage, 3 when the KMS
// refused, 4 when the KMS could not be reached.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := execute(ctx, newRoot()); err != nil {
		fmt.Fprintln(os.Stderr, "kmsctl:", err)
		os.Exit(exitCode(err))
	}
}

// execute runs a command tree. What cobra itself refuses, before a command
// runs, is wrong usage.
func execute(ctx context.Context, root *cobra.Command) error {
	ran := false
	mark(root, &ran)
	err := root.ExecuteContext(ctx)
	if err != nil && !ran {
		return usage(err)
	}
	return err
}

// mark lets every command of a tree tell that it has begun.
func mark(c *cobra.Command, ran *bool) {
	for _, child := range c.Commands() {
		mark(child, ran)
	}
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			*ran = true
			return run(c, args)
		}
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "kmsctl",
		Short:         "Run a BadgeKMS: certificates, key domains, audit, diagnosis",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newPKI(), newDomain(), newAudit(), newDiversify())
	return root
}
