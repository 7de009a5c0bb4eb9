package cardsim

import (
	"bytes"
	"slices"
)

// macKeyAES is the only key option of a transaction MAC file.
const macKeyAES byte = 0x02

// transactionMAC is the content of a transaction MAC file (AN12343 §6.1). What
// its MAC covers is simulated after the description of the messages, without a
// published vector: a verifier of it is unproven here. Its session keys are.
type transactionMAC struct {
	Key     hexBytes `json:"key"`
	Version byte     `json:"version"`
	Counter uint32   `json:"counter"`
	Value   hexBytes `json:"value"`            // of the last commit, 8 bytes
	Reader  hexBytes `json:"reader,omitempty"` // TMRI of the last CommitReaderID, 16 bytes
}

func (m *transactionMAC) valid() bool {
	return m != nil && len(m.Key) == 16 && len(m.Value) == macLength && (len(m.Reader) == 0 || len(m.Reader) == readerIDLength)
}

// readerIDLength is the length of TMRI.
const readerIDLength = 16

// content is what ReadData and CommitTransaction show: TMC(4) TMV(8).
func (m *transactionMAC) content() []byte {
	return slices.Concat(putUint32(m.Counter), m.Value)
}

// sessionKey is CMAC(key, label ‖ 00 01 00 80 ‖ TMC+1 ‖ UID).
func (m *transactionMAC) sessionKey(label byte, uid []byte) []byte {
	v := slices.Concat([]byte{label, 0x00, 0x01, 0x00, 0x80}, putUint32(m.Counter+1), uid)
	return cmacOf(newBlock(typeAES, m.Key), v)
}

// commit counts a transaction and takes its MAC.
func (m *transactionMAC) commit(uid, tmi, reader []byte) {
	sum := cmacOf(newBlock(typeAES, m.sessionKey(0x5A, uid)), tmi)
	m.Value = nil
	for i := 1; i < len(sum); i += 2 {
		m.Value = append(m.Value, sum[i])
	}
	if reader != nil {
		m.Reader = bytes.Clone(reader)
	}
	m.Counter++
}

// macFile is the application's transaction MAC file, or nil.
func (c *Card) macFile() *file {
	i := slices.IndexFunc(c.app.Files, func(f *file) bool { return f.Type == fileMAC && !f.Broken })
	if i < 0 {
		return nil
	}
	return c.app.Files[i]
}

// needsReader: a ReadWrite right other than F makes CommitReaderID compulsory.
func (f *file) needsReader() bool { return f.holders(rightReadWrite)[0] != accessNever }

// createMACFile is CE: FileNo FileOption AR(2) KeyOption, then enciphered key
// (16) and version. The Write right must be F; an application has one such file.
func (c *Card) createMACFile(p []byte) reply {
	if st := c.mayManage(); st != statusOK {
		return fail(st)
	}
	f := &file{
		Number: p[0], Type: fileMAC, Option: p[1], Rights: bytes.Clone(p[2:4]),
		MAC: &transactionMAC{Key: bytes.Clone(p[5:21]), Version: p[21], Value: make(hexBytes, macLength)},
	}
	if st := c.checkSettings(f.Option, f.Rights); st != statusOK {
		return fail(st)
	}
	switch {
	case f.holders(rightWrite)[0] != accessNever || p[4] != macKeyAES:
		return fail(statusParameter)
	case c.macFile() != nil:
		return fail(statusDuplicate)
	}
	return c.addFile(f)
}

// commitReaderID is C8: TMRI(16), under the ReadWrite right of the transaction
// MAC file -> the TMRI of the last transaction, under the session key of this
// one.
func (c *Card) commitReaderID(p []byte) reply {
	f := c.macFile()
	switch {
	case f == nil:
		return fail(statusDenied)
	case !f.needsReader() || c.reader != nil:
		return fail(statusDenied)
	}
	if _, st := c.grant(f, rightReadWrite); st != statusOK {
		return fail(st)
	}
	last := []byte(f.MAC.Reader)
	if last == nil {
		last = make([]byte, readerIDLength)
	}
	out := encipher(newBlock(typeAES, f.MAC.sessionKey(0xA5, c.state.UID)), make([]byte, 16), last)
	c.reader = bytes.Clone(p)
	c.account(p, out)
	return answer(out)
}
