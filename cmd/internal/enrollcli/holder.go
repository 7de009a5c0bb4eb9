package enrollcli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"badgekms/enroll"
	"badgekms/enroll/text"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

func (a *app) holder() *cobra.Command {
	return a.Group(&cobra.Command{Use: "holder", Short: a.Language.Say(text.HolderShort)}, a.holderAdd(), a.holderList())
}

func (a *app) holderAdd() *cobra.Command {
	var h badgekmsv1.Holder
	var validateOnly bool
	c := a.Leaf(&cobra.Command{
		Use:   "add --id ID --name NAME [--unit UNIT]",
		Short: a.Language.Say(text.HolderAddShort),
		Long:  a.Language.Say(text.HolderAddLong),
	}, func(ctx context.Context) error {
		if err := a.Settings.Require(a.Language, map[string]string{"id": h.GetId(), "name": h.GetName()}); err != nil {
			return err
		}
		return a.records(func(o enroll.Office) error { return a.runHolderAdd(ctx, o, &h, validateOnly) })
	})
	c.Flags().StringVar(&h.Id, "id", "", a.Language.Say(text.FlagHolderID))
	c.Flags().StringVar(&h.Name, "name", "", a.Language.Say(text.FlagName))
	c.Flags().StringVar(&h.Unit, "unit", "", a.Language.Say(text.FlagUnit))
	c.Flags().BoolVar(&validateOnly, "validate-only", false, a.Language.Say(text.FlagValidateOnly))
	return c
}

func (a *app) runHolderAdd(ctx context.Context, o enroll.Office, h *badgekmsv1.Holder, validateOnly bool) error {
	added, err := o.AddHolder(ctx, h, validateOnly)
	if err != nil {
		return err
	}
	if validateOnly {
		a.Say(text.HolderValid, h.GetId())
	} else {
		a.Say(text.HolderAdded, h.GetId())
	}
	return a.printHolder(added)
}

func (a *app) holderList() *cobra.Command {
	return a.Leaf(&cobra.Command{Use: "list", Short: a.Language.Say(text.HolderListShort)}, func(ctx context.Context) error {
		return a.records(func(o enroll.Office) error {
			return printAll(a, o.AllHolders(ctx), a.printHolder)
		})
	})
}

// holderJSON is version 1 of a holder in JSON.
type holderJSON struct {
	V         int        `json:"v"`
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Unit      string     `json:"unit,omitempty"`
	CreatedAt *time.Time `json:"created_at,omitempty"`
}

func (a *app) printHolder(h *badgekmsv1.Holder) error {
	return a.Result(
		holderJSON{V: 1, ID: h.GetId(), Name: h.GetName(), Unit: h.GetUnit(), CreatedAt: moment(h.GetCreatedAt())},
		fmt.Sprintf("%-14s  %-30s  %s", h.GetId(), h.GetName(), h.GetUnit()))
}
