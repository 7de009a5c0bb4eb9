package reader

import "errors"

// The errors of a Card and of the readers behind it, to be tested with
// errors.Is. Implementations wrap them with the reader's name and the cause.
var (
	// ErrRemoved: the card left the field, or was reset by someone else.
	ErrRemoved = errors.New("the card left the reader")
	// ErrReader: the reader failed or was unplugged.
	ErrReader = errors.New("the reader failed or was unplugged")
	// ErrNoReader: no reader of that name is attached.
	ErrNoReader = errors.New("no such reader")
	// ErrNoCard: the reader's field is empty.
	ErrNoCard = errors.New("no card on the reader")
	// ErrBusy: another program holds the card exclusively.
	ErrBusy = errors.New("another program holds the card")
	// ErrUnavailable: the PC/SC service cannot be reached, or this program was
	// built without PC/SC.
	ErrUnavailable = errors.New("the PC/SC service is not available")
	// ErrMalformed: what came back is not a response APDU.
	ErrMalformed = errors.New("malformed response APDU")
)
