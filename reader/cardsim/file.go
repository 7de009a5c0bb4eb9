package cardsim

import (
	"bytes"
	"fmt"
	"slices"
)

type fileType byte

const (
	fileStandard fileType = 0
	fileBackup   fileType = 1
)

const (
	maxFileNumber = 0x1F
	accessFree    = 0xE
	accessNever   = 0xF
)

// file is a data file. Data of a backup file is its committed content.
type file struct {
	Number byte     `json:"number"`
	Type   fileType `json:"type"`
	Option byte     `json:"option"`
	Rights hexBytes `json:"rights"` // as sent: ReadWrite‖Change, Read‖Write
	Data   hexBytes `json:"data"`
}

func (f *file) readWrite() byte { return f.Rights[0] >> 4 }
func (f *file) change() byte    { return f.Rights[0] & 0x0F }
func (f *file) read() byte      { return f.Rights[1] >> 4 }
func (f *file) write() byte     { return f.Rights[1] & 0x0F }

// mode is the file's own communication mode; 02 is plain too (AN12343 §6).
func (f *file) mode() mode {
	switch f.Option {
	case 1:
		return modeMAC
	case 3:
		return modeFull
	}
	return modePlain
}

func (f *file) validate() error {
	if f == nil || f.Number > maxFileNumber || f.Type > fileBackup || f.Option > 3 ||
		len(f.Rights) != 2 || len(f.Data) == 0 || len(f.Data) > memorySize(storage8K) {
		return fmt.Errorf("a file is damaged")
	}
	return nil
}

// grant applies access rights: a session whose key holds one of them gets the
// file's mode; a free right gives plain, even within a session (NT4H2421Gx
// §8.2.3).
func (c *Card) grant(f *file, rights ...byte) (mode, status) {
	if c.session != nil && slices.Contains(rights, c.session.key()) {
		return f.mode(), statusOK
	}
	if slices.Contains(rights, accessFree) {
		return modePlain, statusOK
	}
	keyed := slices.ContainsFunc(rights, func(r byte) bool { return r != accessNever })
	if c.session == nil && keyed {
		return 0, statusAuthentication
	}
	return 0, statusDenied
}

// mayManage applies bit 2 of the key settings to creating and deleting files.
func (c *Card) mayManage() status {
	if c.atPICC() {
		return statusDenied
	}
	if c.app.KeySettings&ks1FreeCreate != 0 {
		return statusOK
	}
	return c.needMaster()
}

func (c *Card) createStdDataFile(p []byte) reply    { return c.createFile(fileStandard, p) }
func (c *Card) createBackupDataFile(p []byte) reply { return c.createFile(fileBackup, p) }

// createFile is CD and CB: FileNo FileOption AR(2) Size(3). An ISO file
// identifier (2 more bytes) is refused, as the application has none.
func (c *Card) createFile(t fileType, p []byte) reply {
	if st := c.mayManage(); st != statusOK {
		return fail(st)
	}
	if len(p) != 7 {
		return fail(statusLength)
	}
	size := uint24(p[4:])
	if p[0] > maxFileNumber || size == 0 {
		return fail(statusParameter)
	}
	if st := c.checkSettings(p[1:4]); st != statusOK {
		return fail(st)
	}
	if c.app.file(p[0]) != nil {
		return fail(statusDuplicate)
	}
	if size > memorySize(c.state.Storage) || !c.allocate(fileCost(t, size)) {
		return fail(statusOutOfMemory)
	}
	c.app.Files = append(c.app.Files, &file{
		Number: p[0], Type: t, Option: p[1], Rights: bytes.Clone(p[2:4]), Data: make([]byte, size),
	})
	return reply{}
}

// checkSettings checks FileOption and access rights. Additional access rights
// and secure dynamic messaging are not simulated.
func (c *Card) checkSettings(p []byte) status {
	if p[0] > 3 {
		return statusParameter
	}
	for _, right := range []byte{p[1] >> 4, p[1] & 0x0F, p[2] >> 4, p[2] & 0x0F} {
		if right < accessFree && int(right) >= len(c.app.Keys) {
			return statusNoSuchKey
		}
	}
	return statusOK
}

// deleteFile is DF. The memory does not come back.
func (c *Card) deleteFile(p []byte) reply {
	if st := c.mayManage(); st != statusOK {
		return fail(st)
	}
	f := c.app.file(p[0])
	if f == nil {
		return fail(statusNoFile)
	}
	c.app.Files = slices.DeleteFunc(c.app.Files, func(x *file) bool { return x == f })
	delete(c.pending, p[0])
	c.dirty = true
	return reply{}
}

// getFileIDs is 6F: one byte each.
func (c *Card) getFileIDs([]byte) reply {
	if c.atPICC() {
		return fail(statusDenied)
	}
	if st := c.mayList(); st != statusOK {
		return fail(st)
	}
	var out []byte
	for _, f := range c.app.Files {
		out = append(out, f.Number)
	}
	return answer(out)
}

// getFileSettings is F5: type, option, access rights, size.
func (c *Card) getFileSettings(p []byte) reply {
	if st := c.mayList(); st != statusOK {
		return fail(st)
	}
	f := c.app.file(p[0])
	if f == nil {
		return fail(statusNoFile)
	}
	return answer(slices.Concat([]byte{byte(f.Type), f.Option}, f.Rights, putUint24(len(f.Data))))
}

// modeOfChange is how ChangeFileSettings travels: enciphered under the key of
// the Change right, plain if that is free.
func (c *Card) modeOfChange(p []byte) (mode, status) {
	f := c.app.file(p[0])
	if f == nil {
		return 0, statusNoFile
	}
	if _, st := c.grant(f, f.change()); st != statusOK {
		return 0, st
	}
	if f.change() == accessFree {
		return modePlain, statusOK
	}
	return modeFull, statusOK
}

// changeFileSettings is 5F: FileNo FileOption AR(2).
func (c *Card) changeFileSettings(p []byte) reply {
	if len(p) != 4 {
		return fail(statusLength)
	}
	if st := c.checkSettings(p[1:4]); st != statusOK {
		return fail(st)
	}
	f := c.app.file(p[0])
	f.Option, f.Rights, c.dirty = p[1], bytes.Clone(p[2:4]), true
	return reply{}
}
