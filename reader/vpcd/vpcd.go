// Package vpcd plugs a card into the virtual reader of a PC/SC service: the
// vpcd driver of the Virtual Smart Card project (vsmartcard), which pcscd loads
// and which listens on TCP for one card per slot.
//
// The protocol is the driver's own: each message is a length of 2 bytes, most
// significant first, and that many bytes. A message of one byte from the driver
// is a control code: 00 power off, 01 power on, 02 reset, 04 asks for the ATR;
// only the last one is answered. Every other message is a command for the card,
// and its answer goes back the same way. Opening the connection puts the card
// into the field, closing it takes it away.
package vpcd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"badgekms/reader"
)

// DefaultAddr is where pcscd's vpcd driver listens unless it is configured
// otherwise; its further slots have the ports that follow.
const DefaultAddr = "127.0.0.1:35963"

// ErrUnplugged: the PC/SC service closed the virtual reader, or broke the
// protocol.
var ErrUnplugged = errors.New("the virtual reader is gone")

// The driver's control codes.
const (
	powerOff byte = 0x00
	powerOn  byte = 0x01
	reset    byte = 0x02
	getATR   byte = 0x04
)

// maxMessage is the most bytes that a message can have.
const maxMessage = 0xFFFF

// Card is what Plug needs of a card.
type Card interface {
	// ATR is the answer to reset, 2 to 33 bytes.
	ATR() []byte
	// Exchange answers one command; an error takes the card out of the field.
	Exchange(ctx context.Context, apdu []byte) ([]byte, error)
	// Reset is loss of power.
	Reset()
}

// Plugged is a card in a virtual reader.
type Plugged struct {
	conn net.Conn
	done chan struct{}
	err  error // valid once done is closed
}

// Plug connects a card to the vpcd driver at addr ("host:port") and serves it
// until ctx ends, which takes the card out of the field. It fails with
// reader.ErrUnavailable if no driver listens there.
func Plug(ctx context.Context, addr string, card Card) (*Plugged, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w: no vpcd reader at %s: start pcscd with vsmartcard-vpcd installed: %v", reader.ErrUnavailable, addr, err)
	}
	p := &Plugged{conn: conn, done: make(chan struct{})}
	go p.run(ctx, card)
	return p, nil
}

// Wait returns when the card is out of the field and nothing of Plug runs any
// more: the context's error after its end, the card's error if it left by
// itself, and ErrUnplugged if the other side ended it.
func (p *Plugged) Wait() error {
	<-p.done
	return p.err
}

func (p *Plugged) run(ctx context.Context, card Card) {
	defer close(p.done)
	stop := context.AfterFunc(ctx, func() { p.conn.Close() })
	defer stop()
	defer p.conn.Close()
	defer card.Reset()
	err := serve(ctx, p.conn, card)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	p.err = err
}

// serve answers messages until one cannot be read, answered or written.
func serve(ctx context.Context, conn net.Conn, card Card) error {
	for {
		msg, err := receive(conn)
		if err != nil {
			return fmt.Errorf("%w: %v", ErrUnplugged, err)
		}
		answer, reply, err := dispatch(ctx, card, msg)
		if err != nil {
			return err
		}
		if !reply {
			continue
		}
		if err := send(conn, answer); err != nil {
			return fmt.Errorf("%w: %v", ErrUnplugged, err)
		}
	}
}

// dispatch tells the answer to a message, and whether there is one.
func dispatch(ctx context.Context, card Card, msg []byte) (answer []byte, reply bool, err error) {
	if len(msg) == 1 {
		switch msg[0] {
		case powerOff, powerOn, reset:
			card.Reset()
			return nil, false, nil
		case getATR:
			return card.ATR(), true, nil
		}
	}
	answer, err = card.Exchange(ctx, msg)
	return answer, true, err
}

// receive reads one message. The driver sends length and body apart, so the
// acknowledgement of the first must not be delayed: that would cost about
// 40 ms per message. The kernel forgets quick acknowledgement as it goes, so it
// is asked for after every read.
func receive(conn net.Conn) ([]byte, error) {
	quickAck(conn)
	var head [2]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	quickAck(conn)
	msg := make([]byte, binary.BigEndian.Uint16(head[:]))
	if _, err := io.ReadFull(conn, msg); err != nil {
		return nil, err
	}
	quickAck(conn)
	return msg, nil
}

func send(conn net.Conn, msg []byte) error {
	if len(msg) > maxMessage {
		return fmt.Errorf("an answer of %d bytes is too long", len(msg))
	}
	out := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(msg)), uint16(len(msg)))
	_, err := conn.Write(append(out, msg...))
	return err
}
