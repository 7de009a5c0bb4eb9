package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"badgekms/cmd/internal/cli"
	"badgekms/cmd/internal/client"
)

// callLimit is how long one call to the KMS may take.
const callLimit = 30 * time.Second

// exitCode maps an error to the exit codes of DESIGN.md §8.
func exitCode(err error) int {
	var usage *cli.UsageError
	if errors.As(err, &usage) {
		return client.ExitUsage
	}
	switch status.Code(err) {
	case codes.PermissionDenied, codes.Unauthenticated, codes.FailedPrecondition, codes.AlreadyExists, codes.NotFound, codes.InvalidArgument:
		return client.ExitDenied
	case codes.Unavailable, codes.DeadlineExceeded:
		return client.ExitUndecided
	}
	return client.ExitFailed
}

// explain words a gRPC error as what the KMS meant, with its Reason.
func explain(err error) error {
	// Not status.FromError: for a wrapped error it takes the wrapping's text for
	// the message.
	var remote interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &remote) {
		return err
	}
	s := remote.GRPCStatus()
	for _, d := range s.Details() {
		if info, is := d.(*errdetails.ErrorInfo); is {
			return &refused{status: s, text: "the KMS answered " + info.GetReason() + ": " + s.Message()}
		}
	}
	if s.Code() == codes.Unavailable {
		return &refused{status: s, text: "the KMS cannot be reached: " + s.Message()}
	}
	return err
}

// refused is a gRPC error in words; it keeps its code.
type refused struct {
	status *status.Status
	text   string
}

func (e *refused) Error() string              { return e.text }
func (e *refused) GRPCStatus() *status.Status { return e.status }

// connection is where the KMS is, and the caller's certificate.
type connection struct{ settings client.Settings }

// add gives a command the flags of a connection; BADGEKMS_* variables stand for
// those that are not given.
func (k *connection) add(c *cobra.Command) {
	s := &k.settings
	for _, f := range []struct {
		value            *string
		name, help, need string
	}{
		{&s.KMS, "kms", "the KMS, HOST:PORT", "127.0.0.1:7443"},
		{&s.Cert, "cert", "certificate of an officer or operator (PEM file)", ""},
		{&s.Key, "key", "its private key (PEM file)", ""},
		{&s.CA, "ca", "CA of the KMS (PEM file)", ""},
		{&s.TrustDomain, "trust-domain", "trust domain of the KMS (default: that of the certificate)", ""},
	} {
		fallback := os.Getenv(client.Variable(f.name))
		if fallback == "" {
			fallback = f.need
		}
		c.Flags().StringVar(f.value, f.name, fallback, f.help+" ("+client.Variable(f.name)+")")
	}
}

// call runs f with a connection and a deadline.
func (k *connection) call(ctx context.Context, f func(context.Context, grpc.ClientConnInterface) error) error {
	s := k.settings
	if s.Cert == "" || s.Key == "" || s.CA == "" {
		return cli.Usage(errors.New("--cert, --key and --ca are needed: the KMS knows its callers by certificate"))
	}
	conn, err := client.Dial(s)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return explain(f(ctx, conn))
}
