package desfire

import (
	"fmt"

	"badgekms/reader"
	"badgekms/reader/apdu"
)

// Session seals commands: it applies the secure messaging that was agreed with
// the card. Commands may be sealed ahead and sent in one run; they are opened
// in the order in which they were sealed. An EV1 session can seal one command
// ahead only, because its chaining needs the card's answer.
type Session interface {
	// Seal makes the APDUs of c. The errors are ErrSessionOver and ErrCommand.
	Seal(c Command) (*Sealed, error)
}

const (
	// continuation is how many frames of an answer are asked for in one run.
	continuation = 16
	// maxAnswer is longer than any answer: the largest DESFire card has 32 KiB.
	maxAnswer = 64 << 10
	// frameRoom is enough for a frame of an answer: 59 bytes on every card.
	frameRoom = 64
	// maxFrames keeps a card that answers empty frames from being asked for
	// ever: 32 KiB in the frames of 48 bytes of EV1 are 683.
	maxFrames = 1024
)

// opener is the end of the protocol that can judge an answer: a session or a
// handshake.
type opener interface {
	// over tells whether the session is over.
	over() bool
	// open verifies and deciphers the joined data of an answer, in place.
	open(x *Sealed, answer []byte, status apdu.Status) ([]byte, error)
	// refused says what a card's refusal means at this point.
	refused(x *Sealed, err *apdu.StatusError) error
	// end marks the session as over.
	end()
}

// Sealed is a command that is ready to be sent, and later its answer. It
// prints its name and its state, never its bytes.
type Sealed struct {
	ins     apdu.INS
	mode    Mode
	counter uint16 // CmdCtr of the command (EV2)
	ends    bool
	success apdu.Status
	frames  int // frames of the answer, 0 for any number
	by      opener

	reads     bool // the answer is enciphered (EV1, D40)
	answerLen int  // bytes of its data, 0 when not known
	listing   bool // remember where frames of the answer begin
	cut       int  // where the command's second frame begins, 0 for anywhere

	run    []reader.Command // what is to be sent now
	unsent int              // how many frames of run only carry the command
	seen   int              // frames of the answer so far
	starts []int            // where they begin in answer, for a listing
	answer []byte           // their data, joined
	data   []byte           // what the session made of it
	done   bool
	single [1]reader.Command // backs run for a command of one frame
	room   [frameRoom]byte   // backs answer while it has one frame
}

// INS is the command's code.
func (x *Sealed) INS() apdu.INS { return x.ins }

// Done tells whether the complete answer was opened and found good.
func (x *Sealed) Done() bool { return x.done }

// Data is the answer's data once it is Done, and nil before: verified and
// deciphered according to the command's mode.
func (x *Sealed) Data() []byte { return x.data }

// entries cuts the answer at the frames it came in.
func (x *Sealed) entries() [][]byte {
	all := make([][]byte, 0, len(x.starts))
	for i, start := range x.starts {
		end := len(x.data)
		if i+1 < len(x.starts) {
			end = x.starts[i+1]
		}
		all = append(all, x.data[start:end])
	}
	return all
}

// Commands is the run to send now: the command itself, and after an Open that
// left the answer incomplete a run of AF frames that asks for the rest (it
// stops by itself at the last frame). It is empty once the command is Done.
func (x *Sealed) Commands() []reader.Command { return x.run }

// Open takes the responses to Commands from the front of rs and tells how many
// it used. Either x is Done then, or the card has more to say and Commands
// gives the next run. An error ends the session; it is an *apdu.StatusError,
// or wraps one of this package's errors.
func (x *Sealed) Open(rs []reader.Response) (used int, err error) {
	if x.by == nil || x.done {
		return 0, fmt.Errorf("%s: %w: there is no answer to open", x.ins, ErrCommand)
	}
	if x.by.over() {
		x.run = nil
		return 0, fmt.Errorf("%s: %w", x.ins, ErrSessionOver)
	}
	if len(x.run) == 0 {
		return 0, fmt.Errorf("%s: %w: it failed before", x.ins, ErrCommand)
	}
	used, err = x.take(rs)
	if err != nil {
		x.run, x.answer = nil, nil
		x.by.end()
	}
	return used, err
}

// take joins the frames of the answer, and finishes at the last.
func (x *Sealed) take(rs []reader.Response) (used int, err error) {
	for used < len(x.run) {
		if used == len(rs) {
			return used, fmt.Errorf("%s: %w: %d of %d responses", x.ins, ErrIncomplete, used, len(x.run))
		}
		r := rs[used]
		used++
		last, err := x.frame(r)
		if err != nil {
			return used, err
		}
		if last {
			return used, x.finish(apdu.Status(r.SW))
		}
	}
	x.run = apdu.Continue(nil, continuation)
	return used, nil
}

// frame takes one response and tells whether it is the last of the answer.
func (x *Sealed) frame(r reader.Response) (last bool, err error) {
	status := apdu.Status(r.SW)
	if x.unsent > 0 {
		x.unsent--
		return false, x.accepted(r)
	}
	last = status == x.success || status == apdu.StatusOK && x.success == apdu.StatusSignatureOK
	if !last && status != apdu.StatusAdditionalFrame {
		return false, x.by.refused(x, &apdu.StatusError{INS: x.ins, SW: r.SW})
	}
	x.seen++
	if x.frames > 0 && last != (x.seen == x.frames) {
		return false, fmt.Errorf("%s: %w: frame %d of %d has status %s", x.ins, ErrAnswer, x.seen, x.frames, r.SW)
	}
	if len(x.answer)+len(r.Data) > maxAnswer || x.seen > maxFrames {
		return false, fmt.Errorf("%s: %w: it does not end after %d bytes in %d frames", x.ins, ErrAnswer, len(x.answer), x.seen)
	}
	if x.answer == nil {
		x.answer = x.room[:0]
	}
	if x.listing {
		x.starts = append(x.starts, len(x.answer))
	}
	x.answer = append(x.answer, r.Data...)
	return last, nil
}

// accepted judges the answer to a frame after which the command goes on: AF
// and nothing else.
func (x *Sealed) accepted(r reader.Response) error {
	switch {
	case apdu.Status(r.SW) == apdu.StatusOK, apdu.Status(r.SW) == apdu.StatusAdditionalFrame && len(r.Data) > 0:
		return fmt.Errorf("%s: %w: the card answered before the whole command was sent", x.ins, ErrAnswer)
	case apdu.Status(r.SW) != apdu.StatusAdditionalFrame:
		return x.by.refused(x, &apdu.StatusError{INS: x.ins, SW: r.SW})
	}
	return nil
}

func (x *Sealed) finish(status apdu.Status) error {
	data, err := x.by.open(x, x.answer, status)
	if err != nil {
		return fmt.Errorf("%s: %w", x.ins, err)
	}
	x.run, x.answer, x.data, x.done = nil, nil, data, true
	if x.ends {
		x.by.end()
	}
	return nil
}

// frameCommand sets the run that carries data, the whole of the sealed
// command after INS.
func (x *Sealed) frameCommand(data []byte) error { return x.frameAs(x.ins, data) }

// frameAs is frameCommand for a command that travels under another code.
func (x *Sealed) frameAs(ins apdu.INS, data []byte) error {
	run, err := x.single[:0], error(nil)
	if x.cut > 0 {
		run, err = apdu.Frames(run, ins, data[:x.cut], apdu.StatusAdditionalFrame)
		ins, data = apdu.INSAdditionalFrame, data[x.cut:]
	}
	if err == nil {
		run, err = apdu.Frames(run, ins, data, apdu.StatusOK)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCommand, err)
	}
	x.unsent = len(run) - 1
	x.run = x.expectAnswer(run)
	return nil
}

// expectAnswer sets what the answer's frames end with, and adds the AF frames
// of an answer whose number of frames is known.
func (x *Sealed) expectAnswer(run []reader.Command) []reader.Command {
	if x.frames > 1 {
		run[len(run)-1].Expect = reader.SW(apdu.StatusAdditionalFrame)
		run = apdu.Continue(run, x.frames-1)
	}
	run[len(run)-1].Expect = reader.SW(x.success)
	return run
}
