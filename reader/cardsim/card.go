package cardsim

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"

	"badgekms/reader"
)

// uidLength is the length of a DESFire UID (ISO/IEC 14443-3, double size).
const uidLength = 7

// Options describe a Card.
type Options struct {
	// Type is the product. Empty takes the type of an existing state; a new
	// card needs one.
	Type Type
	// UID is 7 bytes. Nil takes the UID of an existing state, or draws one
	// that starts with 04 (NXP).
	UID []byte
	// Memory is the size of a new card's NV memory in bytes, one that the
	// product is sold with; 0 takes its usual one (8192, EV2XL 16384).
	Memory int
	// State is the path of the file that stands for the card's EEPROM; it is
	// made at once if it does not exist. Empty keeps the card in memory. The
	// file holds the card's keys in the clear (mode 0600), and two processes
	// must not share it.
	State string
	// Rand is the source of nonces, transaction identifiers and random UIDs;
	// nil is crypto/rand. With an injected one all answers but Read_Sig are
	// reproducible. It must not run dry.
	Rand io.Reader
	// Log receives instruction codes, lengths and status words at debug level,
	// and failures to save the state; nil discards them.
	Log *slog.Logger
}

// uid is the UID of a new card.
func (o Options) uid() ([]byte, error) {
	if !o.Type.valid() {
		return nil, fmt.Errorf("a new card needs a type: %s, %s, %s or %s", EV1, EV2, EV2XL, EV3)
	}
	if o.UID != nil {
		return o.UID, nil
	}
	uid := make([]byte, uidLength)
	if _, err := io.ReadFull(o.Rand, uid); err != nil {
		return nil, fmt.Errorf("draw a UID: %w", err)
	}
	uid[0] = 0x04
	return uid, nil
}

// Card is one simulated card. Its methods may be called by several goroutines.
type Card struct {
	path string
	rand io.Reader
	log  *slog.Logger

	mu    sync.Mutex
	state *state // EEPROM
	dirty bool   // state differs from saved
	saved []byte // the state as last saved
	tear  tear
	// faults are how the card misbehaves.
	faults Faults
	cut    bool // power fails while the present command takes effect

	// What follows is RAM: Reset clears it.
	app     *application              // the selected application; state.PICC at card level
	session session                   // nil when not authenticated
	pending map[byte]*change          // files changed and not committed, by number
	reader  []byte                    // TMRI of CommitReaderID, nil before it
	tmi     []byte                    // what the transaction MAC covers so far
	next    func(data []byte) outcome // takes the next AF frame of an open chain
	ins     byte                      // the command being carried out
	delays  int                       // 91AD answers given since the last attempt
	shown   []byte                    // identifier of this activation
	atr     []byte                    // of this activation
}

// outcome is one native response: status and data field.
type outcome struct {
	data   []byte
	status status
}

// New makes a card, or wakes up the one in Options.State. A state file that
// cannot be used gives ErrState and is left as it is.
func New(o Options) (*Card, error) {
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.UID != nil && len(o.UID) != uidLength {
		return nil, fmt.Errorf("a DESFire UID has %d bytes, not %d", uidLength, len(o.UID))
	}
	s, err := openState(o)
	if err != nil {
		return nil, err
	}
	c := &Card{path: o.State, rand: o.Rand, log: o.Log, state: s}
	if err := c.save(); err != nil {
		return nil, err
	}
	c.powerOn()
	return c, nil
}

// UID is the card's true identifier, 7 bytes.
func (c *Card) UID() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.state.UID)
}

// Type is the product that the card claims to be.
func (c *Card) Type() Type {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.Type
}

// ATR is the answer to reset that a PC/SC reader reports for the card (PC/SC
// part 3 §3.1.3.2.3.1). It follows the ATS, which SetConfiguration can change.
func (c *Card) ATR() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.atr)
}

// Reset takes the card out of the field and puts it back: selection, session,
// open chain and uncommitted writes are lost.
func (c *Card) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.powerOn()
}

func (c *Card) powerOn() {
	c.enter(c.state.PICC)
	c.delays = 0
	c.atr, c.shown = ats(c.state.ATS).atr(), c.state.UID
	if c.state.Config&configRandomID != 0 {
		c.shown = append([]byte{0x08}, c.draw(make([]byte, randomIDLength-1))...)
	}
}

// enter selects a level, which ends session, transaction and chain.
func (c *Card) enter(a *application) {
	c.app = a
	c.abort()
}

// abort ends session, transaction and chain.
func (c *Card) abort() {
	c.session, c.next = nil, nil
	c.rollBack()
}

// fail ends what an error ends: transaction, chain, and the session, which only
// D40 keeps where permission is denied.
func (c *Card) fail(st status) {
	s, legacy := c.session.(*d40)
	c.abort()
	if legacy && st == statusDenied {
		c.session = s
	}
}

// draw fills b from the card's random generator.
func (c *Card) draw(b []byte) []byte {
	if _, err := io.ReadFull(c.rand, b); err != nil {
		panic("cardsim: the injected random source ran dry: " + err.Error())
	}
	return b
}

// Exchange sends one frame, wrapped, ISO or native, and returns the response
// as it leaves a contactless reader: the reader's own GET DATA (FF CA) is
// answered here and does not reach the card. The only errors are the
// context's, those of Faults.Delay and, after TearAt, reader.ErrRemoved.
func (c *Card) Exchange(ctx context.Context, apdu []byte) ([]byte, error) {
	if err := c.wait(ctx, apdu); err != nil {
		return nil, err
	}
	return c.exchange(ctx, apdu)
}

// exchange is Exchange without the delay of a slow card.
func (c *Card) exchange(ctx context.Context, apdu []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if isReaderCommand(apdu) {
		return c.readerAnswer(apdu), nil
	}
	return c.throughField(apdu)
}

// Transmit implements reader.Card: the card alone in the field of a reader.
func (c *Card) Transmit(ctx context.Context, run []reader.Command) ([]reader.Response, error) {
	return reader.Exchange(c.Exchange).Transmit(ctx, run)
}

// native runs one native command frame: INS and its data.
func (c *Card) native(ins byte, data []byte) outcome {
	out := c.frame(ins, data)
	if c.dirty {
		if err := c.save(); err != nil {
			c.log.Error("the card answers 91EE", "error", err)
			out = outcome{status: statusEEPROM}
		}
	}
	if out.status.isError() {
		c.fail(out.status)
		out.data = nil
	}
	c.log.Debug("command", "ins", hex.EncodeToString([]byte{ins}), "length", len(data),
		"answer", len(out.data), "sw", fmt.Sprintf("91%02X", byte(out.status)))
	return out
}

// frame continues the open chain or begins a command.
func (c *Card) frame(ins byte, data []byte) outcome {
	if forged, ok := c.faults.Status[ins]; ok {
		return outcome{status: status(forged)}
	}
	step := c.next
	c.next = nil
	switch {
	case ins == insMore && step == nil:
		return outcome{status: statusIllegalCommand}
	case ins == insMore:
		return step(data)
	case step != nil:
		return outcome{status: statusAborted}
	}
	return c.begin(ins, data)
}

// send answers the first frame and keeps the others for the reader's AF.
func (c *Card) send(frames [][]byte, last status) outcome {
	if len(frames) == 1 {
		return outcome{frames[0], last}
	}
	c.next = func(data []byte) outcome {
		if len(data) > 0 {
			return outcome{status: statusLength}
		}
		return c.send(frames[1:], last)
	}
	return outcome{frames[0], statusMore}
}

// inFrames cuts an answer: first as cuts says, then into pieces of at most n
// bytes. It is at least one frame.
func inFrames(data []byte, cuts []int, n int) [][]byte {
	var frames [][]byte
	for _, cut := range cuts {
		frames, data = append(frames, data[:cut]), data[cut:]
	}
	frames = slices.AppendSeq(frames, slices.Chunk(data, n))
	if len(frames) == 0 {
		return [][]byte{nil}
	}
	return frames
}
