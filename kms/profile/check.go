package profile

import (
	"fmt"

	"badgekms/kms/custody"
)

// Bits of KS1 and KS2 (desfire-facts §3.1, §3.2).
const (
	ks1MasterChangeable   = 0x01
	ks1CreateFree         = 0x04
	ks1SettingsChangeable = 0x08
	ks1ChangeKeyMask      = 0xF0

	ks2KS3Follows = 0x10
	ks2ISOFileIDs = 0x20
	ks2TypeMask   = 0xC0
	ks2TypeAES    = 0x80
)

// maxName is the longest name of a profile, in bytes.
const maxName = 64

// checker collects the broken rules of one profile.
type checker struct {
	p        *Profile
	problems []Problem
}

func (c *checker) add(path, format string, args ...any) {
	c.problems = append(c.problems, Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}

// Check tests every rule and reports all that are broken in an *InvalidError.
// Parse has called it; it is for profiles that a program builds.
func (p *Profile) Check() error {
	c := &checker{p: p}
	if p.Version != Version {
		c.add("version", "%d is not known here; this program reads version %d", p.Version, Version)
	}
	if p.Name == "" || len(p.Name) > maxName {
		c.add("name", "%d bytes; give a name of 1 to %d", len(p.Name), maxName)
	}
	c.application()
	c.picc()
	c.slots()
	c.domains()
	c.files()
	c.diversification()
	if len(c.problems) > 0 {
		return &InvalidError{Problems: c.problems}
	}
	return nil
}

func (c *checker) application() {
	a := c.p.Application
	switch {
	case a.AID == PICC:
		c.add("application.aid", "000000 is the card itself; choose an identifier for the application")
	case a.AID == AID{0xFF, 0xFF, 0xFF}:
		c.add("application.aid", "FFFFFF is reserved; choose another identifier")
	case a.AID[2] == 0xF5 && a.AID[1] == 0x32 && a.AID[0]&0xF0 == 0xF0:
		c.add("application.aid", "%s (F532Fx) promises the data model of NXP AN10957, which this layout does not follow; choose another identifier", a.AID)
	}
	c.keySettings("application.key_settings", a.KeySettings)
	if a.KeySettings&ks1CreateFree != 0 {
		c.add("application.key_settings", "%s lets anyone create and delete files; clear bit 2", a.KeySettings)
	}
	if a.KeySettings&ks1ChangeKeyMask != 0 {
		c.add("application.key_settings", "%s: keys are changed under slot 0 only, and F would freeze them; make the first digit 0", a.KeySettings)
	}
	c.keySettings2(a.KeySettings2)
}

// keySettings applies the rules that hold at both levels: nothing is frozen.
func (c *checker) keySettings(path string, ks HexByte) {
	if ks&ks1MasterChangeable == 0 {
		c.add(path, "%s freezes the master key for ever, so that it could not be replaced after a compromise; set bit 0", ks)
	}
	if ks&ks1SettingsChangeable == 0 {
		c.add(path, "%s freezes the key settings for ever; set bit 3", ks)
	}
}

func (c *checker) keySettings2(ks HexByte) {
	const path = "application.key_settings_2"
	if ks&ks2TypeMask != ks2TypeAES {
		c.add(path, "%s asks for DES keys; only AES is allowed, such as 88 for 8 AES keys", ks)
	}
	if ks&(ks2KS3Follows|ks2ISOFileIDs) != 0 {
		c.add(path, "%s asks for key sets or ISO file identifiers, which profiles of version %d do not describe; clear bits 4 and 5", ks, Version)
	}
	if n := ks & 0x0F; n < 1 || n > MaxSlot+1 {
		c.add(path, "%s asks for %d keys; an application has 1 to %d", ks, n, MaxSlot+1)
	}
}

func (c *checker) picc() {
	switch p := c.p.PICC; p.Policy {
	case PolicyOwn:
		c.ownPICC(p)
	case PolicyForeign:
		if p != (PICCLevel{Policy: PolicyForeign}) {
			c.add("picc", "with policy foreign nothing is written at card level; remove domain, key_settings and initial_key")
		}
	default:
		c.add("picc.policy", "%q; use \"own\" (BadgeKMS sets the card's master key) or \"foreign\" (someone else owns the card)", p.Policy)
	}
}

func (c *checker) ownPICC(p PICCLevel) {
	if err := custody.CheckName(p.Domain); err != nil {
		c.add("picc.domain", "%v", err)
	}
	c.keySettings("picc.key_settings", p.KeySettings)
	if p.KeySettings&ks1ChangeKeyMask != 0 {
		c.add("picc.key_settings", "%s: bits 4 to 7 are reserved at card level; make the first digit 0", p.KeySettings)
	}
	switch k := p.InitialKey; k.Type {
	case InitialFactory:
		if k.File != "" {
			c.add("picc.initial_key.file", "the factory key is known; remove the file, or set type to aes128 or 2tdea")
		}
	case InitialTDEA2, InitialAES128:
		if k.File == "" {
			c.add("picc.initial_key.file", "name the file that holds the supplier's transport key as 32 hexadecimal digits")
		}
	default:
		c.add("picc.initial_key.type", "%q; use \"factory\", \"2tdea\" or \"aes128\"", k.Type)
	}
}
