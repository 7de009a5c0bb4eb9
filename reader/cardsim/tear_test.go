package cardsim

import (
	"bytes"
	"errors"
	"testing"

	"badgekms/reader"
)

// TestTearDuring: what power failure within a command leaves, in the card and
// in its state file, and that the card can be mended.
func TestTearDuring(t *testing.T) {
	for name, v := range map[string]struct {
		m       mode
		header  int
		picc    bool // at card level
		command string
		after   func(c *client)
	}{
		"standard file: half written": {modePlain, 7, false, "3D 06 000000 040000 77777777", func(c *client) {
			c.selectApp(1, 2, 3)
			if got := c.must(modePlain, 7, 0xBD, 6, 0, 0, 0, 0, 0, 0); !bytes.Equal(got, unhex(c.t, "7777 0000")) {
				c.t.Errorf("the file is %X", got)
			}
		}},
		"backup file: untouched": {modePlain, 7, false, "3D 07 000000 020000 7777", func(c *client) {
			c.selectApp(1, 2, 3)
			c.refused(statusNoChanges, modePlain, 0, 0xC7)
		}},
		"commit: nothing of it": {modeMAC, 0, false, "C7", func(c *client) {
			c.selectApp(1, 2, 3)
			if got := c.must(modePlain, 7, 0xBD, 7, 0, 0, 0, 0, 0, 0); !isZero(got) {
				c.t.Errorf("the backup file is %X", got)
			}
		}},
		"key: the old one": {modeFull, 1, false, "C4 00" + dots(16) + "07", func(c *client) {
			c.selectApp(1, 2, 3)
			c.mustAuth(0, zeroKey)
		}},
		"key settings: the old ones": {modeFull, 0, false, "54 09", func(c *client) {
			if got := c.card.state.Apps[0].KeySettings; got != 0x0F {
				c.t.Errorf("key settings %02X", got)
			}
		}},
		"new file: F1, and it can be deleted": {modeMAC, 0, false, "CD 09 00 EEEE 010000", func(c *client) {
			c.selectApp(1, 2, 3)
			for ins, p := range map[byte][]byte{0xF5: {9}, 0xBD: {9, 0, 0, 0, 0, 0, 0}, 0x3D: {9, 0, 0, 0, 1, 0, 0, 1}} {
				c.refused(statusFileIntegrity, modePlain, 0, ins, p...)
			}
			c.refused(statusDuplicate, modePlain, 0, 0xCD, 9, 0, 0xEE, 0xEE, 1, 0, 0)
			c.must(modePlain, 0, 0xDF, 9)
			c.must(modePlain, 0, 0xCD, 9, 0, 0xEE, 0xEE, 1, 0, 0)
		}},
		"deleted file: F1": {modeMAC, 0, false, "DF 06", func(c *client) {
			c.selectApp(1, 2, 3)
			c.refused(statusFileIntegrity, modePlain, 0, 0xF5, 6)
		}},
		"new application: A1, and it can be deleted": {modeMAC, 0, true, "CA 0A0B0C 0F 81", func(c *client) {
			c.refused(statusAppIntegrity, modePlain, 0, 0x5A, 0x0A, 0x0B, 0x0C)
			c.mustAuth(0, keyFilled(0x11))
			c.must(modeMAC, 0, 0xDA, 0x0A, 0x0B, 0x0C)
			c.must(modeMAC, 0, 0xCA, 0x0A, 0x0B, 0x0C, 0x0F, 0x81)
			c.selectApp(0x0A, 0x0B, 0x0C)
		}},
		"deleted application: A1": {modeMAC, 0, true, "DA 010203", func(c *client) {
			c.refused(statusAppIntegrity, modePlain, 0, 0x5A, 1, 2, 3)
			expect(c.t, c.card, "00A404000341424300", "6A82")
		}},
		"format: half of the applications": {modeMAC, 0, true, "FC", func(c *client) {
			if n := len(c.card.state.Apps); n != 1 || c.card.freeBytes() == 8192 {
				c.t.Errorf("%d applications, %d bytes free", n, c.card.freeBytes())
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path := stateFile(t)
			c := used(t, path)
			c.selectApp(0, 0, 0)
			c.must(modeMAC, 0, 0xCA, 0x0D, 0x0E, 0x0F, 0x0F, 0x81)
			c.selectApp(1, 2, 3)
			c.must(modePlain, 0, 0xCD, 6, 0, 0x0E, 0xEE, 4, 0, 0)
			c.must(modePlain, 0, 0xCB, 7, 0, 0x0E, 0xEE, 2, 0, 0)
			if v.picc {
				c.selectApp(0, 0, 0)
				c.mustAuth(0, keyFilled(0x11))
			} else {
				c.mustAuth(0, zeroKey)
				if name[0] == 'c' { // the commit needs something to lose
					c.must(modePlain, 7, 0x3D, unhex(t, "07 000000 010000 55")...)
				}
			}
			c.tornOff(v.m, v.header, unhex(t, v.command), During)
			again, err := New(Options{State: path})
			if err != nil {
				t.Fatal(err)
			}
			for _, card := range []*Card{c.card, again} {
				if card == again && name[:3] == "new" {
					continue // mended already
				}
				v.after(&client{t: t, card: card})
			}
		})
	}
}

// TestTearLastFrame: the last answer of a chain is lost, the effect is not.
func TestTearLastFrame(t *testing.T) {
	c := newClient(t)
	c.app(0x0F, 1)
	c.must(modeMAC, 0, 0xCD, 1, 0, 0xEE, 0xEE, 0x40, 0, 0)
	expect(t, c.card, "3D01000000400000"+dots(52), "AF")
	c.card.TearAt(1, After)
	if raw, err := c.card.Exchange(t.Context(), unhex(t, "AF"+dots(12))); !errors.Is(err, reader.ErrRemoved) || raw != nil {
		t.Fatalf("%X, %v", raw, err)
	}
	if got := c.card.state.Apps[0].Files[0].Data; !bytes.Equal(got, unhex(t, dots(64))) {
		t.Errorf("the file is %X", []byte(got))
	}
}
