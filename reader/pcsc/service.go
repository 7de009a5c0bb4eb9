package pcsc

import "time"

// The interfaces below are the calls of the winscard API that this package
// makes, and no others. systemService implements them with scard; the tests
// with a fake. Errors are of type code, except that a build without PC/SC
// gives errNotBuilt.

// service opens contexts.
type service interface {
	establish() (session, error) // SCardEstablishContext
}

// session is one context. Only cancel may be called while another call runs.
type session interface {
	readers() ([]string, error) // SCardListReaders
	// statusChange updates the flags and ATR of every state, or fails with
	// codeTimeout when nothing changed in time (SCardGetStatusChange).
	statusChange(states []readerState, timeout time.Duration) error
	cancel() error // SCardCancel
	connect(reader string, mode shareMode, p protocol) (handle, error)
	release() error // SCardReleaseContext
}

// handle is one connected card.
type handle interface {
	protocol() protocol             // the one negotiated, 0 if none
	atr() ([]byte, error)           // SCardStatus; fails if the card is gone
	begin() error                   // SCardBeginTransaction
	end() error                     // SCardEndTransaction, SCARD_LEAVE_CARD
	disconnect(d disposition) error // SCardDisconnect
	transmit(apdu []byte) ([]byte, error)
}

// shareMode is dwShareMode of SCardConnect.
type shareMode uint32

const (
	shareExclusive shareMode = 1
	shareShared    shareMode = 2
)

// disposition is dwDisposition of SCardDisconnect.
type disposition uint32

const (
	leaveCard disposition = 0
	resetCard disposition = 1
)

// protocol is a set of ISO/IEC 7816-3 transmission protocols.
type protocol uint32

const (
	protocolT0 protocol = 1
	protocolT1 protocol = 2
)

// readerState is SCARD_READERSTATE with one field for the state: the caller's
// view goes in, the service's comes out.
type readerState struct {
	reader string
	flags  stateFlags
	atr    []byte
}

// stateFlags is dwEventState: flags in the low word, and in the high word the
// number of insertions and removals that the service saw at the reader, modulo
// 65536 (SCardGetStatusChange of PCSC-Lite and of Windows).
type stateFlags uint32

const (
	stateUnaware     stateFlags = 0
	stateChanged     stateFlags = 0x0002
	stateUnknown     stateFlags = 0x0004
	stateUnavailable stateFlags = 0x0008
	statePresent     stateFlags = 0x0020
)

func (f stateFlags) present() bool     { return f&statePresent != 0 }
func (f stateFlags) gone() bool        { return f&(stateUnknown|stateUnavailable) != 0 }
func (f stateFlags) movements() uint16 { return uint16(f >> 16) }

// notification is the reader that stands for changes of the list of readers.
const notification = `\\?PnP?\Notification`

// maxStates is the number of states that one SCardGetStatusChange of
// PCSC-Lite takes, the notification included (PCSCLITE_MAX_READERS_CONTEXTS);
// one more gives SCARD_E_INVALID_PARAMETER.
const maxStates = 16
