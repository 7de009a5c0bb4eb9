package client

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"badgekms/enroll/text"
)

// Settings are the common options.
type Settings struct {
	// KMS is HOST:PORT.
	KMS string
	// Cert, Key and CA name PEM files.
	Cert, Key, CA string
	// TrustDomain is that of the KMS; empty: that of Cert.
	TrustDomain string
	// Config names the YAML file.
	Config string
	// Lang is "fr", "en" or empty; it was applied before.
	Lang string
	// JSON asks for machine-readable results.
	JSON bool
	// Verbose asks for the reader's events.
	Verbose bool
}

const prefix = "BADGEKMS_"

// configurable marks flags that the environment and the file may set.
const configurable = "badgekms_configurable"

func (s *Settings) register(f *pflag.FlagSet, l text.Language) {
	f.StringVar(&s.KMS, "kms", "", l.Say(text.FlagKMS))
	f.StringVar(&s.Cert, "cert", "", l.Say(text.FlagCert))
	f.StringVar(&s.Key, "key", "", l.Say(text.FlagKey))
	f.StringVar(&s.CA, "ca", "", l.Say(text.FlagCA))
	f.StringVar(&s.TrustDomain, "trust-domain", "", l.Say(text.FlagTrustDomain))
	f.StringVar(&s.Config, "config", "", l.Say(text.FlagConfig))
	f.StringVar(&s.Lang, "lang", "", l.Say(text.FlagLang))
	f.BoolVar(&s.JSON, "json", false, l.Say(text.FlagJSON))
	f.BoolVarP(&s.Verbose, "verbose", "v", false, l.Say(text.FlagVerbose))
	Configurable(f, "kms", "cert", "key", "ca", "trust-domain", "config", "lang")
}

// Configurable lets the environment and the file set these flags.
func Configurable(f *pflag.FlagSet, names ...string) {
	for _, n := range names {
		if err := f.SetAnnotation(n, configurable, nil); err != nil {
			panic("client: internal error: " + err.Error())
		}
	}
}

// complete fills in the flags of c that the command line left, from the
// environment and then from the file.
func (s *Settings) complete(c *cobra.Command, env func(string) string) error {
	f := c.Flags()
	given := make(map[string]bool)
	f.Visit(func(flag *pflag.Flag) { given[flag.Name] = true })
	err := each(f, func(flag *pflag.Flag) error {
		name := Variable(flag.Name)
		value := env(name)
		if given[flag.Name] || value == "" {
			return nil
		}
		given[flag.Name] = true
		if err := flag.Value.Set(value); err != nil {
			return &UsageError{Err: fmt.Errorf("%s: %w", name, err)}
		}
		return nil
	})
	if err == nil && s.Config != "" {
		err = s.readFile(f, given, configurableNames(c.Root()))
	}
	if err != nil || s.Lang == "" {
		return err
	}
	if _, err := text.Parse(s.Lang); err != nil {
		return &UsageError{Err: fmt.Errorf("--lang: %w", err)}
	}
	return nil
}

// Variable is the environment variable of a flag: BADGEKMS_TRUST_DOMAIN for
// trust-domain.
func Variable(flag string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// each calls do for the configurable flags, in order of name, until it fails.
func each(f *pflag.FlagSet, do func(*pflag.Flag) error) error {
	var failure error
	f.VisitAll(func(flag *pflag.Flag) {
		if _, may := flag.Annotations[configurable]; may && failure == nil {
			failure = do(flag)
		}
	})
	return failure
}

// configurableNames are those of all flags of the program, in order: one file
// serves all its commands.
func configurableNames(c *cobra.Command) []string {
	var names []string
	for _, f := range []*pflag.FlagSet{c.PersistentFlags(), c.Flags()} {
		_ = each(f, func(flag *pflag.Flag) error { names = append(names, flag.Name); return nil })
	}
	for _, child := range c.Commands() {
		names = append(names, configurableNames(child)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// readFile sets the flags that neither the command line nor the environment
// gave. A key that no command of the program knows is refused.
func (s *Settings) readFile(f *pflag.FlagSet, given map[string]bool, known []string) error {
	values, err := decodeFile(s.Config)
	if err != nil {
		return &UsageError{Err: fmt.Errorf("--config %s: %w", s.Config, err)}
	}
	for key := range values {
		if !slices.Contains(known, key) {
			return &UsageError{Err: fmt.Errorf("--config %s: unknown key %q; known are %s", s.Config, key, strings.Join(known, ", "))}
		}
	}
	err = each(f, func(flag *pflag.Flag) error {
		if value, there := values[flag.Name]; there && !given[flag.Name] {
			return setFromFile(flag, value)
		}
		return nil
	})
	if err != nil {
		return &UsageError{Err: fmt.Errorf("--config %s: %w", s.Config, err)}
	}
	return nil
}

func setFromFile(flag *pflag.Flag, value yaml.Node) error {
	items := []*yaml.Node{&value}
	if value.Kind == yaml.SequenceNode && flag.Value.Type() == "stringArray" {
		items = value.Content
	}
	for _, item := range items {
		if item.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: %s is not a plain value", item.Line, flag.Name)
		}
		if err := flag.Value.Set(item.Value); err != nil {
			return fmt.Errorf("line %d: %s: %w", item.Line, flag.Name, err)
		}
	}
	return nil
}

func decodeFile(path string) (map[string]yaml.Node, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	values := make(map[string]yaml.Node)
	err = yaml.NewDecoder(file).Decode(&values)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return values, nil
}

// language is what --lang, BADGEKMS_LANG or the locale says. It is needed
// before the arguments are parsed, because the help is written in it; a wrong
// --lang is refused when they are.
func language(args []string, env func(string) string) text.Language {
	chosen := env(Variable("lang"))
	for i, arg := range args {
		value, attached := strings.CutPrefix(arg, "--lang=")
		switch {
		case attached:
			chosen = value
		case arg == "--lang" && i+1 < len(args):
			chosen = args[i+1]
		}
	}
	if l, err := text.Parse(chosen); err == nil {
		return l
	}
	return text.Detect(env)
}

// Require reports the settings that are needed and missing.
func (s *Settings) Require(l text.Language, flags map[string]string) error {
	names := make([]string, 0, len(flags))
	for name, value := range flags {
		if value == "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = l.Say(text.NeedFlag, name, Variable(name))
	}
	return &UsageError{Err: errors.New(strings.Join(lines, "; "))}
}
