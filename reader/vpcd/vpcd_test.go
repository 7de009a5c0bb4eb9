package vpcd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"badgekms/reader"
)

// driver is the pcscd end: it listens as the vpcd driver does.
type driver struct {
	t    *testing.T
	conn net.Conn
}

// plug lays a card on a fresh driver.
func plug(ctx context.Context, t *testing.T, card Card) (*driver, *Plugged) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, err := Plug(ctx, l.Addr().String(), card)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &driver{t, conn}, p
}

// write sends length and body apart, as the driver does.
func (d *driver) write(msg ...byte) {
	d.t.Helper()
	head := binary.BigEndian.AppendUint16(nil, uint16(len(msg)))
	for _, part := range [][]byte{head, msg} {
		if _, err := d.conn.Write(part); err != nil {
			d.t.Fatal(err)
		}
	}
}

func (d *driver) read() []byte {
	d.t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(d.conn, head); err != nil {
		d.t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint16(head))
	if _, err := io.ReadFull(d.conn, body); err != nil {
		d.t.Fatal(err)
	}
	return body
}

// echo is a card that answers what it gets, and counts resets.
type echo struct {
	resets atomic.Int32
	fail   error
	long   bool
}

func (e *echo) ATR() []byte { return []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80} }
func (e *echo) Reset()      { e.resets.Add(1) }
func (e *echo) Exchange(_ context.Context, apdu []byte) ([]byte, error) {
	if e.long {
		return make([]byte, maxMessage+1), nil
	}
	return append([]byte("re:"), apdu...), e.fail
}

func TestMessages(t *testing.T) {
	card := new(echo)
	d, _ := plug(t.Context(), t, card)
	for i, control := range []byte{powerOn, reset, powerOff} {
		d.write(control) // no answer
		d.write(getATR)
		if got := d.read(); !bytes.Equal(got, card.ATR()) {
			t.Errorf("ATR %X", got)
		}
		if got := int(card.resets.Load()); got != i+1 {
			t.Errorf("control %02X: %d resets, want %d", control, got, i+1)
		}
	}
	for _, msg := range [][]byte{{0x60}, {0x90, 0x60, 0, 0, 0}, bytes.Repeat([]byte{7}, 300), {}} {
		d.write(msg...)
		if got := d.read(); !bytes.Equal(got, append([]byte("re:"), msg...)) {
			t.Errorf("%X: answer %X", msg, got)
		}
	}
}

func TestEnds(t *testing.T) {
	for name, v := range map[string]struct {
		card *echo
		act  func(d *driver, cancel func())
		want error
	}{
		"context":      {new(echo), func(_ *driver, cancel func()) { cancel() }, context.Canceled},
		"other side":   {new(echo), func(d *driver, _ func()) { d.conn.Close() }, ErrUnplugged},
		"half message": {new(echo), func(d *driver, _ func()) { d.conn.Write([]byte{0, 5, 1}); d.conn.Close() }, ErrUnplugged},
		"torn off":     {&echo{fail: reader.ErrRemoved}, func(d *driver, _ func()) { d.write(1, 2, 3) }, reader.ErrRemoved},
		"too long":     {&echo{long: true}, func(d *driver, _ func()) { d.write(1, 2, 3) }, ErrUnplugged},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			d, p := plug(ctx, t, v.card)
			v.act(d, cancel)
			if err := p.Wait(); !errors.Is(err, v.want) {
				t.Errorf("%v, want %v", err, v.want)
			}
			if v.card.resets.Load() == 0 {
				t.Error("the card still has power")
			}
			d.conn.Close()
		})
	}
}

// TestCardLeaves: the driver sees the end of the connection when the context
// ends, which is how it learns that the field is empty.
func TestCardLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d, p := plug(ctx, t, new(echo))
	cancel()
	if n, err := d.conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the driver reads %d bytes, %v", n, err)
	}
	p.Wait()
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	p, err := Plug(t.Context(), addr, new(echo))
	if p != nil || !errors.Is(err, reader.ErrUnavailable) || !strings.Contains(err.Error(), addr) {
		t.Errorf("%v, %v", p, err)
	}
}

// FuzzDriver: whatever the other side sends, serving ends with its connection
// and an error.
func FuzzDriver(f *testing.F) {
	for _, s := range []string{"\x00\x01\x04", "\x00\x01\x01\x00\x05\x90\x60\x00\x00\x00", "\x00\x00", "\xff\xff", "\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		near, far := net.Pipe()
		go func() {
			far.Write(stream)
			far.Close()
		}()
		go io.Copy(io.Discard, far)
		if err := serve(t.Context(), near, new(echo)); !errors.Is(err, ErrUnplugged) {
			t.Errorf("%v", err)
		}
		near.Close()
	})
}
