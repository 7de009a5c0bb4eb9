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

	"badgekms/cmd/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := cli.Execute(ctx, newRoot()); err != nil {
		fmt.Fprintln(os.Stderr, "kmsctl:", err)
		os.Exit(exitCode(err))
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "kmsctl",
		Short: "Run a BadgeKMS: certificates, key domains, audit, diagnosis",
	}
	root.AddCommand(newPKI(), newDomain(), newAudit(), newDiversify())
	return root
}
