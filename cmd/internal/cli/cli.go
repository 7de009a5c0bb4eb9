// Package cli is what the command lines of the KMS's side share: it tells
// wrong usage (exit code 2) from failure, which cobra does not.
package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// UsageError is a mistake in the arguments.
type UsageError struct{ Err error }

// Error implements error.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// Usage makes err a UsageError.
func Usage(err error) error { return &UsageError{Err: err} }

// Execute runs a command tree. What cobra refuses before a command runs is a
// UsageError.
func Execute(ctx context.Context, root *cobra.Command) error {
	root.SilenceUsage, root.SilenceErrors = true, true
	ran := false
	mark(root, &ran)
	err := root.ExecuteContext(ctx)
	if err != nil && !ran {
		return Usage(err)
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

// Must is for errors of a program's own flags.
func Must(err error) {
	if err != nil {
		panic("cli: internal error: " + err.Error())
	}
}
