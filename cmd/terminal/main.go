// Command terminal recognises the badges presented to a reader: one line per
// tap. See terminal --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"badgekms/cmd/internal/client"
	"badgekms/cmd/internal/terminalcli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := terminalcli.New(client.Options{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Env: os.Getenv}).Run(ctx)
	stop()
	os.Exit(code)
}
