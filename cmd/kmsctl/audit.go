package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"badgekms/cmd/internal/cli"
	"badgekms/kms/audit"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

func newAudit() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Export the audit log, and verify an export offline"}
	c.AddCommand(newAuditExport(), newAuditVerify())
	return c
}

func newAuditExport() *cobra.Command {
	var k connection
	var out string
	c := &cobra.Command{
		Use:   "export --out FILE",
		Short: "Export the audit log with its signed checkpoint, as JSON lines",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return k.call(c.Context(), func(ctx context.Context, conn grpc.ClientConnInterface) error {
				return export(ctx, badgekmsv1.NewAuditServiceClient(conn), out)
			})
		},
	}
	k.add(c)
	c.Flags().StringVar(&out, "out", "", "file to write; it appears when it is complete")
	cli.Must(c.MarkFlagRequired("out"))
	return c
}

// export writes a file that is complete or not there.
func export(ctx context.Context, s badgekmsv1.AuditServiceClient, path string) (err error) {
	stream, err := s.ExportAudit(ctx, &badgekmsv1.ExportAuditRequest{})
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".audit-export-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if _, err := f.Write(part.GetData()); err != nil {
			return err
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// verifiedJSON is version 1 of a verification in JSON.
type verifiedJSON struct {
	V       int              `json:"v"`
	Records int64            `json:"records"`
	Erased  int64            `json:"erased"`
	Writers map[string]int64 `json:"writers"`
	First   time.Time        `json:"first"`
	Last    time.Time        `json:"last"`
	Root    string           `json:"root"`
}

func newAuditVerify() *cobra.Command {
	var keyFile string
	var witnesses []string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify --key FILE EXPORT",
		Short: "Verify an export, without the KMS",
		Long: `Verify an export, without the KMS: every record, every writer's chain, the
tree over all records, and the signature of the checkpoint.

An export cannot show by itself that the log was cut at an earlier checkpoint.
Keep checkpoints elsewhere, and give them with --witness.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			report, err := verify(args[0], keyFile, witnesses)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(verifiedJSON{
					V: 1, Records: report.Records, Erased: report.Erased, Writers: report.Writers,
					First: report.First, Last: report.Last, Root: report.Root.String(),
				})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "verified: %d records (%d erased by retention) of %d writers, %s to %s\ntree root %s\n",
				report.Records, report.Erased, len(report.Writers), report.First.Format(time.RFC3339), report.Last.Format(time.RFC3339), report.Root)
			return err
		},
	}
	c.Flags().StringVar(&keyFile, "key", "", "the verifier key, audit.key.pub of the KMS")
	c.Flags().StringSliceVar(&witnesses, "witness", nil, "files with checkpoints that were kept elsewhere")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cli.Must(c.MarkFlagRequired("key"))
	return c
}

func verify(path, keyFile string, witnesses []string) (audit.Report, error) {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return audit.Report{}, fmt.Errorf("--key: %w", err)
	}
	key, err := audit.ParseVerifier(string(bytes.TrimSpace(text)))
	if err != nil {
		return audit.Report{}, fmt.Errorf("--key %s: %w", keyFile, err)
	}
	var checks audit.Checks
	for _, w := range witnesses {
		note, err := os.ReadFile(w)
		if err != nil {
			return audit.Report{}, fmt.Errorf("--witness: %w", err)
		}
		checks.Witnessed = append(checks.Witnessed, note)
	}
	f, err := os.Open(path)
	if err != nil {
		return audit.Report{}, err
	}
	defer f.Close()
	return audit.Verify(f, key, checks)
}
