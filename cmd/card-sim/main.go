// Command card-sim runs one simulated DESFire EV1, EV2 or EV3 card (package cardsim)
// in a virtual reader of pcscd (package vpcd), where any PC/SC program sees it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes: 0 taken off the reader by a signal, 1 failed, 2 wrong usage.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is main with its surroundings as parameters.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	command := newCommand(stderr)
	command.SetArgs(args)
	command.SetOut(stdout)
	command.SetErr(stderr)
	err := command.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "card-sim:", err)
	if errors.Is(err, errUsage) {
		fmt.Fprintln(stderr, "card-sim --help lists the flags.")
		return exitUsage
	}
	return exitFailed
}
