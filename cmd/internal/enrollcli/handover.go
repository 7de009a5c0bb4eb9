package enrollcli

import (
	"context"

	"github.com/spf13/cobra"

	"badgekms/enroll"
	"badgekms/enroll/text"
)

func (a *app) handOver() *cobra.Command {
	var badgeID, evidence string
	c := a.Leaf(&cobra.Command{
		Use:   "hand-over --badge ID --evidence TEXT",
		Short: a.Language.Say(text.HandOverShort),
		Long:  a.Language.Say(text.HandOverLong),
	}, func(ctx context.Context) error {
		if err := a.Settings.Require(a.Language, map[string]string{"badge": badgeID, "evidence": evidence}); err != nil {
			return err
		}
		return a.records(func(o enroll.Office) error {
			badge, err := o.HandOver(ctx, badgeID, evidence)
			if err != nil {
				return err
			}
			return a.printBadge(badge)
		})
	})
	c.Flags().StringVar(&badgeID, "badge", "", a.Language.Say(text.FlagBadge))
	c.Flags().StringVar(&evidence, "evidence", "", a.Language.Say(text.FlagEvidence))
	return c
}
