package apdu

import (
	"fmt"
	"log/slog"
	"strings"

	"badgekms/reader"
)

// Run is a run and what came back, for logs: each command by name and length
// and each response by status word and length, never a byte of either.
type Run struct {
	Commands  []reader.Command
	Responses []reader.Response
}

// String gives one entry a command, such as
//
//	GetVersion (0 bytes): 91AF (7 bytes); AdditionalFrame (0 bytes): not answered
func (r Run) String() string {
	entries := make([]string, len(r.Commands))
	for i, c := range r.Commands {
		entries[i] = Describe(c.APDU) + ": not answered"
		if i < len(r.Responses) {
			entries[i] = fmt.Sprintf("%s: %s (%d bytes)", Describe(c.APDU), r.Responses[i].SW, len(r.Responses[i].Data))
		}
	}
	return strings.Join(entries, "; ")
}

// Format implements fmt.Formatter for every verb as String.
func (r Run) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(r.String())) }

// LogValue implements slog.LogValuer as String.
func (r Run) LogValue() slog.Value { return slog.StringValue(r.String()) }
