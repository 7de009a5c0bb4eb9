package apdu

import (
	"errors"
	"fmt"
	"log/slog"
)

// ErrMalformed is wrapped by the error for bytes that are no command APDU of
// the short form (ISO/IEC 7816-4 §5.1).
var ErrMalformed = errors.New("malformed command APDU")

// Command is a parsed command APDU of the short form. It prints its header and
// its length, never its data.
type Command struct {
	CLA, INS, P1, P2 byte
	Data             []byte
	// HasLe tells whether an Le byte ends the command; Le 0 asks for all.
	HasLe bool
	Le    byte
}

// Parse reads CLA INS P1 P2 [Lc data] [Le]. Data shares memory with raw.
func Parse(raw []byte) (Command, error) {
	if len(raw) < headerLen {
		return Command{}, fmt.Errorf("%w: %d bytes, want at least 4", ErrMalformed, len(raw))
	}
	c := Command{CLA: raw[0], INS: raw[1], P1: raw[2], P2: raw[3]}
	body := raw[headerLen:]
	switch n := len(body); {
	case n == 0:
		return c, nil
	case n == 1:
		c.HasLe, c.Le = true, body[0]
		return c, nil
	case body[0] == 0:
		return Command{}, fmt.Errorf("%w: Lc is 0 (the extended form is not used with DESFire)", ErrMalformed)
	case n == 1+int(body[0]):
		c.Data = body[1:]
		return c, nil
	case n == 2+int(body[0]):
		c.Data, c.HasLe, c.Le = body[1:n-1], true, body[n-1]
		return c, nil
	}
	return Command{}, fmt.Errorf("%w: Lc is %d and %d bytes follow", ErrMalformed, body[0], len(body)-1)
}

// Bytes is the inverse of Parse. Data longer than MaxData has no short form
// and gives ErrTooLong.
func (c Command) Bytes() ([]byte, error) {
	if len(c.Data) > MaxData {
		return nil, fmt.Errorf("%s: %w: %d bytes", c, ErrTooLong, len(c.Data))
	}
	b := []byte{c.CLA, c.INS, c.P1, c.P2}
	if len(c.Data) > 0 {
		b = append(append(b, byte(len(c.Data))), c.Data...)
	}
	if c.HasLe {
		b = append(b, c.Le)
	}
	return b, nil
}

// Native tells whether the command is a wrapped native one, and which.
func (c Command) Native() (INS, bool) {
	return INS(c.INS), c.CLA == cla && c.P1 == 0 && c.P2 == 0
}

// String gives the command's name, or the header of an ISO command, and the
// number of data bytes.
func (c Command) String() string {
	name := fmt.Sprintf("ISO command %02X %02X %02X %02X", c.CLA, c.INS, c.P1, c.P2)
	if ins, ok := c.Native(); ok {
		name = ins.String()
	}
	return fmt.Sprintf("%s (%d bytes)", name, len(c.Data))
}

// Format implements fmt.Formatter for every verb as String.
func (c Command) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue gives the command's name and the number of data bytes.
func (c Command) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Describe says in words what a command APDU is, for logs: name and length,
// never its data.
func Describe(raw []byte) string {
	c, err := Parse(raw)
	if err != nil {
		return fmt.Sprintf("malformed command (%d bytes)", len(raw))
	}
	return c.String()
}
