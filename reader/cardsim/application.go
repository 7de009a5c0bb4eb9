package cardsim

import (
	"fmt"
	"slices"
)

// Bits of KeySett1; bits 4 to 7 are the ChangeKey right of an application.
const (
	ks1KeyZero    byte = 1 << 0 // the master key can be changed
	ks1FreeList   byte = 1 << 1 // directory and settings are free to read
	ks1FreeCreate byte = 1 << 2 // create (and delete) is free
	ks1Changeable byte = 1 << 3 // these settings can be changed
)

// Values of the ChangeKey right; 0 to D name a key.
const (
	changeSelf   byte = 0xE
	changeFrozen byte = 0xF
)

const maxKeys = 14

// application is a DESFire application, or the card level (AID 000000, one
// key, no files).
type application struct {
	AID         hexBytes `json:"aid"` // as sent: least significant byte first
	KeySettings byte     `json:"key_settings"`
	KeyType     keyType  `json:"key_type"`
	Keys        []*key   `json:"keys"`
	Files       []*file  `json:"files,omitempty"`
	ISOID       hexBytes `json:"iso_id,omitempty"`    // as sent: least significant byte first
	Name        hexBytes `json:"df_name,omitempty"`   // 1 to 16 bytes
	ISOFiles    bool     `json:"iso_files,omitempty"` // files have ISO identifiers
	// Broken: power failed while the application was made or deleted.
	Broken bool `json:"broken,omitempty"`

	// Sets are the key sets, none for an application without; of them only the
	// Active one is in use, and its keys are Keys.
	Sets       []keySet `json:"key_sets,omitempty"`
	Active     int      `json:"active_set,omitempty"`
	MaxKeySize int      `json:"max_key_size,omitempty"`
	RollKey    byte     `json:"roll_key,omitempty"`
}

// key is nil for a number that does not exist.
func (a *application) key(number byte) *key {
	if int(number) >= len(a.Keys) {
		return nil
	}
	return a.Keys[number]
}

// file is nil for a number that does not exist.
func (a *application) file(number byte) *file {
	i := slices.IndexFunc(a.Files, func(f *file) bool { return f.Number == number })
	if i < 0 {
		return nil
	}
	return a.Files[i]
}

func (a *application) validate() error {
	if a == nil || len(a.AID) != 3 || len(a.ISOID) != 0 && len(a.ISOID) != 2 || len(a.Name) > maxDFName || !a.KeyType.valid() || len(a.Keys) == 0 || len(a.Keys) > maxKeys {
		return fmt.Errorf("an application is damaged")
	}
	for _, k := range a.Keys {
		if err := k.validate(); err != nil {
			return fmt.Errorf("application %X: %w", []byte(a.AID), err)
		}
		if k.Type != a.KeyType {
			return fmt.Errorf("application %X: keys of two types", []byte(a.AID))
		}
	}
	if err := a.validateSets(); err != nil {
		return fmt.Errorf("application %X: %w", []byte(a.AID), err)
	}
	seen := map[byte]bool{}
	for _, f := range a.Files {
		if err := f.validate(); err != nil {
			return fmt.Errorf("application %X: %w", []byte(a.AID), err)
		}
		if seen[f.Number] {
			return fmt.Errorf("application %X: file %d twice", []byte(a.AID), f.Number)
		}
		seen[f.Number] = true
	}
	return nil
}

// mayList applies bit 1 of the key settings.
func (c *Card) mayList() status {
	if c.app.KeySettings&ks1FreeList != 0 {
		return statusOK
	}
	return c.needMaster()
}

// getKeySettings is 45: KS1 KS2 [AKSVersion NoKeySets MaxKeySize RollKey].
func (c *Card) getKeySettings([]byte) reply {
	if st := c.mayList(); st != statusOK {
		return fail(st)
	}
	a := c.app
	out := []byte{a.KeySettings, byte(len(a.Keys)) | byte(a.KeyType)<<6}
	if a.ISOFiles {
		out[1] |= ks2ISO
	}
	if len(a.Sets) > 0 {
		out[1] |= ks2KS3
		out = append(out, a.Sets[a.Active].Version, byte(len(a.Sets)), byte(a.MaxKeySize), a.RollKey)
	}
	return answer(out)
}

// changeKeySettings is 54: the new KS1, under the master key, unless bit 3 of
// the old one is clear.
func (c *Card) changeKeySettings(p []byte) reply {
	if st := c.needMaster(); st != statusOK {
		return fail(st)
	}
	if c.app.KeySettings&ks1Changeable == 0 {
		return fail(statusDenied)
	}
	if c.atPICC() && p[0] > 0x0F {
		return fail(statusParameter)
	}
	c.app.KeySettings, c.dirty = p[0], true
	return reply{}
}

// keySetFollows is the bit of GetKeyVersion's KeyNo that announces a key set.
const keySetFollows = 0x40

// getKeyVersion is 64: KeyNo, or KeyNo with bit 6 and a key set number, of
// which an application without key sets has only 0. Set number 80 asks for the
// versions of all sets. A key of a set that is not initialised has version 0.
func (c *Card) getKeyVersion(p []byte) reply {
	number, set := p[0]&^keySetFollows, c.app.Active
	if (p[0]&keySetFollows != 0) != (len(p) == 2) {
		return fail(statusLength)
	}
	if len(p) == 2 {
		set = int(p[1])
	}
	if set == allKeySets && len(c.app.Sets) > 0 {
		var out []byte
		for _, s := range c.app.Sets {
			out = append(out, s.Version)
		}
		return answer(out)
	}
	if c.app.key(number) == nil || set != c.app.Active && set >= len(c.app.Sets) {
		return fail(statusNoSuchKey)
	}
	keys, _ := c.app.keysOf(set)
	if keys == nil {
		return answer([]byte{0})
	}
	return answer([]byte{keys[number].Version})
}

// mayChangeKey applies bit 0 and the ChangeKey right of the key settings.
func (c *Card) mayChangeKey(number byte) status {
	right := c.app.KeySettings >> 4
	if c.session == nil {
		return statusAuthentication
	}
	by := byte(0) // the key that must be authenticated
	switch {
	case number == 0:
		if c.app.KeySettings&ks1KeyZero == 0 {
			return statusDenied
		}
	case right == changeFrozen:
		return statusDenied
	case right == changeSelf:
		by = number
	case right != number:
		by = right
	}
	if c.session.key() != by {
		return statusAuthentication
	}
	return statusOK
}

// changeKey is C4: KeyNo and a cryptogram. At card level bits 6 and 7 of KeyNo
// are the type of the new master key. A session that changes its own key ends
// with a bare success. The new key starts with clear failure counters.
func (c *Card) changeKey(p []byte) reply {
	number, t := p[0], c.app.KeyType
	if c.atPICC() {
		number, t = p[0]&0x3F, keyType(p[0]>>6)
	}
	return c.storeKey(c.app.Active, number, t, p[:1], p[1:])
}

// changeKeyEV2 is C6: KeySetNo, KeyNo and a cryptogram. Only the active set has
// the session's own key; the old key of any other is the one it holds, zero
// after InitializeKeySet.
func (c *Card) changeKeyEV2(p []byte) reply {
	if c.atPICC() {
		return fail(statusDenied)
	}
	_, t := c.app.keysOf(int(p[0]))
	return c.storeKey(int(p[0]), p[1], t, p[:2], p[2:])
}

// storeKey changes one key of a set to one of type t.
func (c *Card) storeKey(set int, number byte, t keyType, header, cryptogram []byte) reply {
	keys, _ := c.app.keysOf(set)
	if int(number) >= len(keys) {
		return fail(statusNoSuchKey)
	}
	if st := c.mayChangeKey(number); st != statusOK {
		return fail(st)
	}
	if !t.valid() {
		return fail(statusParameter)
	}
	own := set == c.app.Active && c.session.key() == number
	old := keys[number]
	if own {
		old = nil
	}
	k, st := c.session.newKey(message{ins: c.ins}, header, cryptogram, t, old)
	switch {
	case st != statusOK:
		return fail(st)
	case c.faults.KeepOldKey:
		return reply{last: own}
	}
	keys[number], c.dirty = k, true
	if c.atPICC() {
		c.app.KeyType = t
	}
	return reply{last: own}
}
