package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"badgekms/cmd/internal/cli"
	"badgekms/kms/pki"
)

func newPKI() *cobra.Command {
	c := &cobra.Command{
		Use:   "pki",
		Short: "The small certificate authority of an establishment that has none",
		Long: `The small certificate authority of an establishment that has none.

Every peer of the KMS has its own certificate, which carries its role and name:
spiffe://TRUST-DOMAIN/ROLE/NAME. Roles: ` + roleList() + `.`,
	}
	c.AddCommand(newPKIInit(), newPKIIssue())
	return c
}

func roleList() string {
	var names []string
	for _, r := range pki.Roles() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// caFlags are where the CA is and what protects its key.
type caFlags struct{ dir, passphraseFile string }

func (f *caFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.dir, "dir", "", "folder of the CA (ca.crt and ca.key)")
	c.Flags().StringVar(&f.passphraseFile, "passphrase-file", "", "file with the passphrase of ca.key; without it the key is protected by its file mode only")
	cli.Must(c.MarkFlagRequired("dir"))
}

func (f *caFlags) options() (pki.Options, error) {
	if f.passphraseFile == "" {
		return pki.Options{}, nil
	}
	secret, err := pki.ReadSecret(f.passphraseFile)
	return pki.Options{Passphrase: bytes.TrimSpace(secret)}, err
}

func newPKIInit() *cobra.Command {
	var f caFlags
	var trustDomain string
	c := &cobra.Command{
		Use:     "init --dir DIR --trust-domain NAME",
		Short:   "Make the CA: ca.crt and ca.key",
		Example: "  kmsctl pki init --dir /etc/badgekms/ca --trust-domain badges.hopital.example",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			if _, err := pki.Init(f.dir, trustDomain, o); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "CA of %s made in %s; keep ca.key off line\n", trustDomain, f.dir)
			return err
		},
	}
	f.add(c)
	c.Flags().StringVar(&trustDomain, "trust-domain", "", "DNS-like name of the establishment")
	cli.Must(c.MarkFlagRequired("trust-domain"))
	return c
}

func newPKIIssue() *cobra.Command {
	var f caFlags
	var role, name, out string
	var hosts []string
	var ttl time.Duration
	c := &cobra.Command{
		Use:   "issue --dir DIR --role ROLE --name NAME --out DIR",
		Short: "Issue a certificate with a new key",
		Example: `  kmsctl pki issue --dir ca --role kms --name kms-1 --host kms.hopital.example --out certs
  kmsctl pki issue --dir ca --role terminal --name porte-12 --out certs`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			ca, err := pki.Open(f.dir, o)
			if err != nil {
				return err
			}
			r, err := pki.ParseRole(role)
			if err != nil {
				return cli.Usage(err)
			}
			leaf, err := ca.Issue(r, name, hosts, ttl)
			if err != nil {
				return err
			}
			cert, key, err := leaf.Write(out)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n%s\n", cert, key)
			return err
		},
	}
	f.add(c)
	c.Flags().StringVar(&role, "role", "", "one of "+roleList())
	c.Flags().StringVar(&name, "name", "", "name of the peer: lower-case letters, digits, dots and dashes")
	c.Flags().StringSliceVar(&hosts, "host", nil, "DNS names and IP addresses of a server (role kms)")
	c.Flags().DurationVar(&ttl, "ttl", 0, "validity, for example 720h; 0 is the default of 90 days")
	c.Flags().StringVar(&out, "out", ".", "folder for the two files")
	cli.Must(c.MarkFlagRequired("role"))
	cli.Must(c.MarkFlagRequired("name"))
	return c
}
