package cardsim

import (
	"bytes"
	"crypto/cipher"
	"slices"
	"testing"
)

// d40Client is the reader's side of a D40 session.
type d40Client struct {
	*client
	block cipher.Block
}

// newD40 makes a DES application 010203 of an EV1 card with four keys and a
// file in each mode (01, 02, 04 by number), and authenticates with a key.
func newD40(t *testing.T, number byte) *d40Client {
	c := &d40Client{client: newClientOf(t, EV1)}
	c.must(modeMAC, 0, 0xCA, 1, 2, 3, 0x0F, 0x04)
	c.selectApp(1, 2, 3)
	for n, option := range map[byte]byte{1: 0, 2: 1, 4: 3} {
		c.must(modeMAC, 0, 0xCD, n, option, 0x01, 0x2F, 100, 0, 0)
	}
	c.card.app.Keys[number] = newKey(type2TDEA, unhex(t, "10182029303840485058606870788088"), 0)
	c.auth(number)
	return c
}

// unlike the card, the reader deciphers to send.
func sendD40(b cipher.Block, plain []byte) []byte {
	out, before := make([]byte, len(plain)), make([]byte, 8)
	for i := 0; i < len(plain); i += 8 {
		b.Decrypt(out[i:], xor(plain[i:i+8], before))
		before = out[i : i+8]
	}
	return out
}

func (c *d40Client) auth(number byte) {
	c.t.Helper()
	k := c.card.app.Keys[number]
	challenge, st := c.send(0x0A, []byte{number})
	if st != statusMore {
		c.t.Fatalf("0A: 91%02X", byte(st))
	}
	rndA, rndB := unhex(c.t, "0102030405060708"), decipher(k.block(), make([]byte, 8), challenge)
	got, st := c.send(insMore, sendD40(k.block(), slices.Concat(rndA, rotate(rndB))))
	if st != statusOK || !bytes.Equal(decipher(k.block(), make([]byte, 8), got), rotate(rndA)) {
		c.t.Fatalf("0A: %X 91%02X", got, byte(st))
	}
	c.block = newBlock(type2TDEA, slices.Concat(rndA[:4], rndB[:4], rndA[4:], rndB[4:]))
}

func (c *d40Client) full(data []byte) []byte {
	return sendD40(c.block, padZero(append(bytes.Clone(data), crc16(data)...), 8))
}

func (c *d40Client) mac(data []byte) []byte {
	out := encipher(c.block, make([]byte, 8), padZero(data, 8))
	return out[len(out)-8 : len(out)-4]
}

func (c *d40Client) answers(ins byte, wire []byte, want []byte) {
	c.t.Helper()
	if got, st := c.plain(ins, wire); st != statusOK || !bytes.Equal(got, want) {
		c.t.Fatalf("INS %02X: %X 91%02X, want %X", ins, got, byte(st), want)
	}
}

func TestD40Files(t *testing.T) {
	c := newD40(t, 0)
	data := bytes.Repeat([]byte{0xA1, 0x5E}, 35) // two frames
	header := func(n byte) []byte { return []byte{n, 3, 0, 0, 70, 0, 0} }
	c.answers(0x3D, slices.Concat(header(1), data), nil)
	c.answers(0x3D, slices.Concat(header(2), data, c.mac(data)), nil)
	c.answers(0x3D, slices.Concat(header(4), c.full(data)), nil)
	c.auth(0)
	c.card.app.Keys[2] = c.card.app.Keys[0]
	c.auth(2) // the Read right's key
	c.answers(0xBD, header(1), data)
	c.answers(0xBD, header(2), append(bytes.Clone(data), c.mac(data)...))
	got, st := c.plain(0xBD, header(4))
	if st != statusOK || len(got) != 72 {
		t.Fatalf("%d bytes, 91%02X", len(got), byte(st))
	}
	if plain := decipher(c.block, make([]byte, 8), got); !bytes.Equal(plain, append(bytes.Clone(data), crc16(data)...)) {
		t.Errorf("%X", plain)
	}
	t.Run("to the end", func(t *testing.T) {
		got, _ := c.plain(0xBD, []byte{4, 96, 0, 0, 0, 0, 0})
		want := slices.Concat(make([]byte, 4), crc16(make([]byte, 4)), []byte{0x80, 0})
		if plain := decipher(c.block, make([]byte, 8), got); !bytes.Equal(plain, want) {
			t.Errorf("%X, want %X", plain, want)
		}
	})
	t.Run("directory is plain", func(t *testing.T) {
		c.answers(0xF5, []byte{2}, unhex(t, "0001012F640000"))
	})
}

// TestD40Errors: 9D leaves a D40 session open, everything else ends it.
func TestD40Errors(t *testing.T) {
	for name, v := range map[string]struct {
		wire func(c *d40Client) []byte
		want status
		open bool
	}{
		"denied":     {func(*d40Client) []byte { return []byte{1, 0, 0, 0, 1, 0, 0, 9} }, statusDenied, true},
		"no file":    {func(*d40Client) []byte { return []byte{9, 0, 0, 0, 1, 0, 0, 9} }, statusNoFile, false},
		"wrong MAC":  {func(*d40Client) []byte { return []byte{2, 0, 0, 0, 1, 0, 0, 9, 1, 2, 3, 4} }, statusIntegrity, false},
		"wrong CRC":  {func(c *d40Client) []byte { return append([]byte{4, 0, 0, 0, 1, 0, 0}, make([]byte, 8)...) }, statusIntegrity, false},
		"over bound": {func(*d40Client) []byte { return []byte{1, 100, 0, 0, 1, 0, 0, 9} }, statusBoundary, false},
	} {
		t.Run(name, func(t *testing.T) {
			number := byte(0)
			if v.open {
				number = 3
			}
			c := newD40(t, number)
			if got, st := c.plain(0x3D, v.wire(c)); st != v.want || len(got) > 0 {
				t.Fatalf("%X 91%02X, want 91%02X", got, byte(st), byte(v.want))
			}
			if (c.card.session != nil) != v.open {
				t.Errorf("session %v", c.card.session)
			}
		})
	}
}

func TestD40ChangeKey(t *testing.T) {
	fresh, old := keyFilled(0x40), make([]byte, 16)
	c := newD40(t, 0)
	mixed := xor(fresh, old)
	plain := padZero(slices.Concat(mixed, crc16(mixed), crc16(fresh)), 8)
	c.answers(0xC4, append([]byte{1}, sendD40(c.block, plain)...), nil)
	if got := c.card.app.Keys[1].Bytes; !bytes.Equal(got, fresh) {
		t.Fatalf("key 1 is %X", []byte(got))
	}
	c.answers(0xC4, append([]byte{0}, sendD40(c.block, padZero(append(bytes.Clone(fresh), crc16(fresh)...), 8))...), nil)
	if c.card.session != nil {
		t.Error("the session outlived its key")
	}
	c = newD40(t, 0)
	plain[20] ^= 1
	if _, st := c.plain(0xC4, append([]byte{1}, sendD40(c.block, plain)...)); st != statusIntegrity {
		t.Errorf("91%02X", byte(st))
	}
}

func TestD40Keys(t *testing.T) {
	c := newClientOf(t, EV1)
	expect(t, c.card, "900A0000010100", "9140")
	expect(t, c.card, "900A0000", "6700")
	c.personalise(keyFilled(1))
	expect(t, c.card, "900A0000010000", "91AE")
	c.must(modeMAC, 0, 0xCA, 1, 2, 3, 0x0F, 0x41)
	c.selectApp(1, 2, 3)
	expect(t, c.card, "900A0000010000", "91AE") // three-key triple DES
}
