package client

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"badgekms/enroll/text"
)

// localise writes cobra's own words in l.
func localise(root *cobra.Command, l text.Language) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	root.SetUsageTemplate(usageTemplate(l))
	each := root.Commands()
	for len(each) > 0 {
		c := each[0]
		each = append(each[1:], c.Commands()...)
		switch c.Name() {
		case "help":
			c.Short = capital(l.Say(text.HelpHelp))
		case "completion":
			c.Short = capital(l.Say(text.HelpCompletion))
		}
	}
	root.PersistentFlags().BoolP("help", "h", false, l.Say(text.HelpHelp))
}

// usageTemplate is a template of text/template over a cobra.Command.
func usageTemplate(l text.Language) string {
	return strings.NewReplacer(
		"USAGE", l.Say(text.HelpUsage),
		"COMMANDS", l.Say(text.HelpCommands),
		"COMMAND", l.Say(text.HelpCommand),
		"GLOBAL", l.Say(text.HelpGlobal),
		"FLAGS", l.Say(text.HelpFlags),
		"MORE", l.Say(text.HelpMore, "{{.CommandPath}}"),
	).Replace(`USAGE
{{- if not .Annotations.group}}
  {{.UseLine}}{{end}}
{{- if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND

COMMANDS
{{- range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}{{end}}
{{- if .LocalNonPersistentFlags.HasAvailableFlags}}

FLAGS
{{.LocalNonPersistentFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
{{- if .HasAvailableInheritedFlags}}

GLOBAL
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}
{{- else if .HasAvailablePersistentFlags}}

GLOBAL
{{.PersistentFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
{{- if .HasAvailableSubCommands}}

MORE{{end}}
`)
}

// capital makes the first letter a capital one.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}
