package cardsim

import (
	"bytes"
	"slices"
)

// Bits of SetConfiguration option 00. They are set for good.
const (
	configNoFormat byte = 1 << 0
	configRandomID byte = 1 << 1
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
	c.state.Apps, c.state.MemoryUsed, c.dirty = nil, 0, true
	return reply{}
}

// setConfiguration is 5C: 00 (format and random ID) and 01 (default key of new
// applications, 24 bytes and a version). Other options are not simulated.
func (c *Card) setConfiguration(p []byte) reply {
	if st := c.needPICCMaster(); st != statusOK {
		return fail(st)
	}
	option, data := p[0], p[1:]
	switch option {
	case 0x00:
		return c.configure(data)
	case 0x01:
		if len(data) != 25 {
			return fail(statusLength)
		}
		c.state.DefaultKey, c.state.DefaultVersion, c.dirty = bytes.Clone(data[:24]), data[24], true
		return reply{}
	}
	return fail(statusParameter)
}

// configure sets bits that can never be cleared: 0 leaves a bit as it is.
func (c *Card) configure(data []byte) reply {
	if len(data) != 1 {
		return fail(statusLength)
	}
	if data[0]&^(configNoFormat|configRandomID) != 0 {
		return fail(statusParameter)
	}
	c.state.Config |= data[0]
	c.dirty = true
	return reply{}
}

// selectApplication is 5A with one AID; 000000 is the card level. It always
// ends session and transaction. The second AID of EV2 is not simulated.
func (c *Card) selectApplication(p []byte) outcome {
	switch len(p) {
	case 3:
	case 6:
		return outcome{status: statusParameter}
	default:
		return outcome{status: statusLength}
	}
	a := c.find(p)
	if a == nil {
		return outcome{status: statusNoApplication}
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

// createApplication is CA: AID(3) KS1 KS2. KS3, ISO file identifiers and DF
// names are not simulated and answer 9E.
func (c *Card) createApplication(p []byte) reply {
	if !c.atPICC() {
		return fail(statusDenied)
	}
	if c.app.KeySettings&ks1FreeCreate == 0 {
		if st := c.needMaster(); st != statusOK {
			return fail(st)
		}
	}
	aid, ks1, ks2 := p[:3], p[3], p[4]
	n, t := int(ks2&0x0F), keyType(ks2>>6)
	switch {
	case ks2&0x30 != 0 || !t.valid() || n == 0 || n > maxKeys || isZero(aid) || bytes.Equal(aid, []byte{0xFF, 0xFF, 0xFF}):
		return fail(statusParameter)
	case len(p) != 5:
		return fail(statusLength)
	case c.find(aid) != nil:
		return fail(statusDuplicate)
	case !c.allocate(applicationCost(n, t)):
		return fail(statusOutOfMemory)
	}
	a := &application{AID: bytes.Clone(aid), KeySettings: ks1, KeyType: t}
	for range n {
		a.Keys = append(a.Keys, c.defaultKey(t))
	}
	c.state.Apps = append(c.state.Apps, a)
	return reply{}
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
	c.state.Apps = slices.Delete(c.state.Apps, i, i+1)
	c.dirty = true
	if own {
		c.enter(c.state.PICC)
	}
	return reply{}
}
