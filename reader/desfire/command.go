package desfire

import (
	"fmt"
	"io"
	"log/slog"

	"badgekms/reader/apdu"
)

// Mode is a communication mode (CommMode, NT4H2421Gx §8.2.3.5), with the
// values that FileOption and file settings use on the wire.
type Mode byte

// The communication modes.
const (
	// Plain sends command and answer without protection.
	Plain Mode = 0
	// MACed adds a MAC to both.
	MACed Mode = 1
	// Full enciphers the data of both and adds a MAC.
	Full Mode = 3
)

// String gives NXP's name of the mode.
func (m Mode) String() string {
	switch m {
	case Plain:
		return "CommMode.Plain"
	case MACed:
		return "CommMode.MAC"
	case Full:
		return "CommMode.Full"
	}
	return fmt.Sprintf("CommMode %d", byte(m))
}

// Command is a DESFire command before secure messaging. It says in which mode
// it travels; how that is done is the session's matter.
//
// A Command prints its name and its lengths, never its bytes.
type Command struct {
	// INS is the native command code.
	INS apdu.INS
	// Header is sent in clear in every mode; the MAC covers it.
	Header []byte
	// Data follows the header and is enciphered in Full mode.
	Data []byte
	// Mode is the mode of the command and of its answer.
	Mode Mode
	// Frames is how many frames the answer has. 0 is an answer of any length:
	// the first frame usually is the last, and Sealed.Commands asks for more.
	Frames int
	// Success is the status of a successful answer; 0 means 9100.
	Success apdu.Status
	// EndsSession marks a command whose successful answer is bare (no MAC in
	// any mode) and after which the session is over.
	EndsSession bool
	// AnswerLen is how many bytes of data the answer has, 0 when that is not
	// known. Sessions of EV1 and D40 find the end of enciphered data by it;
	// without it they search for the CRC, and refuse data padded with zeros
	// whose end is ambiguous.
	AnswerLen int

	change *keyChange
	// marked: EV1 and D40 pad the enciphered data with 80 00.. instead of 00..
	marked bool
	// twoStep: Header and Data travel in frames of their own.
	twoStep bool
	// listing: every frame of the answer is an entry of its own, and the
	// command is sent without a session only.
	listing bool
}

// reads tells whether the answer is what Full mode enciphers: commands that
// carry no data themselves.
func (c Command) reads() bool { return c.Mode == Full && !c.secret() }

// allowed refuses a command that no session may carry.
func (c Command) allowed() error {
	if c.listing {
		return fmt.Errorf("%s: %w: inside a session it made a card disable itself; send it without one", c.INS, ErrCommand)
	}
	return nil
}

func (c Command) success() apdu.Status {
	if c.Success == 0 {
		return apdu.StatusOK
	}
	return c.Success
}

// secret tells whether the command carries bytes that may not travel in clear.
func (c Command) secret() bool {
	return c.change != nil || c.Mode == Full && len(c.Data) > 0
}

// String names the command.
func (c Command) String() string { return c.INS.String() }

// Format implements fmt.Formatter for every verb, so that no verb prints data.
func (c Command) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.INS.String()) }

// LogValue gives name, mode and lengths.
func (c Command) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("command", c.INS.String()),
		slog.String("mode", c.Mode.String()),
		slog.Int("header_bytes", len(c.Header)),
		slog.Int("data_bytes", len(c.Data)))
}
