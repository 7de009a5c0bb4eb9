package enrollcli

import (
	"github.com/spf13/cobra"

	"badgekms/enroll/text"
)

func (a *app) readers() *cobra.Command {
	return a.Leaf(&cobra.Command{Use: "readers", Short: a.Language.Say(text.ReadersShort)}, a.ListReaders)
}
