package terminalcli

import (
	"context"

	"github.com/spf13/cobra"

	"badgekms/cmd/internal/client"
	"badgekms/enroll/text"
)

// checkedJSON is version 1 of a good configuration in JSON.
type checkedJSON struct {
	V        int    `json:"v"`
	Identity string `json:"identity"`
	KMS      string `json:"kms"`
}

// checkConfig reads settings and certificates as a start would, and connects
// to nothing. It takes the reader's and hook's settings too, so that the
// terminal's own file passes.
func (a *app) checkConfig() *cobra.Command {
	return a.Leaf(&cobra.Command{Use: "check-config", Short: a.Language.Say(text.CheckConfigShort)}, func(context.Context) error {
		if err := a.RequireConnection(); err != nil {
			return err
		}
		identity, err := client.Identity(*a.Settings)
		if err != nil {
			return err
		}
		return a.Result(checkedJSON{V: 1, Identity: identity, KMS: a.Settings.KMS},
			a.Language.Say(text.ConfigGood, identity, a.Settings.KMS))
	})
}
