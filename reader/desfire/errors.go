package desfire

import (
	"errors"
	"fmt"
)

// The errors of this package, to be tested with errors.Is. A refusal by the
// card is an *apdu.StatusError, which unwraps to its apdu.Status.
var (
	// ErrSessionOver: the session ended, by a failure, by a command that ends
	// it, or because its 16-bit command counter is used up. Authenticate again.
	ErrSessionOver = errors.New("the card session is over; authenticate again")
	// ErrIntegrity: the MAC or the padding of an answer is wrong, so the answer
	// was damaged, replayed or forged on its way.
	ErrIntegrity = errors.New("the answer fails its integrity check")
	// ErrIncomplete: there are fewer responses than the command needs; whether
	// the card carried the command out is unknown.
	ErrIncomplete = errors.New("the card's answer is missing or incomplete")
	// ErrAnswer: the answer is not one that DESFire gives to this command (its
	// length or its chaining is wrong).
	ErrAnswer = errors.New("unexpected answer of the card")
	// ErrCommand: the command cannot be sealed in this session; nothing was
	// sent and the session goes on.
	ErrCommand = errors.New("the command cannot be sent in this session")
	// ErrAuthentication: a handshake failed. It is wrapped by ErrKeyRefused and
	// ErrCardProof.
	ErrAuthentication = errors.New("authentication failed")
	// ErrKeyRefused: the card refused our proof of the key; the key on the card
	// is another one. The card counts this against the key.
	ErrKeyRefused = fmt.Errorf("%w: the card holds another key", ErrAuthentication)
	// ErrCardProof: the card did not prove that it holds the key.
	ErrCardProof = fmt.Errorf("%w: the card did not prove the key", ErrAuthentication)
)
