package cardsim

import (
	"bytes"
	"slices"
)

func (c *Card) atPICC() bool { return c.app == c.state.PICC }

// needMaster asks for a session of the selected level's master key (key 0).
func (c *Card) needMaster() status { return c.needKey(0) }

func (c *Card) needKey(number byte) status {
	switch {
	case c.session == nil:
		return statusAuthentication
	case c.session.key() != number:
		return statusDenied
	}
	return statusOK
}

// needPICCMaster asks for a session of the PICC master key.
func (c *Card) needPICCMaster() status {
	if !c.atPICC() {
		return statusDenied
	}
	return c.needMaster()
}

// getVersion is 60: 7, 7 and 14 bytes in three frames. The UID is zero on a
// card with random ID.
func (c *Card) getVersion([]byte) reply {
	parts := c.state.Type.version(c.state.Storage)
	uid := bytes.Clone(c.state.UID)
	if c.state.Config&configRandomID != 0 {
		clear(uid)
	}
	parts = append(parts, uid, c.state.Batch, []byte{c.state.Week, c.state.Year})
	return reply{data: bytes.Join(parts, nil), cuts: []int{7, 7}}
}

// getCardUID is 51: the true UID, in any session.
func (c *Card) getCardUID([]byte) reply {
	if c.session == nil {
		return fail(statusAuthentication)
	}
	return answer(c.state.UID)
}

// freeMemory is 6E: 3 bytes, least significant first.
func (c *Card) freeMemory([]byte) reply {
	return answer(putUint24(c.freeBytes()))
}

// formatPICC is FC: all applications go and their memory comes back. Key, key
// settings and configuration of the card stay.
func (c *Card) formatPICC([]byte) reply {
	if st := c.needPICCMaster(); st != statusOK {
		return fail(st)
	}
	if c.state.Config&configNoFormat != 0 {
		return fail(statusDenied)
	}
	if c.dirty = true; c.cut {
		c.state.Apps = c.state.Apps[:len(c.state.Apps)/2] // the rest, and the memory, is left
		return reply{}
	}
	c.state.Apps, c.state.MemoryUsed = nil, 0
	return reply{}
}

// selectApplication is 5A with one AID; 000000 is the card level. It always
// ends session and transaction. The second AID of EV2 is not simulated.
func (c *Card) selectApplication(p []byte) outcome {
	switch {
	case len(p) == 3:
	case len(p) == 6 && c.state.Type.isEV2():
		return outcome{status: statusParameter}
	default:
		return outcome{status: statusLength}
	}
	a := c.find(p)
	switch {
	case a == nil:
		return outcome{status: statusNoApplication}
	case a.Broken:
		return outcome{status: statusAppIntegrity}
	}
	c.enter(a)
	return outcome{}
}

// find is the application of that AID, or the card level, or nil.
func (c *Card) find(aid []byte) *application {
	if bytes.Equal(aid, c.state.PICC.AID) {
		return c.state.PICC
	}
	i := c.index(aid)
	if i < 0 {
		return nil
	}
	return c.state.Apps[i]
}

func (c *Card) index(aid []byte) int {
	return slices.IndexFunc(c.state.Apps, func(a *application) bool { return bytes.Equal(a.AID, aid) })
}

// getApplicationIDs is 6A: 3 bytes each, 19 in a frame.
func (c *Card) getApplicationIDs([]byte) reply {
	if !c.atPICC() {
		return fail(statusDenied)
	}
	if st := c.mayList(); st != statusOK {
		return fail(st)
	}
	var out []byte
	for _, a := range c.state.Apps {
		out = append(out, a.AID...)
	}
	return reply{data: out, frame: 19 * 3}
}

// defaultKey is the key that fills a new application (SetConfiguration 01).
func (c *Card) defaultKey(t keyType) *key {
	raw := []byte(c.state.DefaultKey)
	if t != typeAES {
		raw = withDESVersion(raw, c.state.DefaultVersion)
	}
	return newKey(t, raw, c.state.DefaultVersion)
}

// deleteApplication is DA. It takes the PICC master key, or, where the card's
// settings allow, the master key of the application, which is then selected;
// after that the card level is.
func (c *Card) deleteApplication(p []byte) reply {
	i := c.index(p)
	if i < 0 {
		return fail(statusNoApplication)
	}
	a := c.state.Apps[i]
	own := c.app == a && c.state.PICC.KeySettings&ks1FreeCreate != 0
	if !c.atPICC() && !own {
		return fail(statusDenied)
	}
	if st := c.needMaster(); st != statusOK {
		return fail(st)
	}
	if c.dirty = true; c.cut {
		a.Broken = true
		return reply{}
	}
	c.state.Apps = slices.Delete(c.state.Apps, i, i+1)
	if own {
		c.enter(c.state.PICC)
	}
	return reply{}
}
