package main

import (
	"errors"
	"fmt"
	"io"

	"badgekms/hsm-sim"

	"github.com/spf13/cobra"
)

// errUsage marks what the caller of the program can mend by other flags.
var errUsage = errors.New("usage")

func usage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

const banner = `
*** hsm-sim: SIMULATOR, NOT AN HSM ***
It answers like HashiCorp Vault's Transit engine, for development and tests.
Its keys are in the memory of an ordinary process: use no key of it for badges
that open real doors.

`

const long = `hsm-sim is a SIMULATOR, NOT AN HSM: for development and tests only.

It serves the HTTP API of HashiCorp Vault's Transit engine: keys (create, read,
list, rotate, config, delete), and the cmac and verify calls that otherwise need
Vault Enterprise. Use it with any Vault client.

On its first start it creates a root token and writes it to --root-token-file.
Without --state everything is forgotten when it stops.`

const example = `  # in memory, on a free port, for a script
  hsm-sim --listen 127.0.0.1:0 --address-file addr --root-token-file token &
  until [ -s addr ]; do sleep 0.1; done
  export VAULT_ADDR="$(cat addr)" VAULT_TOKEN="$(cat token)"

  # keep the keys, encrypted
  hsm-sim --state keys.sim --passphrase-file pass --root-token-file token

  # answer as Vault Community does, which has no CMAC
  hsm-sim --root-token-file token --edition community`

// flags are the command line as given.
type flags struct {
	listen, addressFile   string
	tlsCert, tlsKey       string
	state, passphraseFile string
	rootTokenFile         string
	edition               string
}

func newCommand(stderr io.Writer) *cobra.Command {
	var f flags
	command := &cobra.Command{
		Use:           "hsm-sim",
		Short:         "A simulator of HashiCorp Vault's Transit engine, not an HSM",
		Long:          long,
		Example:       example,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unexpected argument %q", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			return serve(c.Context(), f, stderr)
		},
	}
	command.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%v", err) })
	command.CompletionOptions.DisableDefaultCmd = true
	f.define(command)
	return command
}

func (f *flags) define(command *cobra.Command) {
	set := command.Flags()
	set.SortFlags = false
	set.StringVar(&f.listen, "listen", "127.0.0.1:8200",
		"`ADDRESS` to listen on; port 0 picks a free one. Loopback only, unless TLS is on")
	set.StringVar(&f.addressFile, "address-file", "",
		"write the URL being served (a VAULT_ADDR) to `FILE` once ready; removed at the end")
	set.StringVar(&f.rootTokenFile, "root-token-file", "",
		"write a newly created root token to `FILE`, mode 0600; needed unless --state exists")
	set.StringVar(&f.state, "state", "",
		"keep token hash and keys in `FILE`, encrypted (default: in memory)")
	set.StringVar(&f.passphraseFile, "passphrase-file", "",
		"`FILE` with the passphrase of --state on its first line")
	set.StringVar(&f.edition, "edition", string(hsmsim.Enterprise),
		"Vault `EDITION` to play: enterprise, or community (refuses CMAC)")
	set.StringVar(&f.tlsCert, "tls-cert", "", "serve HTTPS with the certificate chain in `FILE` (PEM)")
	set.StringVar(&f.tlsKey, "tls-key", "", "private key of --tls-cert, in `FILE` (PEM)")
}
