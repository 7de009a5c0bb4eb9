// Command enroll is the badge office's command line: it inspects, encodes and
// hands over badges. See enroll --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"badgekms/cmd/internal/client"
	"badgekms/cmd/internal/enrollcli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := enrollcli.New(client.Options{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Env: os.Getenv}).Run(ctx)
	stop()
	os.Exit(code)
}
