package cardsim

import "slices"

// maxFile is more bytes or records than any file holds.
const maxFile = 1 << 15

// modeOfRead checks the Read and ReadWrite rights of the file that FileNo names.
func (c *Card) modeOfRead(p []byte) (mode, status) {
	f, st := c.usable(p[0], fileStandard, fileBackup, fileMAC)
	if st != statusOK {
		return 0, st
	}
	if f.Type == fileMAC {
		return c.grant(f, rightRead) // ReadWrite is the key of CommitReaderID
	}
	return c.grant(f, rightRead, rightReadWrite)
}

// modeOfWrite checks the Write and ReadWrite rights, and the bounds before data
// is collected.
func (c *Card) modeOfWrite(p []byte) (mode, status) {
	f, st := c.usable(p[0], fileStandard, fileBackup)
	if st != statusOK {
		return 0, st
	}
	m, st := c.grant(f, rightWrite, rightReadWrite)
	if st != statusOK {
		return 0, st
	}
	return m, within(p[1:], len(f.Data))
}

// within checks Offset(3) Length(3) of a write against a size.
func within(p []byte, size int) status {
	offset, length := uint24(p), uint24(p[3:])
	switch {
	case length == 0:
		return statusParameter
	case offset+length > size:
		return statusBoundary
	}
	return statusOK
}

// readData is BD and AD: FileNo Offset(3) Length(3). Length 0 reads to the end.
// A backup file shows what was committed last, a transaction MAC file counter
// and value.
func (c *Card) readData(p []byte) reply {
	f := c.app.file(p[0])
	data := []byte(f.Data)
	if f.Type == fileMAC {
		data = f.MAC.content()
	}
	offset, length := uint24(p[1:]), uint24(p[4:])
	if offset >= len(data) || offset+length > len(data) {
		return fail(statusBoundary)
	}
	out := data[offset:]
	if length > 0 {
		out = out[:length]
	}
	c.account(p, out)
	return reply{data: out, marked: length == 0}
}

// writeData is 3D and 8D: FileNo Offset(3) Length(3) data. A standard file
// changes at once, and only half if power fails; a backup file changes at
// CommitTransaction.
func (c *Card) writeData(p []byte) reply {
	f := c.app.file(p[0])
	offset, data := uint24(p[1:]), p[7:]
	if len(data) != uint24(p[4:]) {
		return fail(statusLength)
	}
	if f.Type == fileStandard {
		if c.cut {
			data = data[:len(data)/2]
		}
		copy(f.Data[offset:], data)
		c.dirty = true
		return reply{}
	}
	copy(c.changeOf(f).Data[offset:], data)
	c.account(p[:7], data)
	return reply{}
}

// modeOfRecords checks the rights of a command on records.
func (c *Card) modeOfRecords(p []byte, rights ...right) (*file, mode, status) {
	f, st := c.usable(p[0], fileLinear, fileCyclic)
	if st != statusOK {
		return nil, 0, st
	}
	m, st := c.grant(f, rights...)
	return f, m, st
}

func (c *Card) modeOfReadRecords(p []byte) (mode, status) {
	_, m, st := c.modeOfRecords(p, rightRead, rightReadWrite)
	return m, st
}

func (c *Card) modeOfWriteRecord(p []byte) (mode, status) {
	f, m, st := c.modeOfRecords(p, rightWrite, rightReadWrite)
	if st == statusOK {
		st = within(p[1:], f.RecordSize)
	}
	return m, st
}

func (c *Card) modeOfUpdateRecord(p []byte) (mode, status) {
	f, m, st := c.modeOfRecords(p, rightReadWrite)
	if st == statusOK {
		st = within(p[4:], f.RecordSize)
	}
	return m, st
}

// records is how many there are.
func (f *file) records() int { return len(f.Data) / f.RecordSize }

// capacity is how many there can be: one record of a cyclic file is always the
// next to be written.
func (f *file) capacity() int {
	if f.Type == fileCyclic {
		return f.MaxRecords - 1
	}
	return f.MaxRecords
}

// readRecords is BB and AB: FileNo RecNo(3) Count(3). Record 0 is the newest;
// the answer is in the order of writing. Count 0 reads all from there.
func (c *Card) readRecords(p []byte) reply {
	f := c.app.file(p[0])
	skip, count, have := uint24(p[1:]), uint24(p[4:]), f.records()
	if skip >= have || skip+count > have {
		return fail(statusBoundary)
	}
	first := 0
	if count > 0 {
		first = have - skip - count
	}
	out := f.Data[first*f.RecordSize : (have-skip)*f.RecordSize]
	c.account(p, out)
	return reply{data: out, marked: count == 0}
}

// writeRecord is 3B and 8B: FileNo Offset(3) Length(3) data. The first one of a
// transaction starts a new record, zero elsewhere; further ones write into it.
// A file cleared and not committed takes none.
func (c *Card) writeRecord(p []byte) reply {
	f := c.app.file(p[0])
	data := p[7:]
	if len(data) != uint24(p[4:]) {
		return fail(statusLength)
	}
	if ch := c.pending[p[0]]; ch != nil && ch.cleared {
		return fail(statusDenied)
	}
	if f.Type == fileLinear && f.records() == f.capacity() {
		return fail(statusBoundary)
	}
	ch := c.changeOf(f)
	if ch.record == nil {
		ch.record = make(hexBytes, f.RecordSize)
	}
	copy(ch.record[uint24(p[1:]):], data)
	c.account(p[:7], data)
	return reply{}
}

// updateRecord is DB and BA: FileNo RecNo(3) Offset(3) Length(3) data, of a
// record that was committed before; 0 is the newest.
func (c *Card) updateRecord(p []byte) reply {
	f := c.app.file(p[0])
	number, data := uint24(p[1:]), p[10:]
	if len(data) != uint24(p[7:]) {
		return fail(statusLength)
	}
	if number >= f.records() {
		return fail(statusBoundary)
	}
	if ch := c.pending[p[0]]; ch != nil && ch.cleared {
		return fail(statusDenied)
	}
	from := (f.records()-1-number)*f.RecordSize + uint24(p[4:])
	copy(c.changeOf(f).Data[from:], data)
	c.account(p[:10], data)
	return reply{}
}

// clearRecordFile is EB. What was written in the same transaction goes too.
func (c *Card) clearRecordFile(p []byte) reply {
	f, _, st := c.modeOfRecords(p, rightWrite, rightReadWrite)
	if st != statusOK {
		return fail(st)
	}
	ch := c.changeOf(f)
	ch.cleared, ch.record = true, nil
	c.account(p, nil)
	return reply{}
}

// account adds a command to what the transaction MAC covers: INS and header,
// data, each padded with zeros to whole blocks.
func (c *Card) account(header, data []byte) {
	if c.macFile() == nil {
		return
	}
	c.tmi = slices.Concat(c.tmi, padZero(append([]byte{c.ins}, header...), 16), padZero(data, 16))
}
