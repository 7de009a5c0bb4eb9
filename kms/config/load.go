package config

import (
	"fmt"
	"maps"
	"os"
	"slices"
)

// Load reads a configuration and checks it. path names the file; empty means
// none. env is os.Getenv; an empty variable counts as not set. overrides are
// the flags that were given, by Setting.Path.
//
// For each setting the first of these counts: override, BADGEKMS_* variable,
// Vault's own variable where there is one, file, default. What is wrong comes
// as one *Error with all problems; a file that cannot be read as the error of
// reading it.
func Load(path string, env func(string) string, overrides map[string]string) (*Config, error) {
	var content []byte
	if path != "" {
		var err error
		if content, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
	}
	entries, problems := parseFile(content)
	l := loader{entries: entries, env: env, overrides: overrides, given: make(map[string]origin)}
	problems = append(problems, l.unknownOverrides()...)
	c := new(Config)
	malformed := make(map[string]bool)
	for _, s := range Settings() {
		o := l.find(s)
		l.given[s.Path] = o
		if err := s.set(c, o.value); err != nil {
			problems = append(problems, Problem{Path: s.Path, Value: o.value, From: o.from, Cure: err.Error()})
			malformed[s.Path] = true
		}
	}
	for _, p := range c.problems() {
		if o := l.given[p.Path]; o.value != "" {
			p.Value, p.From = o.value, o.from
		}
		if !malformed[p.Path] {
			problems = append(problems, p)
		}
	}
	if len(problems) > 0 {
		return nil, &Error{File: path, Problems: problems}
	}
	return c, nil
}

// loader knows every source of settings.
type loader struct {
	entries   map[string]entry
	env       func(string) string
	overrides map[string]string
	given     map[string]origin
}

// origin is a value and where it comes from.
type origin struct{ value, from string }

func (l loader) find(s Setting) origin {
	if v, ok := l.overrides[s.Path]; ok {
		return origin{v, "--" + s.Flag()}
	}
	for _, variable := range []string{s.Env(), s.vault} {
		if variable == "" {
			continue
		}
		if v := l.env(variable); v != "" {
			return origin{v, variable}
		}
	}
	if e, ok := l.entries[s.Path]; ok {
		return origin{e.value, fmt.Sprintf("line %d", e.line)}
	}
	return origin{s.Default, "default"}
}

func (l loader) unknownOverrides() []Problem {
	known := make(map[string]bool)
	for _, s := range Settings() {
		known[s.Path] = true
	}
	var problems []Problem
	for _, path := range slices.Sorted(maps.Keys(l.overrides)) {
		if !known[path] {
			problems = append(problems, Problem{Path: path, Value: l.overrides[path], From: "flag", Cure: "unknown setting: remove it"})
		}
	}
	return problems
}
