package main

import (
	"fmt"
	"io"
	"strings"
)

// narrator prints the story.
type narrator struct {
	out     io.Writer
	chapter int
}

// begin opens a chapter.
func (n *narrator) begin(title string) {
	n.chapter++
	fmt.Fprintf(n.out, "\n%d. %s\n", n.chapter, title)
}

// say prints one line of a chapter.
func (n *narrator) say(format string, args ...any) {
	fmt.Fprintf(n.out, "   %s\n", fmt.Sprintf(format, args...))
}

// text prints lines that stand for themselves.
func (n *narrator) text(lines ...string) {
	fmt.Fprintln(n.out, strings.Join(lines, "\n"))
}
