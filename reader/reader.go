// Package reader is the seam between card procedures and whatever carries
// their bytes: command and response APDUs of ISO/IEC 7816-4, exchanged with a
// contactless card in a PC/SC reader.
//
// Card is the only way anything in BadgeKMS talks to a card. A PC/SC reader
// (reader/pcsc), a simulated card (reader/cardsim) and the server end of a
// gRPC conversation (reader/relay) implement it alike, so a procedure cannot
// tell a card on the desk from a card a hundred kilometres away.
package reader

import (
	"context"
	"encoding/binary"
	"fmt"
)

// SW is a status word, SW1 in the high byte (ISO/IEC 7816-4 §5.6).
type SW uint16

// SWSuccess is the ISO "normal processing" status word. DESFire's native
// commands answer 9100 instead.
const SWSuccess SW = 0x9000

// String prints the four hexadecimal digits, such as "91AE".
func (s SW) String() string { return fmt.Sprintf("%04X", uint16(s)) }

// Command is one command APDU and the one status word that lets the run it
// belongs to go on.
type Command struct {
	APDU   []byte
	Expect SW
}

// Response is one response APDU, its data field apart from its status word.
type Response struct {
	Data []byte
	SW   SW
}

// ParseResponse splits a raw response APDU (data ‖ SW1 ‖ SW2). Fewer than two
// bytes give ErrMalformed. The result does not share memory with raw.
func ParseResponse(raw []byte) (Response, error) {
	n := len(raw) - 2
	if n < 0 {
		return Response{}, fmt.Errorf("%w: %d bytes where at least a status word is needed", ErrMalformed, len(raw))
	}
	return Response{
		Data: append([]byte(nil), raw[:n]...),
		SW:   SW(binary.BigEndian.Uint16(raw[n:])),
	}, nil
}

// Bytes is the inverse of ParseResponse.
func (r Response) Bytes() []byte {
	return binary.BigEndian.AppendUint16(append(make([]byte, 0, len(r.Data)+2), r.Data...), uint16(r.SW))
}

// Card carries runs of commands to one card in one reader field.
//
// A run is sent in order. It stops at the first response whose status word is
// not the expected one; that response is the last one returned, and this is
// not an error of Transmit: the caller compares. An error means that a command
// could not be carried out at all (ErrRemoved, ErrReader, ErrMalformed, or the
// context's); the responses that came before it are returned with it.
//
// The state of the card after an error is unknown: the command may or may not
// have taken effect.
type Card interface {
	Transmit(ctx context.Context, run []Command) ([]Response, error)
}

// Exchange sends one command APDU and returns the raw response APDU.
type Exchange func(ctx context.Context, apdu []byte) ([]byte, error)

// Transmit applies the stop rule of Card.Transmit to an Exchange, so that no
// implementation of Card writes the rule again.
func (x Exchange) Transmit(ctx context.Context, run []Command) ([]Response, error) {
	responses := make([]Response, 0, len(run))
	for _, c := range run {
		if err := ctx.Err(); err != nil {
			return responses, err
		}
		raw, err := x(ctx, c.APDU)
		if err != nil {
			return responses, err
		}
		r, err := ParseResponse(raw)
		if err != nil {
			return responses, err
		}
		responses = append(responses, r)
		if r.SW != c.Expect {
			break
		}
	}
	return responses, nil
}
