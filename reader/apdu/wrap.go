// Package apdu frames native DESFire commands as ISO/IEC 7816-4 command APDUs,
// cuts and joins their additional frames (AF), and turns status words into
// errors that say what happened and what to do.
//
// A wrapped command is
//
//	90 INS 00 00 [Lc data] 00
//
// in the short form only, and its answer is data ‖ 91 ‖ status (NXP
// NT4H2421Gx §8.4 and §10.2). The ISO header and Lc never enter secure
// messaging.
package apdu

import (
	"errors"
	"fmt"

	"badgekms/reader"
)

const (
	cla = 0x90
	// header is CLA INS P1 P2; a wrapped command ends with Le = 00.
	headerLen = 4

	// MaxData is the most data that one wrapped command can carry: Lc is one
	// byte.
	MaxData = 255
	// MaxFrame is the most data that one frame of an AF chain carries to the
	// card: a native frame has at most 55 bytes, one of them INS
	// (desfire-facts §1).
	MaxFrame = 54
)

// ErrTooLong is wrapped by the error for data that no frame can carry.
var ErrTooLong = errors.New("too much data for a command APDU")

// Len is the length in bytes of a wrapped command with n bytes of data.
func Len(n int) int {
	if n == 0 {
		return headerLen + 1
	}
	return headerLen + 1 + n + 1
}

// Append appends one wrapped command, 90 INS 00 00 [Lc data] 00, to dst. data
// longer than MaxData is an error of the program and panics: use Frames.
func Append(dst []byte, ins INS, data []byte) []byte {
	if len(data) > MaxData {
		panic(fmt.Sprintf("apdu: internal error: %d bytes of data in one frame of %s", len(data), ins))
	}
	dst = append(dst, cla, byte(ins), 0, 0)
	if len(data) > 0 {
		dst = append(dst, byte(len(data)))
		dst = append(dst, data...)
	}
	return append(dst, 0)
}

// Frames appends to run the frames that carry one command to the card. The
// last one expects the status last; the ones before it expect AF, which is how
// a card asks for the rest. A command that travels under ISO chaining
// (INS.ISOChained) is one frame of at most MaxData bytes; more gives
// ErrTooLong.
func Frames(run []reader.Command, ins INS, data []byte, last Status) ([]reader.Command, error) {
	limit := MaxFrame
	if ins.ISOChained() {
		limit = MaxData
		if len(data) > limit {
			return run, fmt.Errorf("%s: %w: %d bytes, at most %d; write in smaller pieces", ins, ErrTooLong, len(data), limit)
		}
	}
	frames := max(1, (len(data)+limit-1)/limit)
	buffer := make([]byte, 0, frames*Len(0)+frames+len(data))
	for {
		part := data[:min(len(data), limit)]
		data = data[len(part):]
		start := len(buffer)
		buffer = Append(buffer, ins, part)
		expect := last
		if len(data) > 0 {
			expect = StatusAdditionalFrame
		}
		run = append(run, reader.Command{APDU: buffer[start:len(buffer):len(buffer)], Expect: reader.SW(expect)})
		if len(data) == 0 {
			return run, nil
		}
		ins = INSAdditionalFrame
	}
}

// additionalFrame asks for the next frame of an answer.
var additionalFrame = Append(nil, INSAdditionalFrame, nil)

// Continue appends n commands that each ask for the next frame of an answer,
// 90 AF 00 00 00. All expect AF, so that the run stops by itself at the frame
// that ends the answer.
func Continue(run []reader.Command, n int) []reader.Command {
	for range n {
		run = append(run, reader.Command{APDU: additionalFrame, Expect: reader.SW(StatusAdditionalFrame)})
	}
	return run
}
