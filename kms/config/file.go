package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// entry is what a file says of one setting: the text as it stands there (so
// that 012345678 stays a number of nine digits) and its line.
type entry struct {
	value string
	line  int
}

// parseFile reads a file into entries by path. What it cannot take becomes
// problems; the rest is still read.
func parseFile(content []byte) (map[string]entry, []Problem) {
	entries := make(map[string]entry)
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return entries, nil
	} else if err != nil {
		return entries, []Problem{{Path: "file", Cure: strings.TrimPrefix(err.Error(), "yaml: ")}}
	}
	w := walker{entries: entries, known: make(map[string]bool)}
	for _, s := range Settings() {
		w.known[s.Path] = true
	}
	w.section("", document.Content[0])
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		w.problems = append(w.problems, Problem{Path: "file", Cure: "a second document, or something that is not YAML, follows the first: keep one"})
	}
	return entries, w.problems
}

type walker struct {
	entries  map[string]entry
	known    map[string]bool
	problems []Problem
}

func (w *walker) problem(path string, line int, format string, args ...any) {
	w.problems = append(w.problems, Problem{Path: path, Cure: fmt.Sprintf("line %d: ", line) + fmt.Sprintf(format, args...)})
}

// section reads the mapping at path, "" for the whole file.
func (w *walker) section(path string, node *yaml.Node) {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return // all settings of the section are commented out
	}
	if node.Kind != yaml.MappingNode {
		w.problem(name(path), node.Line, "want settings here, each as \"name: value\"")
		return
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		at := join(path, key.Value)
		if first, twice := seen[key.Value]; twice {
			w.problem(name(at), key.Line, "is set on line %d already: remove one", first)
			continue
		}
		seen[key.Value] = key.Line
		w.key(at, key, value)
	}
}

func (w *walker) key(at string, key, value *yaml.Node) {
	switch {
	case key.Kind != yaml.ScalarNode || key.Anchor != "":
		w.problem(name(at), key.Line, "a name of a setting is expected here")
	case w.known[at]:
		w.value(at, value)
	case w.isSection(at):
		w.section(at, value)
	default:
		w.problem(name(at), key.Line, "unknown setting%s", w.hint(at))
	}
}

func (w *walker) value(at string, value *yaml.Node) {
	switch {
	case value.Kind == yaml.AliasNode || value.Anchor != "":
		w.problem(at, value.Line, "anchors and aliases are not used here: write the value out")
	case value.Style&yaml.TaggedStyle != 0:
		w.problem(at, value.Line, "type tags are not used here: remove %s", value.Tag)
	case value.Kind != yaml.ScalarNode:
		w.problem(at, value.Line, "want one value, not a list or a section")
	case value.Tag == "!!null":
		w.problem(at, value.Line, "has no value: give one, or remove the line for the default")
	default:
		w.entries[at] = entry{value: value.Value, line: value.Line}
	}
}

func (w *walker) isSection(at string) bool {
	for path := range w.known {
		if strings.HasPrefix(path, at+".") {
			return true
		}
	}
	return false
}

// hint points to the setting of the same last name in another section, if
// there is exactly one.
func (w *walker) hint(at string) string {
	last := at[strings.LastIndexByte(at, '.')+1:]
	var found []string
	for _, s := range Settings() {
		if strings.HasSuffix("."+s.Path, "."+last) {
			found = append(found, s.Path)
		}
	}
	if len(found) == 1 {
		return ": it is " + found[0]
	}
	return ": remove it, or correct its name"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func name(path string) string {
	if path == "" {
		return "file"
	}
	return path
}
