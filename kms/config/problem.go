package config

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// Path is that of the setting, or what stands in its place.
	Path string
	// Value is what was given, and From where: "line 7", "BADGEKMS_LISTEN",
	// "--listen", "default". Both are empty for a setting that is missing.
	Value, From string
	// Cure says what is wrong and what to write.
	Cure string
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Path)
	if p.From != "" {
		fmt.Fprintf(&b, " = %q (%s)", p.Value, p.From)
	}
	return b.String() + ": " + p.Cure
}

// Error is every problem of a configuration: those of the file's form first,
// then values that are not of their kind, then values that will not do.
type Error struct {
	File     string // empty without a file
	Problems []Problem
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("configuration")
	if e.File != "" {
		b.WriteString(" " + e.File)
	}
	fmt.Fprintf(&b, ": %d problem", len(e.Problems))
	if len(e.Problems) != 1 {
		b.WriteString("s")
	}
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}
