package cardsim

import (
	"bytes"
	"slices"
)

// piccName is the DF name of the card level, piccFID its file identifier (MF).
var (
	piccName = []byte{0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x00}
	piccFID  = []byte{0x3F, 0x00}
)

// iso is a command of class 00: SELECT (ISO/IEC 7816-4 §11.2.2) of the card
// level or an application, by DF name (P1 04) or file identifier (P1 00, most
// significant byte first, unlike in native commands). An ISO command ends
// whatever native exchange was open.
func (c *Card) iso(apdu []byte) []byte {
	if len(apdu) < 4 {
		return c.refuse(swWrongLength)
	}
	if apdu[1] != insSelect {
		return c.refuse(swUnknownINS)
	}
	if apdu[2]&^0x04 != 0 || apdu[3]&^0x0C != 0 {
		return c.refuse(swWrongP1P2)
	}
	id, ok := body(apdu)
	if !ok && len(apdu) > 5 && int(apdu[4]) == len(apdu)-5 {
		id, ok = apdu[5:], true // without Le
	}
	if !ok || apdu[2] == 0 && len(id) != 2 {
		return c.refuse(swWrongLength)
	}
	a := c.findISO(id, apdu[2] == 0x04)
	if a == nil || a.Broken {
		return c.refuse(swNotFound)
	}
	c.enter(a)
	return word(swOK)
}

// findISO is the level of that DF name or file identifier, or nil.
func (c *Card) findISO(id []byte, byName bool) *application {
	if bytes.Equal(id, piccName) && byName || bytes.Equal(id, piccFID) && !byName {
		return c.state.PICC
	}
	for _, a := range c.state.Apps {
		if byName && bytes.Equal(id, a.Name) && len(id) > 0 {
			return a
		}
		if !byName && len(a.ISOID) == 2 && id[0] == a.ISOID[1] && id[1] == a.ISOID[0] {
			return a
		}
	}
	return nil
}

// isoID takes an ISO file identifier, least significant byte first, and refuses
// the ones that ISO/IEC 7816-4 §7.4.1 keeps: 0000, 3F00, 3FFF and FFFF.
func isoID(p []byte) (hexBytes, status) {
	for _, reserved := range [][]byte{{0, 0}, {0x00, 0x3F}, {0xFF, 0x3F}, {0xFF, 0xFF}} {
		if bytes.Equal(p, reserved) {
			return nil, statusParameter
		}
	}
	return bytes.Clone(p), statusOK
}

// getDFNames is 6D: AID(3) ISO identifier(2) DF name of each application that
// has them, one in a frame. In a session, recorded EV1 cards answered it with
// C1 (card integrity error).
func (c *Card) getDFNames([]byte) reply {
	if !c.atPICC() {
		return fail(statusDenied)
	}
	if c.session != nil && !c.state.Type.isEV2() {
		return fail(statusCardIntegrity)
	}
	if st := c.mayList(); st != statusOK {
		return fail(st)
	}
	var r reply
	for _, a := range c.state.Apps {
		if len(a.ISOID) == 0 {
			continue
		}
		entry := slices.Concat(a.AID, a.ISOID, a.Name)
		r.data, r.cuts = append(r.data, entry...), append(r.cuts, len(entry))
	}
	if len(r.cuts) > 0 {
		r.cuts = r.cuts[:len(r.cuts)-1] // the last one goes with the MAC
	}
	return r
}

// getISOFileIDs is 61: 2 bytes each, least significant first. An application
// without ISO identifiers has none to tell.
func (c *Card) getISOFileIDs([]byte) reply {
	if c.atPICC() || !c.app.ISOFiles {
		return fail(statusDenied)
	}
	if st := c.mayList(); st != statusOK {
		return fail(st)
	}
	var out []byte
	for _, f := range c.app.Files {
		out = append(out, f.ISOID...)
	}
	return answer(out)
}
