package desfire

import (
	"fmt"
	"io"
	"log/slog"
)

// Sessions and handshakes hold key schedules and buffers of plaintext. What
// they print, by value or by pointer and with any verb, is their state only.

// String gives the kind of session, its key number and its counter.
func (s EV2Session) String() string {
	return fmt.Sprintf("EV2 session with key %d, CmdCtr %d%s", s.keyNo, s.counter, overWord(s.ended))
}

// Format implements fmt.Formatter for every verb as String.
func (s EV2Session) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer as String.
func (s EV2Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String gives the kind of session and its key number.
func (s EV1Session) String() string {
	return fmt.Sprintf("EV1 session with key %d%s", s.keyNo, overWord(s.ended))
}

// Format implements fmt.Formatter for every verb as String.
func (s EV1Session) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer as String.
func (s EV1Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String gives the kind of session and its key number.
func (s D40Session) String() string {
	return fmt.Sprintf("D40 session with key %d%s", s.keyNo, overWord(s.ended))
}

// Format implements fmt.Formatter for every verb as String.
func (s D40Session) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer as String.
func (s D40Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String gives the command of the handshake and its key number.
func (h EV2Handshake) String() string {
	return fmt.Sprintf("%s with key %d%s", h.ins, h.keyNo, overWord(h.ended))
}

// Format implements fmt.Formatter for every verb as String.
func (h EV2Handshake) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.String()) }

// LogValue implements slog.LogValuer as String.
func (h EV2Handshake) LogValue() slog.Value { return slog.StringValue(h.String()) }

// String gives the command of the handshake and its key number.
func (h mutual) String() string {
	return fmt.Sprintf("%s with key %d%s", h.ins, h.keyNo, overWord(h.ended))
}

// Format implements fmt.Formatter for every verb as String.
func (h mutual) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.String()) }

// LogValue implements slog.LogValuer as String.
func (h mutual) LogValue() slog.Value { return slog.StringValue(h.String()) }

// String gives the progress of the check.
func (p ProximityCheck) String() string {
	return fmt.Sprintf("proximity check, %d bytes of challenge left%s", p.Left(), overWord(p.ended))
}

// Format implements fmt.Formatter for every verb as String.
func (p ProximityCheck) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue implements slog.LogValuer as String.
func (p ProximityCheck) LogValue() slog.Value { return slog.StringValue(p.String()) }

// String names the command.
func (x Sealed) String() string { return x.ins.String() }

// Format implements fmt.Formatter for every verb as String.
func (x Sealed) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, x.String()) }

// LogValue gives the command's name, the run's shape and the answer's length.
func (x Sealed) LogValue() slog.Value {
	sent := 0
	for _, c := range x.run {
		sent += len(c.APDU)
	}
	return slog.GroupValue(
		slog.String("command", x.ins.String()),
		slog.Int("apdus", len(x.run)),
		slog.Int("apdu_bytes", sent),
		slog.Int("answer_bytes", len(x.data)),
		slog.Bool("done", x.done))
}

// Format implements fmt.Formatter for every verb with the batch's progress.
func (b Batch) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "batch, %d of %d commands done", b.next, len(b.sealed))
}

func overWord(over bool) string {
	if over {
		return ", over"
	}
	return ""
}
