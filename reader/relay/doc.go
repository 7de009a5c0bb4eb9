// Package relay carries a card conversation over one gRPC stream of
// badgekms.v1.ConversationService: a reader.Card at each end.
//
// At the side of the reader, Caller and Converse carry bytes: the KMS sends
// runs of command APDUs (ISO/IEC 7816-4), the card in the field answers them,
// and the raw responses go back. At the side of the KMS, Remote makes the card
// at the far end look like a local one, so a procedure cannot tell.
//
// Neither end trusts the other. Remote applies the stop rule of reader.Card
// itself to what comes back, so a relay that ignores the rule changes no
// outcome; Converse refuses runs that are too large or out of order. Only INS
// bytes, lengths and status words are logged, never the body of an APDU: key
// bytes travel in them.
package relay

import "time"

// The rules of relay version 1, which both ends hold to.
const (
	// Version is sent in Open.relay_version.
	Version = 1
	// MaxCommands is the largest number of commands in one run, and of
	// responses in one message.
	MaxCommands = 32
	// MaxBytes is the largest sum of the lengths of the APDUs of one message.
	MaxBytes = 16 * 1024
	// Silence is how long the KMS waits for the caller's next message.
	Silence = 2 * time.Second
)
