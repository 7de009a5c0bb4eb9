package cardsim

// mode is how a command travels in a session (NT4H2421Gx §9, CommMode).
type mode byte

const (
	modePlain mode = iota
	modeMAC
	modeFull
	// modeKey is ChangeKey's: enciphered, with checks of its own inside.
	modeKey
)

// message is a command on its way through secure messaging.
type message struct {
	ins    byte
	mode   mode
	header int // leading bytes of the parameters that stay clear in modeFull and modeKey
	// ev1MAC: the command's MAC travels under EV1 too, in modeMAC.
	ev1MAC bool
	// length is how many enciphered bytes are data, where the header says so; -1 elsewhere.
	length int
}

// session is an authenticated session. Its methods advance IVs and counters;
// after any error the session is discarded.
type session interface {
	// key is the number of the authenticated key.
	key() byte
	// open verifies and deciphers parameters as they came.
	open(m message, wire []byte) ([]byte, status)
	// seal protects an answer.
	seal(m message, r reply) []byte
	// wireLength is the length that header and data bytes have on the wire.
	wireLength(m message, data int) int
	// frame is the most bytes of an answer of that mode in one native frame.
	frame(m message) int
	// newKey reads ChangeKey's plaintext. old is the key to combine with, nil
	// if the session's own key changes.
	newKey(m message, number byte, plain []byte, t keyType, old *key) (*key, status)
}

// frameData is the most data bytes beside INS or status that one native frame
// carries either way, with ISO/IEC 14443-4 frames of 64 bytes. Libraries that
// send 54 at most stay below it; recorded EV1 cards took 59.
const frameData = 59
