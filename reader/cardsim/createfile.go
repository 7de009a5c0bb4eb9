package cardsim

import "bytes"

func (c *Card) createStdDataFile(p []byte) reply    { return c.createDataFile(fileStandard, p) }
func (c *Card) createBackupDataFile(p []byte) reply { return c.createDataFile(fileBackup, p) }
func (c *Card) createLinearFile(p []byte) reply     { return c.createRecordFile(fileLinear, p) }
func (c *Card) createCyclicFile(p []byte) reply     { return c.createRecordFile(fileCyclic, p) }

// createDataFile is CD and CB: FileNo [ISO identifier] FileOption AR(2) Size(3).
func (c *Card) createDataFile(t fileType, p []byte) reply {
	return c.createFile(t, p, 3, true, func(f *file, size []byte) status {
		n := uint24(size)
		switch {
		case n == 0:
			return statusParameter
		case n > memorySize(c.state.Storage):
			return statusOutOfMemory
		}
		f.Data = make([]byte, n)
		return statusOK
	})
}

// createRecordFile is C1 and C0: FileNo [ISO identifier] FileOption AR(2)
// RecordSize(3) MaxRecords(3). A cyclic file needs two records: one is always
// the next to be written.
func (c *Card) createRecordFile(t fileType, p []byte) reply {
	return c.createFile(t, p, 6, true, func(f *file, sizes []byte) status {
		f.RecordSize, f.MaxRecords = uint24(sizes), uint24(sizes[3:])
		switch {
		case f.RecordSize == 0 || f.MaxRecords == 0 || t == fileCyclic && f.MaxRecords < 2:
			return statusParameter
		case f.RecordSize*f.MaxRecords > memorySize(c.state.Storage):
			return statusOutOfMemory
		}
		return statusOK
	})
}

// createValueFile is CC: FileNo FileOption AR(2) Lower(4) Upper(4) Value(4) Flags.
func (c *Card) createValueFile(p []byte) reply {
	return c.createFile(fileValue, p, 13, false, func(f *file, v []byte) status {
		f.Value = &value{Lower: int32le(v), Upper: int32le(v[4:]), Value: int32le(v[8:]), Flags: v[12]}
		if !f.Value.valid() {
			return statusParameter
		}
		return statusOK
	})
}

// createFile is what the commands share: FileNo, for data and record files of
// an application with ISO identifiers one of these, FileOption, access rights,
// and size bytes that the type reads itself.
func (c *Card) createFile(t fileType, p []byte, size int, iso bool, read func(f *file, p []byte) status) reply {
	if st := c.mayManage(); st != statusOK {
		return fail(st)
	}
	f := &file{Number: p[0], Type: t}
	rest := p[1:]
	if iso && c.app.ISOFiles {
		if len(rest) != 5+size {
			return fail(statusLength)
		}
		var st status
		if f.ISOID, st = isoID(rest[:2]); st != statusOK {
			return fail(st)
		}
		rest = rest[2:]
	}
	if len(rest) != 3+size {
		return fail(statusLength)
	}
	f.Option, f.Rights = rest[0], bytes.Clone(rest[1:3])
	if st := c.checkSettings(f.Option, f.Rights); st != statusOK {
		return fail(st)
	}
	if st := read(f, rest[3:]); st != statusOK {
		return fail(st)
	}
	return c.addFile(f)
}

// addFile gives the selected application one more file.
func (c *Card) addFile(f *file) reply {
	switch {
	case f.Number > maxFileNumber:
		return fail(statusParameter)
	case c.app.file(f.Number) != nil || c.app.hasISOFile(f.ISOID):
		return fail(statusDuplicate)
	case !c.allocate(f.cost()):
		return fail(statusOutOfMemory)
	}
	f.Broken = c.cut
	c.app.Files = append(c.app.Files, f)
	return reply{}
}

func (a *application) hasISOFile(id []byte) bool {
	for _, f := range a.Files {
		if len(id) > 0 && bytes.Equal(f.ISOID, id) {
			return true
		}
	}
	return false
}
