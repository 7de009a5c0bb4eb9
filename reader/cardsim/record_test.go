package cardsim

import (
	"bytes"
	"slices"
	"testing"
)

// recordBook is an application with record file 1 of 2-byte records, at most
// four, free for all.
func recordBook(t *testing.T, create byte) *client {
	c := newClient(t)
	c.app(0x0F, 1)
	c.must(modeMAC, 0, create, 1, 0, 0xEE, 0xEE, 2, 0, 0, 4, 0, 0)
	return c
}

const insLinear, insCyclic byte = 0xC1, 0xC0

func (c *client) write(want status, offset byte, data ...byte) {
	c.t.Helper()
	c.refused(want, modePlain, 7, 0x3B, slices.Concat([]byte{1, offset, 0, 0, byte(len(data)), 0, 0}, data)...)
}

func (c *client) commit() { c.t.Helper(); c.must(modePlain, 0, 0xC7) }

// fill writes records 0101, 0202, .. in transactions of their own.
func (c *client) fill(n int) {
	c.t.Helper()
	for i := range n {
		c.write(0, 0, byte(i+1), byte(i+1))
		c.commit()
	}
}

func (c *client) reads(want string, skip, count byte) {
	c.t.Helper()
	got, st := c.plain(0xBB, []byte{1, skip, 0, 0, count, 0, 0})
	if want == "" && st == statusBoundary {
		return
	}
	if st != statusOK || !bytes.Equal(got, unhex(c.t, want)) {
		c.t.Errorf("records from %d, %d: %X 91%02X, want %s", skip, count, got, byte(st), want)
	}
}

func TestReadRecords(t *testing.T) {
	c := recordBook(t, insLinear)
	c.reads("", 0, 0)
	c.fill(3)
	c.reads("0101 0202 0303", 0, 0)
	c.reads("0101 0202", 1, 0)
	c.reads("0303", 0, 1)
	c.reads("0202 0303", 0, 2)
	c.reads("0101", 2, 1)
	c.reads("", 3, 0)
	c.reads("", 2, 2)
	if got := c.must(modeMAC, 0, 0xF5, 1); !bytes.Equal(got, unhex(t, "03 00 EEEE 020000 040000 030000")) {
		t.Errorf("settings %X", got)
	}
}

func TestRecordLimits(t *testing.T) {
	t.Run("linear is full", func(t *testing.T) {
		c := recordBook(t, insLinear)
		c.fill(4)
		c.write(statusBoundary, 0, 5, 5)
		c.reads("0101 0202 0303 0404", 0, 0)
	})
	t.Run("cyclic overwrites the oldest, one record is kept back", func(t *testing.T) {
		c := recordBook(t, insCyclic)
		c.fill(5)
		c.reads("0303 0404 0505", 0, 0)
	})
	t.Run("bounds", func(t *testing.T) {
		c := recordBook(t, insLinear)
		c.write(statusBoundary, 1, 1, 2)
		c.write(statusParameter, 0)
	})
	for p, want := range map[string]status{
		"01 00 EEEE 000000 040000": statusParameter, "01 00 EEEE 020000 000000": statusParameter,
		"01 00 EEEE 020000 010000": statusParameter, "01 00 EEEE FFFF00 FF0000": statusOutOfMemory, "01 00 EEEE 020000 020000": statusOK,
	} {
		c := newClient(t)
		c.app(0x0F, 1)
		c.refused(want, modeMAC, 0, insCyclic, unhex(t, p)...)
	}
}

// TestWriteRecord: one transaction makes one record, however often it writes.
func TestWriteRecord(t *testing.T) {
	c := recordBook(t, insLinear)
	c.fill(1)
	c.write(0, 1, 0xBB)
	c.write(0, 0, 0xAA)
	c.reads("0101", 0, 0)
	c.commit()
	c.reads("0101 AABB", 0, 0)
	c.write(0, 1, 0xCC)
	c.commit()
	c.reads("00CC", 0, 1)
	c.write(0, 0, 0xDD)
	c.must(modePlain, 0, 0xA7)
	c.reads("0101 AABB 00CC", 0, 0)
}

func TestUpdateRecord(t *testing.T) {
	for _, ins := range []byte{0xDB, 0xBA} {
		c := recordBook(t, insLinear)
		c.fill(3)
		update := func(number, offset byte, data ...byte) status {
			_, st := c.plain(ins, slices.Concat([]byte{1, number, 0, 0, offset, 0, 0, byte(len(data)), 0, 0}, data))
			return st
		}
		if st := update(1, 1, 0xEE); st != statusOK {
			t.Fatalf("91%02X", byte(st))
		}
		c.reads("0101 0202 0303", 0, 0)
		c.commit()
		c.reads("0101 02EE 0303", 0, 0)
		if st := update(3, 0, 1); st != statusBoundary {
			t.Errorf("no such record: 91%02X", byte(st))
		}
		if st := update(0, 1, 1, 1); st != statusBoundary {
			t.Errorf("over the end: 91%02X", byte(st))
		}
	}
}

// TestClearRecordFile: nothing goes before the commit, and nothing is written
// between clearing and commit.
func TestClearRecordFile(t *testing.T) {
	c := recordBook(t, insLinear)
	c.fill(2)
	c.must(modePlain, 0, 0xEB, 1)
	c.reads("0101 0202", 0, 0)
	c.write(statusDenied, 0, 9) // which ends the transaction
	c.refused(statusNoChanges, modePlain, 0, 0xC7)
	c.must(modePlain, 0, 0xEB, 1)
	c.commit()
	c.reads("", 0, 0)
	c.fill(1)
	c.reads("0101", 0, 0)
}

// TestRecordModes: a session's records in each mode, by the native and the
// chained commands, longer than one frame.
func TestRecordModes(t *testing.T) {
	for option := range byte(4) {
		for _, ins := range [][2]byte{{0x3B, 0xBB}, {0x8B, 0xAB}} {
			m := (&file{Option: option}).mode()
			c := newClient(t)
			c.app(0x0F, 1)
			c.must(modeMAC, 0, insLinear, 1, option, 0x00, 0x00, 100, 0, 0, 4, 0, 0)
			c.mustAuth(0, zeroKey)
			record := bytes.Repeat([]byte{0x80, 0x00}, 50)
			c.must(m, 7, ins[0], append([]byte{1, 0, 0, 0, 100, 0, 0}, record...)...)
			c.must(modeMAC, 0, 0xC7)
			if got := c.must(m, 7, ins[1], 1, 0, 0, 0, 1, 0, 0); !bytes.Equal(got, record) {
				t.Errorf("option %d, %X: %X", option, ins, got)
			}
		}
	}
}
