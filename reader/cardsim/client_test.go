package cardsim

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
)

// client is the reader's side, as far as these tests need it: EV2 with AES
// keys, and EV1 for the factory key. It computes with the card's own
// primitives, which the published vectors hold to the truth.
type client struct {
	t    testing.TB
	card *Card
	s    *ev2
}

func newClient(t testing.TB) *client { return &client{t: t, card: simCard(t, "")} }

// newClientOf is newClient with a card of another product.
func newClientOf(t testing.TB, product Type) *client {
	t.Helper()
	c, err := New(Options{Type: product, UID: unhex(t, "04112233445566"), Rand: rand.NewChaCha8([32]byte{})})
	if err != nil {
		t.Fatal(err)
	}
	return &client{t: t, card: c}
}

// simCard makes a card with reproducible random bytes, in memory or in a file.
func simCard(t testing.TB, state string) *Card {
	t.Helper()
	c, err := New(Options{Type: EV3, UID: unhex(t, "04112233445566"), State: state, Rand: rand.NewChaCha8([32]byte{})})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func stateFile(t testing.TB) string { return filepath.Join(t.TempDir(), "card.json") }

// send is one wrapped frame.
func (c *client) send(ins byte, data []byte) ([]byte, status) {
	c.t.Helper()
	apdu := []byte{0x90, ins, 0, 0}
	if len(data) > 0 {
		apdu = append(append(apdu, byte(len(data))), data...)
	}
	raw, err := c.card.Exchange(c.t.Context(), append(apdu, 0))
	if err != nil {
		c.t.Fatal(err)
	}
	n := len(raw) - 2
	if raw[n] != 0x91 {
		c.t.Fatalf("INS %02X: SW %X", ins, raw[n:])
	}
	return raw[:n], status(raw[n+1])
}

// plain is a command without secure messaging, in one or more frames.
func (c *client) plain(ins byte, data []byte) ([]byte, status) {
	c.t.Helper()
	var out []byte
	for first := true; ; first = false {
		n := len(data)
		if !commands[ins].long {
			n = min(n, frameData)
		}
		got, st := c.send(ins, data[:n])
		out, data = append(out, got...), data[n:]
		if st != statusMore || !first && len(data) == 0 && len(got) == 0 {
			return out, st
		}
		ins = insMore
	}
}

// do is a command in the client's session. Answers are verified and deciphered.
func (c *client) do(m mode, header int, ins byte, params []byte) ([]byte, status) {
	c.t.Helper()
	if c.s == nil {
		return c.plain(ins, params)
	}
	got, st := c.plain(ins, c.seal(m, header, ins, params))
	c.s.counter++
	if st.isError() {
		c.s = nil
		return nil, st
	}
	if m == modePlain || len(got) == 0 {
		return got, st
	}
	n := len(got) - macLength
	if n < 0 || !equal(c.s.mac(byte(st), c.s.counter, got[:n]), got[n:]) {
		c.t.Fatalf("INS %02X: the answer's MAC is wrong", ins)
	}
	if m == modeFull && n > 0 {
		out, ok := unpad80(decipher(c.s.enc, c.s.iv(0x5A, 0xA5, c.s.counter), got[:n]))
		if !ok {
			c.t.Fatalf("INS %02X: the answer's padding is wrong", ins)
		}
		return out, st
	}
	return got[:n], st
}

// seal protects a command's parameters.
func (c *client) seal(m mode, header int, ins byte, params []byte) []byte {
	wire := bytes.Clone(params)
	if m == modeFull && len(params) > header {
		body := encipher(c.s.enc, c.s.iv(0xA5, 0x5A, c.s.counter), pad80(params[header:], 16))
		wire = append(bytes.Clone(params[:header]), body...)
	}
	if m != modePlain {
		wire = append(wire, c.s.mac(ins, c.s.counter, wire)...)
	}
	return wire
}

// must is do that succeeds.
func (c *client) must(m mode, header int, ins byte, params ...byte) []byte {
	c.t.Helper()
	got, st := c.do(m, header, ins, params)
	if st != statusOK {
		c.t.Fatalf("INS %02X: 91%02X", ins, byte(st))
	}
	return got
}

// refused is do that fails with want.
func (c *client) refused(want status, m mode, header int, ins byte, params ...byte) {
	c.t.Helper()
	if _, st := c.do(m, header, ins, params); st != want {
		c.t.Fatalf("INS %02X: 91%02X, want 91%02X", ins, byte(st), byte(want))
	}
}

// auth runs AuthenticateEV2First and tells how it ends.
func (c *client) auth(number byte, key []byte) status {
	c.t.Helper()
	c.s = nil
	challenge, st := c.send(0x71, []byte{number, 0})
	if st != statusMore {
		return st
	}
	k, zero := newKey(typeAES, key, 0), make([]byte, 16)
	rndA, rndB := bytes.Repeat([]byte{0x5C}, 16), decipher(k.block(), zero, challenge)
	got, st := c.send(insMore, encipher(k.block(), zero, append(bytes.Clone(rndA), rotate(rndB)...)))
	if st != statusOK {
		return st
	}
	last := decipher(k.block(), zero, got)
	if !bytes.Equal(last[4:20], rotate(rndA)) {
		c.t.Fatal("the card did not prove the key")
	}
	c.s = newEV2(number, k, rndA, rndB, [4]byte(last[:4]), 0)
	return statusOK
}

func (c *client) mustAuth(number byte, key []byte) {
	c.t.Helper()
	if st := c.auth(number, key); st != statusOK {
		c.t.Fatalf("authenticate with key %d: 91%02X", number, byte(st))
	}
}

func (c *client) selectApp(aid ...byte) {
	c.t.Helper()
	c.s = nil
	if _, st := c.send(0x5A, aid); st != statusOK {
		c.t.Fatalf("select %X: 91%02X", aid, byte(st))
	}
}

// changeKey changes a key to fresh with version 1; old is nil for the session's own.
func (c *client) changeKey(keyNo byte, fresh, old []byte) status {
	c.t.Helper()
	data := append(bytes.Clone(fresh), 1)
	if old != nil {
		data = slices.Concat(xor(fresh, old), []byte{1}, crc(fresh))
	}
	if c.s == nil {
		_, st := c.plain(0xC4, append([]byte{keyNo}, make([]byte, 40)...))
		return st
	}
	own := old == nil
	_, st := c.do(modeFull, 1, 0xC4, append([]byte{keyNo}, data...))
	if own {
		c.s = nil
	}
	return st
}

// authISO opens an EV1 session with a 2TDEA key.
func (c *client) authISO(raw []byte) *ev1 {
	c.t.Helper()
	return c.authEV1(newKey(type2TDEA, raw, 0), 0x1A)
}

// authEV1 opens an EV1 session with key 0 by AuthenticateISO or AuthenticateAES.
func (c *client) authEV1(k *key, ins byte) *ev1 {
	c.t.Helper()
	challenge, st := c.send(ins, []byte{0})
	if st != statusMore {
		c.t.Fatalf("INS %02X: 91%02X", ins, byte(st))
	}
	b := k.block()
	rndB := decipher(b, make([]byte, b.BlockSize()), challenge)
	rndA := keyFilled(7)[:len(rndB)]
	if _, st := c.send(insMore, encipher(b, lastBlock(challenge, b.BlockSize()), append(bytes.Clone(rndA), rotate(rndB)...))); st != statusOK {
		c.t.Fatalf("INS %02X: 91%02X", ins, byte(st))
	}
	return newEV1(0, newBlock(k.Type, ev1SessionKey(k, rndA, rndB)))
}

// frameData is what a frame takes with the factory's ATS.
const frameData = 59

var zeroKey = make([]byte, 16)

func keyFilled(b byte) []byte { return bytes.Repeat([]byte{b}, 16) }

// personalise turns a factory card into one with an AES card master key, as
// AN10922-style issuers do: AuthenticateISO with the zero key, ChangeKey 80.
func (c *client) personalise(key []byte) {
	c.t.Helper()
	c.selectApp(0, 0, 0)
	s := c.authISO(zeroKey)
	plain := append(bytes.Clone(key), 1)
	plain = padZero(append(plain, crc([]byte{0xC4, 0x80}, plain)...), 8)
	if _, st := c.send(0xC4, append([]byte{0x80}, encipher(s.block, s.iv, plain)...)); st != statusOK {
		c.t.Fatalf("change the card master key: 91%02X", byte(st))
	}
}

// app creates an AES application 010203 and selects it.
func (c *client) app(ks1 byte, keys byte) {
	c.t.Helper()
	c.selectApp(0, 0, 0)
	c.must(modeMAC, 0, 0xCA, 1, 2, 3, ks1, 0x80|keys)
	c.selectApp(1, 2, 3)
}
