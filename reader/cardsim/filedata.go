package cardsim

import "bytes"

// modeOfRead checks the Read and ReadWrite rights of the file that FileNo names.
func (c *Card) modeOfRead(p []byte) (mode, status) {
	f := c.app.file(p[0])
	if f == nil {
		return 0, statusNoFile
	}
	return c.grant(f, f.read(), f.readWrite())
}

// modeOfWrite checks the Write and ReadWrite rights, and the bounds before data
// is collected.
func (c *Card) modeOfWrite(p []byte) (mode, status) {
	f := c.app.file(p[0])
	if f == nil {
		return 0, statusNoFile
	}
	m, st := c.grant(f, f.write(), f.readWrite())
	if st != statusOK {
		return 0, st
	}
	offset, length := uint24(p[1:]), uint24(p[4:])
	switch {
	case length == 0:
		return 0, statusParameter
	case offset+length > len(f.Data):
		return 0, statusBoundary
	}
	return m, statusOK
}

// readData is BD and AD: FileNo Offset(3) Length(3). Length 0 reads to the end.
// A backup file shows what was committed last.
func (c *Card) readData(p []byte) reply {
	f := c.app.file(p[0])
	offset, length := uint24(p[1:]), uint24(p[4:])
	if offset >= len(f.Data) || offset+length > len(f.Data) {
		return fail(statusBoundary)
	}
	if length == 0 {
		return reply{data: f.Data[offset:], marked: true}
	}
	return answer(f.Data[offset : offset+length])
}

// writeData is 3D and 8D: FileNo Offset(3) Length(3) data. A standard file
// changes at once, a backup file at CommitTransaction.
func (c *Card) writeData(p []byte) reply {
	f := c.app.file(p[0])
	offset, data := uint24(p[1:]), p[7:]
	if len(data) != uint24(p[4:]) {
		return fail(statusLength)
	}
	if f.Type == fileStandard {
		copy(f.Data[offset:], data)
		c.dirty = true
		return reply{}
	}
	if c.pending == nil {
		c.pending = map[byte][]byte{}
	}
	if c.pending[p[0]] == nil {
		c.pending[p[0]] = bytes.Clone(f.Data)
	}
	copy(c.pending[p[0]][offset:], data)
	return reply{}
}

// commitTransaction is C7: every backup file written since the last commit
// changes in one step. Its option byte asks for the transaction MAC, which only
// an application with a transaction MAC file has.
func (c *Card) commitTransaction(p []byte) reply {
	if len(p) == 1 && p[0] != 0 {
		return fail(statusParameter)
	}
	if len(c.pending) == 0 {
		return fail(statusNoChanges)
	}
	for number, data := range c.pending {
		c.app.file(number).Data = data
	}
	c.pending, c.dirty = nil, true
	return reply{}
}

// abortTransaction is A7.
func (c *Card) abortTransaction([]byte) reply {
	if len(c.pending) == 0 {
		return fail(statusNoChanges)
	}
	c.pending = nil
	return reply{}
}
