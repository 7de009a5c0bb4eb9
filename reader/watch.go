package reader

import (
	"context"
	"errors"
	"fmt"
)

// EventKind tells what an Event reports.
type EventKind int

// The kinds of Event.
const (
	ReaderAttached EventKind = iota + 1
	ReaderDetached
	CardInserted
	CardRemoved
)

// String gives the kind in words, for logs.
func (k EventKind) String() string {
	switch k {
	case ReaderAttached:
		return "reader attached"
	case ReaderDetached:
		return "reader detached"
	case CardInserted:
		return "card inserted"
	case CardRemoved:
		return "card removed"
	}
	return fmt.Sprintf("event %d", int(k))
}

// Event is a change at a reader. ATR is set for CardInserted only.
type Event struct {
	Kind   EventKind
	Reader string
	ATR    []byte
}

// Watcher reports what happens at the attached readers.
type Watcher interface {
	// Watch first reports the readers attached and the cards present, then
	// every change, in order, until ctx ends; it then returns ctx's error.
	// A card swapped between two looks is reported as removed and inserted.
	// A PC/SC service that stops is waited for: its readers are reported as
	// detached. handle runs on Watch's goroutine and must not block for long.
	Watch(ctx context.Context, handle func(Event)) error
}

// Sharing says who else may talk to the card while it is connected.
type Sharing int

// The modes of sharing. Enrolment takes the card exclusively, so that no probe
// of another program can break a session open on it; a terminal shares.
const (
	Shared Sharing = iota
	Exclusive
)

// Connection is a Card that is held until it is closed. Close is safe to call
// more than once and releases the reader's handle on every path.
type Connection interface {
	Card
	// ATR is the answer to reset as the reader reports it (PC/SC part 3).
	ATR() []byte
	Close() error
}

// Connector connects to the card that is in a reader's field.
type Connector interface {
	// Connect fails with ErrNoReader, ErrNoCard, ErrBusy, ErrReader or
	// ErrUnavailable, and then holds nothing.
	Connect(ctx context.Context, readerName string, sharing Sharing) (Connection, error)
}

// Readers is a set of readers that can be watched and connected to.
type Readers interface {
	Watcher
	Connector
}

// getUID is the GET DATA pseudo-APDU that a contactless reader answers itself
// with the identifier of the card in its field (PC/SC part 3 §3.2.2.1.3). It
// is not sent to the card.
var getUID = []byte{0xFF, 0xCA, 0x00, 0x00, 0x00}

// UID asks the reader for the identifier of the card in its field: 4, 7 or 10
// bytes of ISO/IEC 14443-3. It is a claim of the card, never a proof, and a
// card with random identifiers gives 4 other bytes each time.
func UID(ctx context.Context, c Card) ([]byte, error) {
	rs, err := c.Transmit(ctx, []Command{{APDU: getUID, Expect: SWSuccess}})
	if err != nil {
		return nil, fmt.Errorf("read the UID: %w", err)
	}
	if len(rs) != 1 || rs[0].SW != SWSuccess {
		return nil, fmt.Errorf("read the UID: %w: the reader does not answer GET DATA (FF CA)", ErrReader)
	}
	switch len(rs[0].Data) {
	case 4, 7, 10:
		return rs[0].Data, nil
	}
	return nil, fmt.Errorf("read the UID: %w: %d bytes", ErrMalformed, len(rs[0].Data))
}

// IsLoss tells whether err means that the card or its reader went away, so
// that presenting the card again is the cure.
func IsLoss(err error) bool {
	return errors.Is(err, ErrRemoved) || errors.Is(err, ErrReader) || errors.Is(err, ErrNoCard)
}
