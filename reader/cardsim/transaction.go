package cardsim

// change is a file as it will be after the commit of the open transaction.
type change struct {
	*file
	record  hexBytes // a record that will be added; nil if none
	cleared bool     // the records there are will go
	debited int64    // the sum of debits
	credit  bool     // the limited credit was used
}

// changeOf is the change of a file in the open transaction.
func (c *Card) changeOf(f *file) *change {
	if c.pending == nil {
		c.pending = map[byte]*change{}
	}
	if c.pending[f.Number] == nil {
		c.pending[f.Number] = &change{file: f.clone()}
	}
	return c.pending[f.Number]
}

// settle is the file after the commit.
func (ch *change) settle() *file {
	f := ch.file
	if ch.cleared {
		f.Data = nil
	}
	if ch.record != nil {
		f.Data = append(f.Data, ch.record...)
		if over := f.records() - f.capacity(); over > 0 {
			f.Data = f.Data[over*f.RecordSize:] // the oldest of a cyclic file
		}
	}
	switch {
	case ch.debited > 0:
		f.Value.Limited = int32(min(ch.debited, 1<<31-1))
	case ch.credit:
		f.Value.Limited = 0
	}
	return f
}

// rollBack forgets the open transaction.
func (c *Card) rollBack() { c.pending, c.reader, c.tmi = nil, nil, nil }

// returnMAC is bit 0 of CommitTransaction's option.
const returnMAC = 0x01

// commitTransaction is C7: every file changed since the last commit changes in
// one step, all or, if power fails, none. Its option asks for counter and value
// of the transaction MAC, which only an application with such a file has.
func (c *Card) commitTransaction(p []byte) reply {
	mac := c.macFile()
	asked := len(p) == 1 && p[0] == returnMAC
	switch {
	case len(p) == 1 && p[0] > returnMAC, asked && mac == nil, len(p) > 0 && !c.state.Type.isEV2():
		return fail(statusParameter)
	case len(c.pending) == 0:
		return fail(statusNoChanges)
	case mac != nil && mac.needsReader() && c.reader == nil:
		return fail(statusDenied)
	}
	for number, ch := range c.pending {
		*c.app.file(number) = *ch.settle()
	}
	if mac != nil {
		mac.MAC.commit(c.state.UID, c.tmi, c.reader)
	}
	c.rollBack()
	c.dirty = true
	if asked {
		return answer(mac.MAC.content())
	}
	return reply{}
}

// abortTransaction is A7.
func (c *Card) abortTransaction([]byte) reply {
	if len(c.pending) == 0 && c.reader == nil {
		return fail(statusNoChanges)
	}
	c.rollBack()
	return reply{}
}
