package cardsim

import (
	"bytes"
	"fmt"
	"testing"
)

// TestAccessRights: who may read and write, and in which mode.
func TestAccessRights(t *testing.T) {
	const none = -1
	for _, v := range []struct {
		rights      string // ReadWrite‖Change, Read‖Write
		session     int
		read, write status
		readMode    mode
	}{
		{"00 12", none, statusAuthentication, statusAuthentication, 0},
		{"00 12", 0, 0, 0, modeFull},
		{"00 12", 1, 0, statusDenied, modeFull},
		{"00 12", 2, statusDenied, 0, 0},
		{"00 12", 3, statusDenied, statusDenied, 0},
		{"00 E2", none, 0, statusAuthentication, modePlain},
		{"00 E2", 3, 0, statusDenied, modePlain}, // only the free right fits: plain in a session
		{"00 E2", 0, 0, 0, modeFull},             // a key right fits as well: the file's mode
		{"F0 FF", none, statusDenied, statusDenied, 0},
		{"F0 FF", 0, statusDenied, statusDenied, 0},
		{"F0 1F", none, statusAuthentication, statusDenied, 0},
		{"E0 FF", none, 0, 0, modePlain},
	} {
		t.Run(fmt.Sprintf("%s key %d", v.rights, v.session), func(t *testing.T) {
			client := func() *client {
				c := newClient(t)
				c.app(0x0F, 4)
				c.must(modeMAC, 0, 0xCD, append(append([]byte{1, 3}, unhex(t, v.rights)...), 32, 0, 0)...)
				if v.session != none {
					c.mustAuth(byte(v.session), zeroKey)
				}
				return c
			}
			c := client()
			c.refused(v.read, v.readMode, 7, 0xBD, 1, 0, 0, 0, 32, 0, 0)
			c = client()
			m := modePlain
			if c.card.session != nil && v.write == statusOK {
				m = modeFull
			}
			c.refused(v.write, m, 7, 0x3D, 1, 0, 0, 0, 1, 0, 0, 0xAA)
		})
	}
}

func TestReadWrite(t *testing.T) {
	for _, option := range []byte{0, 1, 2, 3} {
		for _, ins := range [][2]byte{{0xBD, 0x3D}, {0xAD, 0x8D}} {
			t.Run(fmt.Sprintf("option %d, %X", option, ins), func(t *testing.T) {
				m := (&file{Option: option}).mode()
				c := newClient(t)
				c.app(0x0F, 1)
				c.must(modeMAC, 0, 0xCD, 1, option, 0x00, 0x00, 200, 0, 0)
				c.mustAuth(0, zeroKey)
				want := bytes.Repeat([]byte{0x5A, 0xA5, 0x00, 0x80}, 25)
				c.must(m, 7, ins[1], append([]byte{1, 50, 0, 0, 100, 0, 0}, want...)...)
				if got := c.must(m, 7, ins[0], 1, 50, 0, 0, 100, 0, 0); !bytes.Equal(got, want) {
					t.Errorf("read back %X", got)
				}
				if got := c.must(m, 7, ins[0], 1, 50, 0, 0, 0, 0, 0); len(got) != 150 {
					t.Errorf("read to the end: %d bytes", len(got))
				}
				for name, p := range map[string][]byte{
					"over the end": {1, 150, 0, 0, 51, 0, 0}, "at the end": {1, 200, 0, 0, 0, 0, 0},
				} {
					c.mustAuth(0, zeroKey)
					if _, st := c.do(m, 7, ins[0], p); st != statusBoundary {
						t.Errorf("read %s: 91%02X", name, byte(st))
					}
				}
				c.mustAuth(0, zeroKey)
				c.refused(statusBoundary, m, 7, ins[1], 1, 199, 0, 0, 2, 0, 0, 1, 1)
				c.mustAuth(0, zeroKey)
				c.refused(statusParameter, m, 7, ins[1], 1, 0, 0, 0, 0, 0, 0)
				c.mustAuth(0, zeroKey)
				c.refused(statusNoFile, m, 7, ins[0], 2, 0, 0, 0, 0, 0, 0)
			})
		}
	}
}

func TestCreateFile(t *testing.T) {
	for _, v := range []struct {
		name, p string
		want    status
	}{
		{"last number", "1F00EEEE010000", statusOK},
		{"number", "2000EEEE010000", statusParameter},
		{"empty", "0100EEEE000000", statusParameter},
		{"SDM", "0140EEEE010000", statusParameter},
		{"more access rights", "0180EEEE010000", statusOK},
		{"key that does not exist", "01002EEE010000", statusNoSuchKey},
		{"there already", "0500EEEE010000", statusDuplicate},
		{"ISO file identifier", "0110E100EEEE010000", statusLength},
		{"larger than the card", "0100EEEEFFFFFF", statusOutOfMemory},
		{"short", "0100EEEE0100", statusLength},
	} {
		for _, ins := range []byte{0xCD, 0xCB} {
			t.Run(fmt.Sprintf("%s/%X", v.name, ins), func(t *testing.T) {
				c := newClient(t)
				c.app(0x0F, 2)
				c.must(modeMAC, 0, 0xCD, 5, 0, 0xEE, 0xEE, 1, 0, 0)
				c.refused(v.want, modeMAC, 0, ins, unhex(t, v.p)...)
			})
		}
	}
	newClient(t).refused(statusDenied, modeMAC, 0, 0xCD, 1, 0, 0xEE, 0xEE, 1, 0, 0)
}

func TestFileDirectory(t *testing.T) {
	c := newClient(t)
	c.app(0x0F, 2)
	c.must(modeMAC, 0, 0xCD, 4, 1, 0x10, 0xE0, 0x21, 0, 0)
	c.must(modeMAC, 0, 0xCB, 2, 3, 0x00, 0x00, 0x10, 0, 0)
	if got := c.must(modeMAC, 0, 0x6F); !bytes.Equal(got, []byte{4, 2}) {
		t.Errorf("files %X", got)
	}
	for number, want := range map[byte]string{4: "00 01 10E0 210000", 2: "01 03 0000 100000"} {
		if got := c.must(modeMAC, 0, 0xF5, number); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("settings of file %d: %X", number, got)
		}
	}
	c.must(modeMAC, 0, 0xDF, 4)
	c.refused(statusNoFile, modeMAC, 0, 0xF5, 4)
	c.refused(statusNoFile, modeMAC, 0, 0xDF, 4)
}

func TestChangeFileSettings(t *testing.T) {
	for _, v := range []struct {
		change  byte // the Change right
		session int
		m       mode
		p       string
		want    status
	}{
		{0x0, 0, modeFull, "01 03 1012", statusOK},
		{0x0, 1, modeFull, "01 03 1012", statusDenied},
		{0x0, -1, modePlain, "01 03 1012", statusAuthentication},
		{0xE, -1, modePlain, "01 03 1012", statusOK},
		{0xE, 0, modePlain, "01 03 1012", statusOK},
		{0xF, 0, modeFull, "01 03 1012", statusDenied},
		{0x0, 0, modeFull, "01 07 1012", statusParameter},
		{0x0, 0, modeFull, "01 03 1092", statusNoSuchKey},
		{0x0, 0, modeFull, "01 03 10", statusLength},
		{0x0, 0, modeFull, "02 03 1012", statusNoFile},
	} {
		t.Run(fmt.Sprintf("%X key %d %s", v.change, v.session, v.p), func(t *testing.T) {
			c := newClient(t)
			c.app(0x0F, 3)
			c.must(modeMAC, 0, 0xCD, 1, 0, v.change, 0x00, 8, 0, 0)
			if v.session >= 0 {
				c.mustAuth(byte(v.session), zeroKey)
			}
			c.refused(v.want, v.m, 1, 0x5F, unhex(t, v.p)...)
			f, changed := c.card.app.file(1), v.want == statusOK
			if (f.Option == 3 && bytes.Equal(f.Rights, []byte{0x10, 0x12})) != changed {
				t.Errorf("option %d, rights %X", f.Option, []byte(f.Rights))
			}
		})
	}
}

// TestBackupFile: nothing is seen before the commit, all of it after, none of
// it after anything that ends the transaction.
func TestBackupFile(t *testing.T) {
	read := []byte{1, 0, 0, 0, 0, 0, 0}
	fresh := func(t *testing.T) *client {
		c := newClient(t)
		c.app(0x0F, 2)
		for _, n := range []byte{1, 2} {
			c.must(modeMAC, 0, 0xCB, n, 0, 0x0E, 0xEE, 4, 0, 0)
		}
		c.mustAuth(1, zeroKey)
		c.must(modePlain, 7, 0x3D, 1, 0, 0, 0, 2, 0, 0, 0xAA, 0xBB)
		c.must(modePlain, 7, 0x3D, 1, 3, 0, 0, 1, 0, 0, 0xCC)
		c.must(modePlain, 7, 0x3D, 2, 0, 0, 0, 1, 0, 0, 0xDD)
		return c
	}
	t.Run("commit", func(t *testing.T) {
		c := fresh(t)
		if got := c.must(modePlain, 7, 0xBD, read...); !isZero(got) {
			t.Errorf("before the commit %X", got)
		}
		c.must(modeMAC, 0, 0xC7)
		if got := c.must(modePlain, 7, 0xBD, read...); !bytes.Equal(got, []byte{0xAA, 0xBB, 0, 0xCC}) {
			t.Errorf("after the commit %X", got)
		}
		c.refused(statusNoChanges, modeMAC, 0, 0xC7)
	})
	for name, end := range map[string]func(c *client){
		"abort":  func(c *client) { c.must(modeMAC, 0, 0xA7) },
		"error":  func(c *client) { c.refused(statusNoFile, modeMAC, 0, 0xF5, 9) },
		"select": func(c *client) { c.selectApp(1, 2, 3) },
		"reset":  func(c *client) { c.card.Reset(); c.selectApp(1, 2, 3) },
		"delete": func(c *client) { c.must(modeMAC, 0, 0xDF, 1); c.must(modeMAC, 0, 0xDF, 2) },
		"option": func(c *client) { c.refused(statusParameter, modeMAC, 0, 0xC7, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			c := fresh(t)
			end(c)
			c.s = nil
			c.card.session = nil
			c.refused(statusNoChanges, modeMAC, 0, 0xC7)
			if f := c.card.app.file(1); f != nil && !isZero(f.Data) {
				t.Errorf("the file is %X", []byte(f.Data))
			}
		})
	}
	newClient(t).refused(statusNoChanges, modeMAC, 0, 0xA7)
}
