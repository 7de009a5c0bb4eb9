//go:build linux && cgo

package pcsc

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// INS bytes that make the vpcdCard misbehave; any other is echoed with 9100.
const (
	insYank  = 0xD0 // leaves the field instead of answering
	insShort = 0xD1 // answers one byte
)

// vpcdCard is a card of a few lines that speaks the protocol of vpcd: each
// message is a length (2 bytes, big endian) and a body, and a body of one byte
// is a control (vpcd.h: 00 off, 01 on, 02 reset, 04 tell the ATR).
type vpcdCard struct {
	conn *net.TCPConn
	uid  []byte
	done chan struct{}

	mu     sync.Mutex
	resets int
}

// dial puts a card on the reader that listens on address.
func dial(address string, uid []byte) (*vpcdCard, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := &vpcdCard{conn: conn.(*net.TCPConn), uid: uid, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		defer conn.Close()
		c.serve()
	}()
	return c, nil
}

// remove takes the card away. It may be called more than once.
func (c *vpcdCard) remove() {
	_ = c.conn.Close()
	<-c.done
}

// serve answers until the connection ends.
func (c *vpcdCard) serve() {
	for {
		message, err := c.receive()
		if err != nil {
			return
		}
		answer, more := c.react(message)
		if !more {
			return
		}
		if answer == nil {
			continue
		}
		frame := append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)
		if _, err := c.conn.Write(frame); err != nil {
			return
		}
	}
}

func (c *vpcdCard) receive() ([]byte, error) {
	var length [2]byte
	if err := c.read(length[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint16(length[:]))
	return body, c.read(body)
}

// read acknowledges at once: the kernel would wait 40 ms for an answer to send
// the acknowledgement with, and Nagle's algorithm holds vpcd's next packet
// until then. The option lasts for one receive.
func (c *vpcdCard) read(b []byte) error {
	_, err := io.ReadFull(c.conn, b)
	if raw, e := c.conn.SyscallConn(); e == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
		})
	}
	return err
}

// react gives the answer to a message, nil for none, and whether the card
// stays in the field.
func (c *vpcdCard) react(message []byte) (answer []byte, more bool) {
	switch {
	case len(message) == 1 && message[0] == 4:
		return testATR, true
	case len(message) == 1:
		if message[0] == 2 {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.resets++
		}
		return nil, true
	case bytes.Equal(message, []byte{0xFF, 0xCA, 0, 0, 0}):
		return append(slices.Clone(c.uid), 0x90, 0x00), true
	case message[1] == insYank:
		return nil, false
	case message[1] == insShort:
		return []byte{0x91}, true
	}
	return append(message, 0x91, 0x00), true
}

func (c *vpcdCard) seenResets() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resets
}
