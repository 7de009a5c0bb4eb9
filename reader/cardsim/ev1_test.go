package cardsim

import (
	"bytes"
	"slices"
	"testing"
)

// ev1Client is the reader's side of an EV1 session.
type ev1Client struct {
	*client
	s *ev1
}

// must sends a command whose parameters are on the wire already, and checks the
// CMAC of an answer that has no enciphered part.
func (c *ev1Client) must(ins byte, wire ...byte) []byte {
	c.t.Helper()
	got, st := c.plain(ins, wire)
	if st != statusOK || len(got) < macLength {
		c.t.Fatalf("INS %02X: %X 91%02X", ins, got, byte(st))
	}
	n := len(got) - macLength
	if !equal(c.s.mac(append(bytes.Clone(got[:n]), 0)), got[n:]) {
		c.t.Fatalf("INS %02X: the answer's CMAC is wrong", ins)
	}
	return got[:n]
}

// full enciphers data behind a clear header.
func (c *ev1Client) full(ins byte, header, data []byte) []byte {
	plain := padZero(append(bytes.Clone(data), crc([]byte{ins}, header, data)...), c.s.block.BlockSize())
	out := encipher(c.s.block, c.s.iv, plain)
	c.s.iv = bytes.Clone(lastBlock(out, c.s.block.BlockSize()))
	return append(bytes.Clone(header), out...)
}

// desSession is a factory card in a session of its zero DES key.
func desSession(t *testing.T) *ev1Client {
	c := newClient(t)
	return &ev1Client{c, c.authISO(zeroKey)}
}

// TestEV1Configuration: SetConfiguration in the DES session of a factory card.
func TestEV1Configuration(t *testing.T) {
	c := desSession(t)
	config := append(append(keyFilled(0x44), make([]byte, 8)...), 0)
	c.must(0x5C, c.full(0x5C, []byte{1}, config)...)
	if got := c.card.state.DefaultKey[:16]; !bytes.Equal(got, keyFilled(0x44)) {
		t.Errorf("default key %X", []byte(got))
	}
	c.must(0x54, c.full(0x54, nil, []byte{0x0B})...)
	c.s.mac([]byte{0x45})
	if got := c.must(0x45); !bytes.Equal(got, []byte{0x0B, 0x01}) {
		t.Errorf("key settings %X", got)
	}
	t.Run("UID", func(t *testing.T) {
		c.s.mac([]byte{0x51})
		got, st := c.plain(0x51, nil)
		if st != statusOK || len(got) != 16 {
			t.Fatalf("%X 91%02X", got, byte(st))
		}
		plain := decipher(c.s.block, c.s.iv, got)
		want := slices.Concat(c.card.UID(), crc(c.card.UID(), []byte{0}), make([]byte, 5))
		if !bytes.Equal(plain, want) {
			t.Errorf("%X, want %X", plain, want)
		}
	})
}

// TestEV1ShortestFit: one byte and its CRC leave so much zero padding in an AES
// block that the CRC fits at five bytes as well. The shortest counts.
func TestEV1ShortestFit(t *testing.T) {
	plain := newClient(t)
	plain.personalise(keyFilled(2))
	c := &ev1Client{plain, plain.authEV1(newKey(typeAES, keyFilled(2), 0), 0xAA)}
	c.must(0x5C, c.full(0x5C, []byte{0}, []byte{configNoFormat})...)
	if c.card.state.Config != configNoFormat {
		t.Errorf("configuration %02X", c.card.state.Config)
	}
}

func TestEV1Refusals(t *testing.T) {
	for name, v := range map[string]struct {
		wire func(c *ev1Client) []byte
		want status
	}{
		"CRC": {func(c *ev1Client) []byte { return c.full(0x5D, []byte{0}, []byte{0}) }, statusIntegrity},
		"padding": {func(c *ev1Client) []byte {
			return append([]byte{0}, encipher(c.s.block, c.s.iv, append(append([]byte{0}, crc([]byte{0x5C, 0, 0})...), 1, 2, 3))...)
		}, statusIntegrity},
		"half block": {func(c *ev1Client) []byte { return c.full(0x5C, []byte{0}, []byte{0})[:6] }, statusLength},
		"length":     {func(c *ev1Client) []byte { return c.full(0x5C, []byte{0}, []byte{0, 0}) }, statusLength},
	} {
		t.Run(name, func(t *testing.T) {
			c := desSession(t)
			if got, st := c.plain(0x5C, v.wire(c)); st != v.want || len(got) != 0 || c.card.session != nil {
				t.Errorf("%X 91%02X, want 91%02X", got, byte(st), byte(v.want))
			}
		})
	}
}

// TestEV1WriteMAC: WriteData is among the few commands whose MAC travels.
func TestEV1WriteMAC(t *testing.T) {
	session := func(t *testing.T) *ev1Client {
		c := newClient(t)
		c.selectApp(0, 0, 0)
		c.must(modeMAC, 0, 0xCA, 1, 2, 3, 0x0F, 0x01)
		c.selectApp(1, 2, 3)
		c.must(modeMAC, 0, 0xCD, 1, 1, 0x00, 0x00, 4, 0, 0)
		return &ev1Client{c, c.authISO(zeroKey)}
	}
	p := []byte{1, 0, 0, 0, 2, 0, 0, 0xAB, 0xCD}
	c := session(t)
	c.must(0x3D, append(bytes.Clone(p), c.s.mac(append([]byte{0x3D}, p...))...)...)
	c.s.mac([]byte{0xBD, 1, 0, 0, 0, 0, 0, 0})
	if got := c.must(0xBD, 1, 0, 0, 0, 0, 0, 0); !bytes.Equal(got, []byte{0xAB, 0xCD, 0, 0}) {
		t.Errorf("read back %X", got)
	}
	c = session(t)
	if _, st := c.plain(0x3D, append(bytes.Clone(p), make([]byte, 8)...)); st != statusIntegrity || !isZero(c.card.app.Files[0].Data) {
		t.Errorf("wrong MAC: 91%02X, file %X", byte(st), []byte(c.card.app.Files[0].Data))
	}
}
