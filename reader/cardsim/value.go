package cardsim

import (
	"encoding/binary"
	"slices"
)

// Flags of a value file.
const (
	valueLimitedCredit byte = 1 << 0 // LimitedCredit is allowed
	valueFreeRead      byte = 1 << 1 // GetValue takes no right
)

// value is the content of a value file.
type value struct {
	Lower   int32 `json:"lower"`
	Upper   int32 `json:"upper"`
	Value   int32 `json:"value"`
	Limited int32 `json:"limited"` // what LimitedCredit may give back
	Flags   byte  `json:"flags"`
}

func (v *value) valid() bool {
	return v != nil && v.Lower <= v.Value && v.Value <= v.Upper && v.Limited >= 0 &&
		v.Flags&^(valueLimitedCredit|valueFreeRead) == 0
}

// settings are the type's part of GetFileSettings.
func (v *value) settings() []byte {
	return slices.Concat(putInt32(v.Lower), putInt32(v.Upper), putInt32(v.Limited), []byte{v.Flags})
}

// add changes the value if it stays within the limits.
func (v *value) add(n int64) bool {
	sum := int64(v.Value) + n
	if sum < int64(v.Lower) || sum > int64(v.Upper) {
		return false
	}
	v.Value = int32(sum)
	return true
}

func int32le(b []byte) int32    { return int32(binary.LittleEndian.Uint32(b)) }
func putInt32(n int32) []byte   { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }
func putUint32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func (c *Card) modeOfValue(p []byte, rights ...right) (mode, status) {
	f, st := c.usable(p[0], fileValue)
	if st != statusOK {
		return 0, st
	}
	m, st := c.grant(f, rights...)
	return m, st
}

// modeOfGetValue: any right but Change, or the file's flag, which gives plain
// as a free right does.
func (c *Card) modeOfGetValue(p []byte) (mode, status) {
	m, st := c.modeOfValue(p, rightRead, rightWrite, rightReadWrite)
	if f := c.app.file(p[0]); f != nil && f.Type == fileValue && !f.Broken && st != statusOK && f.Value.Flags&valueFreeRead != 0 {
		return modePlain, statusOK
	}
	return m, st
}

func (c *Card) modeOfDebit(p []byte) (mode, status) {
	return c.modeOfValue(p, rightRead, rightWrite, rightReadWrite)
}

func (c *Card) modeOfCredit(p []byte) (mode, status) { return c.modeOfValue(p, rightReadWrite) }

func (c *Card) modeOfLimitedCredit(p []byte) (mode, status) {
	return c.modeOfValue(p, rightWrite, rightReadWrite)
}

// getValue is 6C: FileNo -> the value of the last commit, 4 bytes.
func (c *Card) getValue(p []byte) reply {
	out := putInt32(c.app.file(p[0]).Value.Value)
	c.account(p, out)
	return answer(out)
}

// credit is 0C: FileNo Value(4).
func (c *Card) credit(p []byte) reply { return c.book(p, 1) }

// debit is DC: FileNo Value(4). The sum of a transaction's debits is what
// LimitedCredit may give back after it.
func (c *Card) debit(p []byte) reply {
	r := c.book(p, -1)
	if r.status == statusOK {
		c.pending[p[0]].debited += int64(int32le(p[1:]))
	}
	return r
}

// limitedCredit is 1C: FileNo Value(4), at most what the last transaction that
// debited took, once.
func (c *Card) limitedCredit(p []byte) reply {
	f := c.app.file(p[0])
	switch ch := c.pending[p[0]]; {
	case f.Value.Flags&valueLimitedCredit == 0:
		return fail(statusDenied)
	case int32le(p[1:]) > f.Value.Limited, ch != nil && ch.credit:
		return fail(statusBoundary)
	}
	r := c.book(p, 1)
	if r.status == statusOK {
		c.pending[p[0]].credit = true
	}
	return r
}

// book changes the value of the open transaction.
func (c *Card) book(p []byte, sign int64) reply {
	amount := int32le(p[1:])
	if amount < 0 {
		return fail(statusParameter)
	}
	v := *c.app.file(p[0]).Value
	if ch := c.pending[p[0]]; ch != nil {
		v = *ch.Value
	}
	if !v.add(sign * int64(amount)) {
		return fail(statusBoundary)
	}
	*c.changeOf(c.app.file(p[0])).Value = v
	c.account(p, nil)
	return reply{}
}
