package cli_test

import (
	"errors"
	"io"
	"testing"

	"github.com/spf13/cobra"

	"badgekms/cmd/internal/cli"
)

func TestUsageAndFailureAreToldApart(t *testing.T) {
	failure := errors.New("it broke")
	for name, c := range map[string]struct {
		args  []string
		usage bool
		want  error
	}{
		"done":            {args: []string{"do", "--name", "x"}},
		"failed":          {args: []string{"fail"}, want: failure},
		"refused inside":  {args: []string{"refuse"}, usage: true},
		"unknown command": {args: []string{"bla"}, usage: true},
		"unknown flag":    {args: []string{"fail", "--bla"}, usage: true},
		"missing flag":    {args: []string{"do"}, usage: true},
		"stray argument":  {args: []string{"fail", "bla"}, usage: true},
	} {
		t.Run(name, func(t *testing.T) {
			root := &cobra.Command{Use: "tool"}
			do := &cobra.Command{Use: "do", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return nil }}
			do.Flags().String("name", "", "")
			cli.Must(do.MarkFlagRequired("name"))
			root.AddCommand(do,
				&cobra.Command{Use: "fail", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return failure }},
				&cobra.Command{Use: "refuse", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return cli.Usage(errors.New("no")) }})
			root.SetArgs(c.args)
			root.SetOut(io.Discard)
			err := cli.Execute(t.Context(), root)
			var usage *cli.UsageError
			if errors.As(err, &usage) != c.usage || c.want != nil && !errors.Is(err, c.want) || err == nil != (!c.usage && c.want == nil) {
				t.Errorf("error %v", err)
			}
		})
	}
}
