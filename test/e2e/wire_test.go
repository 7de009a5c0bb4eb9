package e2e_test

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// moment names one command of a conversation with a card.
type moment struct {
	ins byte // DESFire command code
	nth int  // of that code, from 1
	// answered: the card carries the command out, and its answer is lost;
	// otherwise the command is still on its way.
	answered bool
}

// wire stands between a card and the driver of its virtual reader, and stops
// at one moment, so that a test can strike there however busy the machine is.
// Both speak the vpcd protocol: 2 bytes of length, most significant first,
// then a command, or one byte of control; only commands and the request for
// the ATR (04) are answered.
type wire struct {
	address string        // where the card finds its reader
	vpcd    string        // where the driver listens
	reached chan struct{} // closed at the moment
	release chan struct{} // closed by goOn
	goOn    func()        // lets both sides go on, as far as they are still there

	at   moment
	seen atomic.Int32 // commands of at.ins so far
	lose atomic.Bool  // the next answer is the one that is lost
}

// newWire listens for a card and leads it to the driver at vpcd.
func newWire(t *testing.T, vpcd string, at moment) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{
		address: l.Addr().String(), vpcd: vpcd, at: at,
		reached: make(chan struct{}), release: make(chan struct{}),
	}
	w.goOn = sync.OnceFunc(func() { close(w.release) })
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			card, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { w.serve(card) })
		}
	})
	t.Cleanup(func() {
		w.goOn()
		_ = l.Close()
		serving.Wait() // the card has been ended before
	})
	return w
}

// waitFor waits for the moment.
func (w *wire) waitFor(t *testing.T) {
	t.Helper()
	select {
	case <-w.reached:
	case <-time.After(limit):
		t.Fatalf("command %02X number %d does not come", w.at.ins, w.at.nth)
	}
}

// hold stops one direction at the moment.
func (w *wire) hold() {
	close(w.reached)
	<-w.release
}

// serve leads one card until either side ends, which ends the other.
func (w *wire) serve(card net.Conn) {
	defer card.Close()
	driver, err := net.Dial("tcp", w.vpcd)
	if err != nil {
		return
	}
	defer driver.Close()
	var answers sync.WaitGroup
	answers.Go(func() {
		defer driver.Close()
		w.forward(driver, card, w.losesAnswer)
	})
	w.forward(card, prompt{driver}, w.holdsCommand)
	_ = card.Close()
	answers.Wait()
}

// forward passes messages on until one side ends or drop says that a message
// is lost, and the connection with it.
func (w *wire) forward(to io.Writer, from io.Reader, drop func(message []byte) bool) {
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(from, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint16(head))
		if _, err := io.ReadFull(from, body); err != nil || drop(body) {
			return
		}
		if _, err := to.Write(append(head, body...)); err != nil {
			return
		}
	}
}

// holdsCommand watches what goes to the card. It never drops: a card that is
// still there after the moment gets its command.
func (w *wire) holdsCommand(message []byte) bool {
	const native = 0x90 // the class of wrapped DESFire commands
	if len(message) < 2 || message[0] != native || message[1] != w.at.ins || w.seen.Add(1) != int32(w.at.nth) {
		return false
	}
	if w.at.answered {
		w.lose.Store(true)
	} else {
		w.hold()
	}
	return false
}

// losesAnswer watches what comes from the card.
func (w *wire) losesAnswer([]byte) bool {
	if !w.lose.CompareAndSwap(true, false) {
		return false
	}
	w.hold()
	return true
}
