package client

import (
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"badgekms/enroll/text"
)

// Line is a labelled value of a human-readable result.
type Line struct {
	Label text.Message
	Value string
}

// Print writes lines with their values aligned; those without a value are left
// out.
func (p *Program) Print(w io.Writer, lines []Line) {
	width := 0
	for _, l := range lines {
		if l.Value != "" {
			width = max(width, utf8.RuneCountInString(p.Language.Say(l.Label)))
		}
	}
	for _, l := range lines {
		if l.Value != "" {
			fmt.Fprintf(w, "%-*s  %s\n", width, p.Language.Say(l.Label), l.Value)
		}
	}
}

// Result writes a result on Stdout: object as one line with --json, else
// human.
func (p *Program) Result(object any, human string) error {
	if p.Settings.JSON {
		return json.NewEncoder(p.Options.Stdout).Encode(object)
	}
	_, err := fmt.Fprintln(p.Options.Stdout, human)
	return err
}

// ResultLines writes a result on Stdout: object as one line with --json, else
// labelled lines.
func (p *Program) ResultLines(object any, lines []Line) error {
	if p.Settings.JSON {
		return json.NewEncoder(p.Options.Stdout).Encode(object)
	}
	p.Print(p.Options.Stdout, lines)
	return nil
}

// Tell writes a line of progress on Stderr.
func (p *Program) Tell(line string) { fmt.Fprintln(p.Options.Stderr, line) }
