package cardsim

import (
	"bytes"
	"testing"
)

// TestKeySettings1: what each bit of KS1 opens without, and closes to, a session.
func TestKeySettings1(t *testing.T) {
	list := func(c *client) status { _, st := c.do(modeMAC, 0, 0x6F, nil); return st }
	settings := func(c *client) status { _, st := c.do(modeMAC, 0, 0x45, nil); return st }
	create := func(c *client) status {
		_, st := c.do(modeMAC, 0, 0xCD, []byte{9, 0, 0xEE, 0xEE, 1, 0, 0})
		return st
	}
	remove := func(c *client) status { _, st := c.do(modeMAC, 0, 0xDF, []byte{3}); return st }
	change := func(c *client) status { _, st := c.do(modeFull, 0, 0x54, []byte{0x0F}); return st }
	for _, v := range []struct {
		name              string
		ks1               byte
		act               func(*client) status
		none, key1, admin status // without session, under key 1, under key 0
	}{
		{"list free", 0x0F, list, 0, 0, 0},
		{"list closed", 0x0D, list, statusAuthentication, statusDenied, 0},
		{"settings free", 0x0F, settings, 0, 0, 0},
		{"settings closed", 0x0D, settings, statusAuthentication, statusDenied, 0},
		{"create free", 0x0F, create, 0, 0, 0},
		{"create closed", 0x0B, create, statusAuthentication, statusDenied, 0},
		{"delete free", 0x0F, remove, 0, 0, 0},
		{"delete closed", 0x0B, remove, statusAuthentication, statusDenied, 0},
		{"settings changeable", 0x0F, change, statusAuthentication, statusDenied, 0},
		{"settings frozen", 0x07, change, statusAuthentication, statusDenied, statusDenied},
	} {
		t.Run(v.name, func(t *testing.T) {
			for number, want := range map[int]status{-1: v.none, 1: v.key1, 0: v.admin} {
				c := newClient(t)
				c.app(0x0F, 2)
				c.must(modeMAC, 0, 0xCD, 3, 0, 0xEE, 0xEE, 1, 0, 0)
				c.card.app.KeySettings = v.ks1
				if number >= 0 {
					c.mustAuth(byte(number), zeroKey)
				}
				if got := v.act(c); got != want {
					t.Errorf("key %d: 91%02X, want 91%02X", number, byte(got), byte(want))
				}
			}
		})
	}
}

func TestPICCKeySettings(t *testing.T) {
	master := keyFilled(3)
	for _, v := range []struct {
		name           string
		ks1            byte
		ins            byte
		p              []byte
		none, mastered status
	}{
		{"list free", 0x0F, 0x6A, nil, 0, 0},
		{"list closed", 0x0D, 0x6A, nil, statusAuthentication, 0},
		{"create free", 0x0F, 0xCA, []byte{7, 7, 7, 0x0F, 0x81}, 0, 0},
		{"create closed", 0x0B, 0xCA, []byte{7, 7, 7, 0x0F, 0x81}, statusAuthentication, 0},
		{"delete", 0x0F, 0xDA, []byte{1, 2, 3}, statusAuthentication, 0},
		{"delete nothing", 0x0F, 0xDA, []byte{9, 2, 3}, statusNoApplication, statusNoApplication},
		{"format", 0x0F, 0xFC, nil, statusAuthentication, 0},
	} {
		t.Run(v.name, func(t *testing.T) {
			c := newClient(t)
			c.personalise(master)
			c.app(0x0F, 1)
			c.selectApp(0, 0, 0)
			c.card.state.PICC.KeySettings = v.ks1
			c.refused(v.none, modeMAC, 0, v.ins, v.p...)
			if v.none == statusOK {
				return
			}
			c.mustAuth(0, master)
			c.refused(v.mastered, modeMAC, 0, v.ins, v.p...)
		})
	}
	t.Run("factory", func(t *testing.T) {
		c := newClient(t)
		if got := c.must(modeMAC, 0, 0x45); !bytes.Equal(got, []byte{0x0F, 0x01}) {
			t.Errorf("%X, want 0F01", got)
		}
		c.personalise(master)
		if got := c.must(modeMAC, 0, 0x45); !bytes.Equal(got, []byte{0x0F, 0x81}) {
			t.Errorf("with an AES key %X, want 0F81", got)
		}
	})
	t.Run("an application deletes itself where that is free", func(t *testing.T) {
		for ks1, want := range map[byte]status{0x0F: statusOK, 0x0B: statusDenied} {
			c := newClient(t)
			c.app(0x0F, 2)
			c.card.state.PICC.KeySettings = ks1
			c.mustAuth(0, zeroKey)
			c.refused(want, modeMAC, 0, 0xDA, 1, 2, 3)
		}
	})
}

// TestChangeKeyRight: who may change which key, for every ChangeKey right.
func TestChangeKeyRight(t *testing.T) {
	const ok, ae, denied = statusOK, statusAuthentication, statusDenied
	for _, v := range []struct {
		name            string
		ks1             byte
		session, target int // session -1: none
		want            status
	}{
		{"no session", 0x0F, -1, 1, ae},
		{"master changes itself", 0x0F, 0, 0, ok},
		{"master frozen", 0x0E, 0, 0, denied},
		{"another changes the master", 0x0F, 1, 0, ae},
		{"right 0: master changes key 2", 0x0F, 0, 2, ok},
		{"right 0: key 2 changes itself", 0x0F, 2, 2, ae},
		{"right 1: key 1 changes key 2", 0x1F, 1, 2, ok},
		{"right 1: master does not change key 2", 0x1F, 0, 2, ae},
		{"right 1: master changes key 1", 0x1F, 0, 1, ok},
		{"right 1: key 1 does not change itself", 0x1F, 1, 1, ae},
		{"right E: key 2 changes itself", 0xEF, 2, 2, ok},
		{"right E: master does not change key 2", 0xEF, 0, 2, ae},
		{"right F: frozen", 0xFF, 0, 2, denied},
		{"right F: frozen for the key itself", 0xFF, 2, 2, denied},
		{"right F: master changes itself", 0xFF, 0, 0, ok},
		{"no such key", 0x0F, 0, 3, statusNoSuchKey},
		{"type flag in an application", 0x0F, 0, 0x80, statusNoSuchKey},
	} {
		t.Run(v.name, func(t *testing.T) {
			c := newClient(t)
			c.app(v.ks1, 3)
			if v.session >= 0 {
				c.mustAuth(byte(v.session), zeroKey)
			}
			old := zeroKey
			if v.session == v.target {
				old = nil
			}
			if got := c.changeKey(byte(v.target), keyFilled(0x77), old); got != v.want {
				t.Fatalf("91%02X, want 91%02X", byte(got), byte(v.want))
			}
			if c.card.session != nil && (v.want != ok || old == nil) {
				t.Error("the session is still open")
			}
			want, version := keyFilled(0x77), byte(1)
			if v.want != ok {
				want, version = zeroKey, 0
			}
			if v.target >= 3 {
				return
			}
			if k := c.card.app.Keys[v.target]; !bytes.Equal(k.Bytes, want) || k.Version != version {
				t.Errorf("the key is %X version %d", []byte(k.Bytes), k.Version)
			}
		})
	}
}

func TestChangeKeyCryptogram(t *testing.T) {
	for _, v := range []struct {
		name string
		bad  func(*client) status
		want status
	}{
		{"wrong old key", func(c *client) status { return c.changeKey(1, keyFilled(1), keyFilled(2)) }, statusIntegrity},
		{"own form for another key", func(c *client) status {
			_, st := c.do(modeFull, 1, 0xC4, append([]byte{1}, make([]byte, 17)...))
			return st
		}, statusLength},
		{"wrong MAC", func(c *client) status { c.s.counter++; return c.changeKey(1, keyFilled(1), zeroKey) }, statusIntegrity},
	} {
		t.Run(v.name, func(t *testing.T) {
			c := newClient(t)
			c.app(0x0F, 2)
			c.mustAuth(0, zeroKey)
			if got := v.bad(c); got != v.want {
				t.Errorf("91%02X, want 91%02X", byte(got), byte(v.want))
			}
			if !isZero(c.card.app.Keys[1].Bytes) || c.card.session != nil {
				t.Error("the key changed or the session is open")
			}
		})
	}
}

// TestFactoryToAES: with its type the card master key changes the commands that
// it can be used with, and back.
func TestFactoryToAES(t *testing.T) {
	c := newClient(t)
	if st := c.auth(0, zeroKey); st != statusAuthentication {
		t.Fatalf("71 with the DES key: 91%02X", byte(st))
	}
	expect(t, c.card, "90AA0000010000", "91AE")
	key := keyFilled(0xA5)
	c.personalise(key)
	expect(t, c.card, "901A0000010000", "91AE")
	c.mustAuth(0, key)
	if got := c.must(modeMAC, 0, 0x64, 0); got[0] != 1 {
		t.Errorf("version %d", got[0])
	}
	if st := c.changeKey(0x00, zeroKey, nil); st != statusParameter {
		t.Errorf("AES -> DES in an EV2 session: 91%02X", byte(st))
	}
	c.backToDES(key)
	c.personalise(key) // the zero DES key works again
}

// backToDES changes an AES card master key to DES zero, in an AuthenticateAES session.
func (c *client) backToDES(key []byte) {
	c.t.Helper()
	s := c.authEV1(newKey(typeAES, key, 0), 0xAA)
	plain := padZero(append(bytes.Clone(zeroKey), crc([]byte{0xC4, 0x00}, zeroKey)...), 16)
	wire := encipher(s.block, s.iv, plain)
	if got, st := c.send(0xC4, append([]byte{0}, wire...)); st != statusOK || len(got) != 0 {
		c.t.Fatalf("AES -> DES: %X 91%02X", got, byte(st))
	}
}

func TestGetKeyVersion(t *testing.T) {
	for p, want := range map[string]string{
		"00": "009100", "02": "009100", "03": "9140", "4000": "009100", "4001": "9140", "40": "917E", "0000": "917E", "": "917E",
	} {
		c := newClient(t)
		c.app(0x0F, 3)
		got, st := c.plain(0x64, unhex(t, p))
		if !bytes.Equal(append(got, 0x91, byte(st)), unhex(t, want)) {
			t.Errorf("GetKeyVersion %s: %X 91%02X, want %s", p, got, byte(st), want)
		}
	}
}

func TestDESVersion(t *testing.T) {
	raw := unhex(t, "10182029303840485058606870788088")
	if v := desVersion(raw); v != 0x10 { // as a real card answers, ev1-rfdl-05
		t.Errorf("version %02X, want 10", v)
	}
	for v := range 256 {
		if got := desVersion(withDESVersion(raw, byte(v))); got != byte(v) {
			t.Fatalf("version %02X comes back as %02X", v, got)
		}
	}
}

// TestFailureCounters: the delay after 50 failures in a row, and the lock.
func TestFailureCounters(t *testing.T) {
	c := newClient(t)
	c.app(0x0F, 2)
	attempt := func(want status) {
		t.Helper()
		if got := c.auth(1, keyFilled(0xFF)); got != want {
			t.Fatalf("91%02X, want 91%02X", byte(got), byte(want))
		}
	}
	for range seqFailLimit {
		attempt(statusAuthentication)
	}
	attempt(statusAuthDelay) // one for the 50th failure
	attempt(statusAuthentication)
	attempt(statusAuthDelay)
	attempt(statusAuthDelay) // two for the 51st
	c.mustAuth(1, zeroKey)
	if k := c.card.app.Keys[1]; k.SeqFail != 0 || k.TotFail != 51-10 {
		t.Fatalf("after a success: %d in a row, %d in total", k.SeqFail, k.TotFail)
	}
	c.mustAuth(0, zeroKey) // other keys are not concerned

	c.card.app.Keys[1].TotFail = 999
	attempt(statusAuthentication)
	attempt(statusDenied)
	if st := c.auth(1, zeroKey); st != statusDenied {
		t.Fatalf("the right key of a locked slot: 91%02X", byte(st))
	}
	c.mustAuth(0, zeroKey)
	if st := c.changeKey(1, keyFilled(5), zeroKey); st != statusOK {
		t.Fatalf("ChangeKey of a locked key: 91%02X", byte(st))
	}
	c.mustAuth(1, keyFilled(5))
}

func TestNonFirst(t *testing.T) {
	c := newClient(t)
	c.app(0x0F, 2)
	expect(t, c.card, "90770000010100", "919D")
	c.mustAuth(0, zeroKey)
	c.must(modeMAC, 0, 0x64, 1)
	ti, counter := c.s.ti, c.s.counter
	challenge, _ := c.send(0x77, []byte{1})
	b, zero := newBlock(typeAES, zeroKey), make([]byte, 16)
	rndA, rndB := keyFilled(6), decipher(b, zero, challenge)
	if _, st := c.send(insMore, encipher(b, zero, append(bytes.Clone(rndA), rotate(rndB)...))); st != statusOK {
		t.Fatalf("91%02X", byte(st))
	}
	c.s = newEV2(1, newKey(typeAES, zeroKey, 0), rndA, rndB, ti, counter)
	c.must(modeMAC, 0, 0x64, 1)
	expect(t, c.card, "9071000002090000", "9140")
	expect(t, c.card, "907100000300000000", "917E")
}

// TestSessionEnds: whatever goes wrong in a session ends it.
func TestSessionEnds(t *testing.T) {
	for name, step := range map[string]func(c *client){
		"plain command":   func(c *client) { c.refuse("9051000000", "917E") },
		"unknown command": func(c *client) { c.refuse("9001000000", "911C") },
		"wrong MAC":       func(c *client) { c.refuse("9051000008000000000000000000", "911E") },
		"ISO command":     func(c *client) { c.refuse("00B0000000", "6D00") },
		"no such file":    func(c *client) { c.refused(statusNoFile, modeMAC, 0, 0xF5, 9) },
		"failed 71":       func(c *client) { c.auth(1, keyFilled(9)) },
		"reset":           func(c *client) { c.card.Reset() },
		"counter at its end": func(c *client) {
			c.card.session.(*ev2).counter, c.s.counter = 0xFFFF, 0xFFFF
			c.refused(statusIntegrity, modeMAC, 0, 0x64, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t)
			c.app(0x0F, 2)
			c.mustAuth(0, zeroKey)
			step(c)
			if c.card.session != nil {
				t.Error("the session is still open")
			}
		})
	}
}

func (c *client) refuse(command, want string) { expect(c.t, c.card, command, want) }
