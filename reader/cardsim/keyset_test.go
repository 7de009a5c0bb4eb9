package cardsim

import (
	"bytes"
	"testing"
)

// keySets makes application 010203 with two AES keys and three key sets, roll
// key 1, and authenticates with key 0.
func keySets(t *testing.T, maxSize byte) *client {
	c := newClient(t)
	c.must(modeMAC, 0, 0xCA, 1, 2, 3, 0x0F, 0x92, 0x01, 0x10, 3, maxSize, 1)
	c.selectApp(1, 2, 3)
	c.mustAuth(0, zeroKey)
	return c
}

func TestRollKeySet(t *testing.T) {
	c := keySets(t, 16)
	if got := c.must(modeMAC, 0, 0x45); !bytes.Equal(got, []byte{0x0F, 0x92, 0x10, 3, 16, 1}) {
		t.Errorf("key settings %X", got)
	}
	c.must(modeMAC, 0, 0x56, 1, 2)
	for number := range byte(2) {
		fresh := keyFilled(0xB0 + number)
		data := append(append(bytes.Clone(fresh), 5), crc(fresh)...)
		c.must(modeFull, 2, 0xC6, append([]byte{1, number}, data...)...)
	}
	c.must(modeMAC, 0, 0x57, 1, 0x11)
	for p, want := range map[string]string{"41 01": "05", "40 00": "00", "40 02": "00", "40 80": "101100"} {
		if got := c.must(modeMAC, 0, 0x64, unhex(t, p)...); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("version %s: %X", p, got)
		}
	}
	c.refused(statusAuthentication, modeMAC, 0, 0x55, 1)
	c.mustAuth(1, zeroKey)
	if got, st := c.plain(0x55, append([]byte{1}, c.s.mac(0x55, c.s.counter, []byte{1})...)); st != statusOK || len(got) != 0 || c.card.session != nil {
		t.Fatalf("%X 91%02X, session %v", got, byte(st), c.card.session)
	}
	c.s = nil
	if got := c.must(modePlain, 0, 0x45); got[2] != 0x11 {
		t.Errorf("active set version %X", got)
	}
	c.mustAuth(0, keyFilled(0xB0))
	c.mustAuth(1, keyFilled(0xB1))
	c.refused(statusParameter, modeMAC, 0, 0x55, 1) // active already
	c.mustAuth(1, keyFilled(0xB1))
	c.must(modeMAC, 0, 0x64, 0x40, 0) // the former set is still there
	if err := c.card.state.validate(); err != nil {
		t.Error(err)
	}
}

func TestKeySetRefusals(t *testing.T) {
	for name, v := range map[string]struct {
		m      mode
		header int
		ins    byte
		p      string
		want   status
	}{
		"initialise the active set": {modeMAC, 0, 0x56, "0002", statusParameter},
		"no such set":               {modeMAC, 0, 0x56, "0302", statusParameter},
		"no such type":              {modeMAC, 0, 0x56, "0103", statusParameter},
		"type too large":            {modeMAC, 0, 0x56, "0101", statusParameter},
		"finalise nothing":          {modeMAC, 0, 0x57, "0101", statusDenied},
		"key of a set without keys": {modeFull, 2, 0xC6, "0101" + dots(21), statusNoSuchKey},
		"no such key":               {modeFull, 2, 0xC6, "0005" + dots(21), statusNoSuchKey},
		"own form for another set":  {modeFull, 2, 0xC6, "0001" + dots(17), statusLength},
		"length":                    {modeMAC, 0, 0x55, "0101", statusLength},
		"version of no set":         {modeMAC, 0, 0x64, "4003", statusNoSuchKey},
	} {
		t.Run(name, func(t *testing.T) { keySets(t, 16).refused(v.want, v.m, v.header, v.ins, unhex(t, v.p)...) })
	}
	for p, want := range map[string]status{
		"92 01 10 01 10 01": statusParameter, "92 01 10 11 10 01": statusParameter, "92 01 10 02 11 01": statusParameter,
		"92 01 10 02 10 0F": statusParameter, "92 01 10 02 10 02": statusParameter, "52 01 10 02 10 01": statusParameter,
		"92 01 10 02 10": statusLength, "92 01 10 02 18 01": statusOK,
	} {
		newClient(t).refused(want, modeMAC, 0, 0xCA, append([]byte{1, 2, 3, 0x0F}, unhex(t, p)...)...)
	}
	c := newClient(t)
	c.app(0x0F, 2)
	c.mustAuth(0, zeroKey)
	c.refused(statusDenied, modeMAC, 0, 0x56, 1, 2) // no key sets
}

// TestRollToAnotherType: a set of three-key triple DES follows one of AES.
func TestRollToAnotherType(t *testing.T) {
	c := keySets(t, 24)
	c.must(modeMAC, 0, 0x56, 2, 1)
	c.must(modeMAC, 0, 0x57, 2, 9)
	c.mustAuth(1, zeroKey)
	c.must(modeMAC, 0, 0x55, 2)
	c.s = nil
	c.authEV1(newKey(type3TDEA, make([]byte, 24), 0), 0x1A)
	if st := c.auth(0, zeroKey); st != statusAuthentication {
		t.Errorf("71 after the roll: 91%02X", byte(st))
	}
}
