package cardsim

import (
	"bytes"
	"slices"
)

// Bits 4 and 5 of KeySett2; bits 0 to 3 are the number of keys, 6 and 7 the type.
const (
	ks2KS3 byte = 1 << 4 // a third byte follows
	ks2ISO byte = 1 << 5 // files have ISO identifiers
)

// ks3KeySets is bit 0 of KeySett3: four bytes about key sets follow.
const ks3KeySets byte = 1 << 0

const maxDFName = 16

// createApplication is CA: AID(3) KS1 KS2 [KS3 [AKSVersion NoKeySets MaxKeySize
// RollKey]] [ISO identifier(2) [DF name, 1 to 16]].
func (c *Card) createApplication(p []byte) reply {
	if !c.atPICC() {
		return fail(statusDenied)
	}
	if c.app.KeySettings&ks1FreeCreate == 0 {
		if st := c.needMaster(); st != statusOK {
			return fail(st)
		}
	}
	a, st := c.newApplication(p)
	if st != statusOK {
		return fail(st)
	}
	most := products[c.state.Type].applications
	switch {
	case c.duplicates(a):
		return fail(statusDuplicate)
	case most > 0 && len(c.state.Apps) >= most:
		return fail(statusCount)
	case !c.allocate(a.cost()):
		return fail(statusOutOfMemory)
	}
	a.Broken = c.cut
	c.state.Apps = append(c.state.Apps, a)
	return reply{}
}

// newApplication reads the parameters of CreateApplication.
func (c *Card) newApplication(p []byte) (*application, status) {
	aid, ks2, rest := p[:3], p[4], p[5:]
	n, t := int(ks2&0x0F), keyType(ks2>>6)
	if !t.valid() || n == 0 || n > maxKeys || isZero(aid) || bytes.Equal(aid, []byte{0xFF, 0xFF, 0xFF}) {
		return nil, statusParameter
	}
	a := &application{AID: bytes.Clone(aid), KeySettings: p[3], KeyType: t, ISOFiles: ks2&ks2ISO != 0}
	for range n {
		a.Keys = append(a.Keys, c.defaultKey(t))
	}
	if ks2&ks2KS3 != 0 {
		var st status
		if rest, st = c.readKS3(a, rest); st != statusOK {
			return nil, st
		}
	}
	return a, a.readISO(rest)
}

// readKS3 takes KS3 and what it announces, and gives what follows. Keys for
// virtual card and proximity check and capability data (bits 1, 2) are not
// simulated.
func (c *Card) readKS3(a *application, p []byte) ([]byte, status) {
	switch {
	case !c.state.Type.isEV2():
		return nil, statusParameter
	case len(p) == 0:
		return nil, statusLength
	case p[0]&^ks3KeySets != 0:
		return nil, statusParameter
	case p[0] == 0:
		return p[1:], statusOK
	case len(p) < 5:
		return nil, statusLength
	}
	version, count, size, roll := p[1], int(p[2]), int(p[3]), p[4]
	if count < 2 || count > maxKeySets || (size != 16 && size != 24) || size < a.KeyType.size() ||
		roll > maxRollKey || int(roll) >= len(a.Keys) {
		return nil, statusParameter
	}
	a.MaxKeySize, a.RollKey = size, roll
	a.Sets = make([]keySet, count)
	a.Sets[0].Version = version
	return p[5:], statusOK
}

// readISO takes the ISO identifier and DF name at the end.
func (a *application) readISO(p []byte) (st status) {
	switch {
	case len(p) == 0:
		return statusOK
	case len(p) == 1 || len(p) > 2+maxDFName:
		return statusLength
	}
	if a.ISOID, st = isoID(p[:2]); st != statusOK {
		return st
	}
	a.Name = bytes.Clone(p[2:])
	if bytes.Equal(a.Name, piccName) {
		return statusDuplicate
	}
	return statusOK
}

// duplicates: the card has an application of that AID, ISO identifier or DF name.
func (c *Card) duplicates(a *application) bool {
	return slices.ContainsFunc(c.state.Apps, func(b *application) bool {
		return bytes.Equal(a.AID, b.AID) || len(a.ISOID) > 0 && bytes.Equal(a.ISOID, b.ISOID) ||
			len(a.Name) > 0 && bytes.Equal(a.Name, b.Name)
	})
}

func (a *application) cost() int {
	if len(a.Sets) > 0 {
		return applicationCost(len(a.Keys)*len(a.Sets), a.MaxKeySize)
	}
	return applicationCost(len(a.Keys), a.KeyType.size())
}

// refuseDelegation answers C9 and 69: the DAM keys that a delegated application
// takes are not enabled.
func (c *Card) refuseDelegation([]byte) reply { return fail(statusDenied) }
