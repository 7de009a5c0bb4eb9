package cardsim

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"badgekms/reader"
)

func TestWrongProof(t *testing.T) {
	key := newKey(typeAES, keyFilled(2), 0)
	c := newClient(t)
	c.personalise(key.Bytes)
	c.card.Misbehave(Faults{WrongProof: true})
	b, zero := key.block(), make([]byte, 16)
	challenge, _ := c.send(0x71, []byte{0, 0})
	rndA, rndB := keyFilled(5), decipher(b, zero, challenge)
	got, st := c.send(insMore, encipher(b, zero, append(bytes.Clone(rndA), rotate(rndB)...)))
	if st != statusOK || bytes.Equal(decipher(b, zero, got)[4:20], rotate(rndA)) {
		t.Errorf("EV2: 91%02X, and the proof is right", byte(st))
	}
	challenge, _ = c.send(0xAA, []byte{0})
	rndB = decipher(b, zero, challenge)
	token := encipher(b, challenge, append(bytes.Clone(rndA), rotate(rndB)...))
	got, st = c.send(insMore, token)
	if st != statusOK || bytes.Equal(decipher(b, token[16:], got), rotate(rndA)) {
		t.Errorf("EV1: 91%02X, and the proof is right", byte(st))
	}
	c.card.Misbehave(Faults{})
	c.mustAuth(0, key.Bytes)
}

func TestWrongMAC(t *testing.T) {
	c := newClient(t)
	c.app(0x0F, 1)
	c.mustAuth(0, zeroKey)
	c.card.Misbehave(Faults{WrongMAC: true})
	wire := c.s.mac(0x6E, c.s.counter, nil)
	got, st := c.plain(0x6E, wire)
	if n := len(got) - macLength; st != statusOK || n != 3 || equal(c.s.mac(0, c.s.counter+1, got[:n]), got[n:]) {
		t.Errorf("%X 91%02X", got, byte(st))
	}
	if got, st := c.plain(0x60, nil); st != statusLength || len(got) != 0 {
		t.Errorf("a bare command in the session: %X 91%02X", got, byte(st))
	}
	c.selectApp(0, 0, 0)
	if got := c.must(modePlain, 0, 0x6E); len(got) != 3 || uint24(got) != c.card.freeBytes() {
		t.Errorf("an unprotected answer is spoilt: %X", got)
	}
}

func TestDropWrites(t *testing.T) {
	c := newClient(t)
	c.app(0x0F, 1)
	c.must(modeMAC, 0, 0xCD, 1, 3, 0x00, 0x00, 4, 0, 0)
	c.must(modeMAC, 0, 0xCB, 2, 3, 0x00, 0x00, 4, 0, 0)
	c.mustAuth(0, zeroKey)
	c.card.Misbehave(Faults{DropWrites: true})
	for _, n := range []byte{1, 2} {
		c.must(modeFull, 7, 0x3D, n, 0, 0, 0, 1, 0, 0, 0xAA)
	}
	c.must(modeMAC, 0, 0xC7)
	for _, n := range []byte{1, 2} {
		if got := c.must(modeFull, 7, 0xBD, n, 0, 0, 0, 4, 0, 0); !isZero(got) {
			t.Errorf("file %d: %X", n, got)
		}
	}
}

func TestKeepOldKey(t *testing.T) {
	c := newClient(t)
	c.app(0x0F, 2)
	c.card.Misbehave(Faults{KeepOldKey: true})
	c.mustAuth(0, zeroKey)
	for _, old := range [][]byte{zeroKey, nil} { // another key, then its own
		number := byte(0)
		if old != nil {
			number = 1
		}
		if st := c.changeKey(number, keyFilled(7), old); st != statusOK {
			t.Fatalf("91%02X", byte(st))
		}
	}
	c.mustAuth(0, zeroKey)
	c.mustAuth(1, zeroKey)
}

func TestForgedStatus(t *testing.T) {
	c := newClient(t)
	c.app(0x0F, 1)
	c.card.Misbehave(Faults{Status: map[byte]byte{0xCD: 0x00, 0xF5: 0xEE}})
	expect(t, c.card, "90CD0000070100EEEE01000000", "9100")
	if len(c.card.app.Files) != 0 {
		t.Error("the command was carried out")
	}
	c.mustAuth(0, zeroKey)
	expect(t, c.card, "90F50000010100", "91EE")
	if c.card.session != nil {
		t.Error("the session outlived a forged error")
	}
}

// TestDelay: a slow card may use its desk meanwhile; removed there, it answers
// nothing any more.
func TestDelay(t *testing.T) {
	desk := NewDesk("reader")
	card := simCard(t, "")
	if err := desk.Put("reader", card); err != nil {
		t.Fatal(err)
	}
	conn, err := desk.Connect(t.Context(), "reader", reader.Shared)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var seen []byte
	card.Misbehave(Faults{Delay: func(_ context.Context, ins byte) error {
		if seen = append(seen, ins); ins == 0x6E {
			desk.Remove("reader")
		}
		return nil
	}})
	run := []reader.Command{
		{APDU: unhex(t, "FFCA000000"), Expect: 0x9000}, {APDU: unhex(t, "905A00000300000000"), Expect: 0x9100}, {APDU: unhex(t, "906E000000"), Expect: 0x9100},
	}
	if rs, err := conn.Transmit(t.Context(), run); len(rs) != 2 || !errors.Is(err, reader.ErrRemoved) {
		t.Errorf("%d answers, %v", len(rs), err)
	}
	if !bytes.Equal(seen, []byte{0x5A, 0x6E}) {
		t.Errorf("delayed %X", seen)
	}
	late := errors.New("too slow")
	card.Misbehave(Faults{Delay: func(context.Context, byte) error { return late }})
	if _, err := card.Exchange(t.Context(), []byte{0x60}); !errors.Is(err, late) || card.next != nil {
		t.Errorf("%v", err)
	}
}
