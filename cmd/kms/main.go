// Command kms is the key management service: it derives the keys of badges,
// talks to cards through the readers of stations and terminals, and keeps the
// registry and the audit log. Its API is gRPC over mutual TLS.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"badgekms/cmd/internal/cli"
	"badgekms/kms/config"
)

// The exit codes of every program of BadgeKMS (DESIGN.md §8).
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := cli.Execute(ctx, newRoot())
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "kms:", err)
	var misconfigured *config.Error
	var usage *cli.UsageError
	if errors.As(err, &misconfigured) || errors.As(err, &usage) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "kms",
		Short: "Key management service for DESFire badges",
		Long: `Key management service for DESFire badges.

Settings come from flags, BADGEKMS_* variables, the configuration file and
defaults, in this order. Secrets are given as files only.`,
	}
	root.AddCommand(newServe(), newInit(), newCheckConfig(), newExampleConfig())
	return root
}
