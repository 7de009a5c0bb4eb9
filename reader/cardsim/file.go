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
	fileValue    fileType = 2
	fileLinear   fileType = 3
	fileCyclic   fileType = 4
	fileMAC      fileType = 5 // transaction MAC
)

const (
	maxFileNumber = 0x1F
	accessFree    = 0xE
	accessNever   = 0xF

	optionMode       byte = 0x03 // bits of FileOption: communication mode
	optionMoreRights byte = 0x80 // further sets of access rights

	maxMoreRights = 7
)

// file is a file as it was last committed.
type file struct {
	Number byte       `json:"number"`
	Type   fileType   `json:"type"`
	Option byte       `json:"option"`
	Rights hexBytes   `json:"rights"` // as sent: ReadWrite‖Change, Read‖Write
	More   []hexBytes `json:"more_rights,omitempty"`
	ISOID  hexBytes   `json:"iso_id,omitempty"`
	// Broken: power failed while the file was made.
	Broken bool `json:"broken,omitempty"`

	// Data of record files is the records one after the other, oldest first.
	Data       hexBytes `json:"data,omitempty"`
	RecordSize int      `json:"record_size,omitempty"`
	MaxRecords int      `json:"max_records,omitempty"`

	Value *value          `json:"value,omitempty"`
	MAC   *transactionMAC `json:"transaction_mac,omitempty"`
}

// mode is the file's own communication mode; 02 is plain too (AN12343 §6).
func (f *file) mode() mode {
	switch f.Option & optionMode {
	case 1:
		return modeMAC
	case 3:
		return modeFull
	}
	return modePlain
}

func (f *file) clone() *file {
	g := *f
	g.Data = bytes.Clone(f.Data)
	if f.Value != nil {
		v := *f.Value
		g.Value = &v
	}
	return &g
}

func (f *file) validate() error {
	ok := f != nil && f.Number <= maxFileNumber && f.Type <= fileMAC && f.Option&^(optionMode|optionMoreRights) == 0 &&
		len(f.Rights) == 2 && len(f.More) <= maxMoreRights && (len(f.ISOID) == 0 || len(f.ISOID) == 2) &&
		!slices.ContainsFunc(f.More, func(r hexBytes) bool { return len(r) != 2 }) && f.validContent()
	if !ok {
		return fmt.Errorf("a file is damaged")
	}
	return nil
}

// validContent: the content is one that the type can have.
func (f *file) validContent() bool {
	if (f.Value != nil) != (f.Type == fileValue) || (f.MAC != nil) != (f.Type == fileMAC) {
		return false
	}
	switch f.Type {
	case fileValue:
		return f.Value.valid() && len(f.Data) == 0
	case fileMAC:
		return f.MAC.valid() && len(f.Data) == 0
	case fileLinear, fileCyclic:
		return f.RecordSize > 0 && f.RecordSize <= maxFile && f.MaxRecords > 0 && f.MaxRecords <= maxFile &&
			len(f.Data)%f.RecordSize == 0 && f.records() <= f.capacity()
	}
	return len(f.Data) > 0 && len(f.Data) <= maxFile
}

// right is one of the four access rights.
type right int

const (
	rightReadWrite right = iota
	rightChange
	rightRead
	rightWrite
)

// holders are the key numbers that a right names, or accessFree or accessNever:
// one from each set of access rights. Only the first set has a Change right.
func (f *file) holders(r right) []byte {
	nibble := func(set []byte) byte { return set[r/2] >> (4 * (1 - r%2)) & 0x0F }
	out := []byte{nibble(f.Rights)}
	for _, set := range f.More {
		if r != rightChange {
			out = append(out, nibble(set))
		}
	}
	return out
}

// grant applies access rights: a session whose key holds one of them gets the
// file's mode; a free right gives plain, even within a session (NT4H2421Gx
// §8.2.3).
func (c *Card) grant(f *file, rights ...right) (mode, status) {
	var holders []byte
	for _, r := range rights {
		holders = append(holders, f.holders(r)...)
	}
	if c.session != nil && slices.Contains(holders, c.session.key()) {
		return f.mode(), statusOK
	}
	if slices.Contains(holders, accessFree) {
		return modePlain, statusOK
	}
	keyed := slices.ContainsFunc(holders, func(r byte) bool { return r != accessNever })
	if c.session == nil && keyed {
		return 0, statusAuthentication
	}
	return 0, statusDenied
}

// usable is the file of that number, of one of the types.
func (c *Card) usable(number byte, types ...fileType) (*file, status) {
	f := c.app.file(number)
	switch {
	case f == nil:
		return nil, statusNoFile
	case f.Broken:
		return nil, statusFileIntegrity
	case !slices.Contains(types, f.Type):
		return nil, statusDenied
	}
	return f, statusOK
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

// deleteFile is DF. The memory does not come back.
func (c *Card) deleteFile(p []byte) reply {
	if st := c.mayManage(); st != statusOK {
		return fail(st)
	}
	f := c.app.file(p[0])
	if f == nil {
		return fail(statusNoFile)
	}
	delete(c.pending, p[0])
	if c.dirty = true; c.cut {
		f.Broken = true
		return reply{}
	}
	c.app.Files = slices.DeleteFunc(c.app.Files, func(x *file) bool { return x == f })
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

// getFileSettings is F5: type, option, access rights, what the type has, and
// further sets of access rights behind their count.
func (c *Card) getFileSettings(p []byte) reply {
	if st := c.mayList(); st != statusOK {
		return fail(st)
	}
	f := c.app.file(p[0])
	switch {
	case f == nil:
		return fail(statusNoFile)
	case f.Broken:
		return fail(statusFileIntegrity)
	}
	out := slices.Concat([]byte{byte(f.Type), f.Option}, f.Rights, f.typeSettings())
	if f.Option&optionMoreRights != 0 {
		out = append(out, byte(len(f.More)))
		for _, set := range f.More {
			out = append(out, set...)
		}
	}
	return answer(out)
}

func (f *file) typeSettings() []byte {
	switch f.Type {
	case fileValue:
		return f.Value.settings()
	case fileLinear, fileCyclic:
		return slices.Concat(putUint24(f.RecordSize), putUint24(f.MaxRecords), putUint24(f.records()))
	case fileMAC:
		return []byte{macKeyAES, f.MAC.Version}
	}
	return putUint24(len(f.Data))
}

// modeOfChange is how ChangeFileSettings travels: enciphered under the key of
// the Change right, plain if that is free.
func (c *Card) modeOfChange(p []byte) (mode, status) {
	f, st := c.usable(p[0], fileStandard, fileBackup, fileValue, fileLinear, fileCyclic, fileMAC)
	if st != statusOK {
		return 0, st
	}
	if _, st := c.grant(f, rightChange); st != statusOK {
		return 0, st
	}
	if f.holders(rightChange)[0] == accessFree {
		return modePlain, statusOK
	}
	return modeFull, statusOK
}

// changeFileSettings is 5F: FileNo FileOption AR(2), and with bit 7 of the
// option, EV2 on, a count of further sets of access rights, 2 bytes each.
func (c *Card) changeFileSettings(p []byte) reply {
	more, st := c.moreRights(p[1], p[4:])
	if st != statusOK {
		return fail(st)
	}
	for _, set := range append([]hexBytes{p[2:4]}, more...) {
		if st := c.checkSettings(p[1], set); st != statusOK {
			return fail(st)
		}
	}
	f := c.app.file(p[0])
	f.Option, f.Rights, f.More, c.dirty = p[1], bytes.Clone(p[2:4]), more, true
	return reply{}
}

// moreRights reads the further sets of access rights.
func (c *Card) moreRights(option byte, p []byte) ([]hexBytes, status) {
	if option&optionMoreRights == 0 || !c.state.Type.isEV2() {
		if len(p) > 0 {
			return nil, statusLength
		}
		return nil, statusOK
	}
	if len(p) == 0 || len(p) != 1+2*int(p[0]) {
		return nil, statusLength
	}
	if p[0] > maxMoreRights {
		return nil, statusParameter
	}
	var sets []hexBytes
	for set := range slices.Chunk(p[1:], 2) {
		sets = append(sets, bytes.Clone(set))
	}
	return sets, statusOK
}

// checkSettings checks FileOption and access rights. Secure dynamic messaging
// (bit 6) is not simulated.
func (c *Card) checkSettings(option byte, rights []byte) status {
	allowed := optionMode
	if c.state.Type.isEV2() {
		allowed |= optionMoreRights
	}
	if option&^allowed != 0 {
		return statusParameter
	}
	for _, right := range []byte{rights[0] >> 4, rights[0] & 0x0F, rights[1] >> 4, rights[1] & 0x0F} {
		if right < accessFree && int(right) >= len(c.app.Keys) {
			return statusNoSuchKey
		}
	}
	return statusOK
}
