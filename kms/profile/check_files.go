package profile

import (
	"fmt"
	"slices"
)

// Limits of files (desfire-facts §4.3). The size is far above need and within
// the smallest card.
const (
	maxFileNumber = 0x1F
	maxFileSize   = 1024
)

// CredentialNumberSize is the length of a credential number in bytes.
const CredentialNumberSize = 16

func (c *checker) files() {
	numbers := map[byte]bool{}
	contents := map[Content]bool{}
	for i, f := range c.p.Files {
		path := func(field string) string { return fmt.Sprintf("files[%d].%s", i, field) }
		if f.Number > maxFileNumber || numbers[f.Number] {
			c.add(path("number"), "%d; give every file a number of its own from 0 to %d", f.Number, maxFileNumber)
		}
		if contents[f.Content] {
			c.add(path("content"), "%q is in another file already; keep one", f.Content)
		}
		numbers[f.Number], contents[f.Content] = true, true
		if !slices.Contains([]FileType{FileStandard, FileBackup}, f.Type) {
			c.add(path("type"), "%q; use \"backup\" (written whole or not at all) or \"standard\"", f.Type)
		}
		if !slices.Contains([]CommMode{CommPlain, CommMAC, CommFull}, f.Mode) {
			c.add(path("mode"), "%q; use \"plain\", \"mac\" or \"full\"", f.Mode)
		}
		if f.Size < 1 || f.Size > maxFileSize {
			c.add(path("size"), "%d bytes; give 1 to %d", f.Size, maxFileSize)
		}
		c.rights(path, f.Rights)
		c.content(path, f)
	}
	if !contents[ContentCredentialNumber] {
		c.add("files", "no file has the content %q, which other systems know the badge by; add one", ContentCredentialNumber)
	}
}

func (c *checker) rights(path func(string) string, r Rights) {
	for _, right := range []struct {
		name   string
		access Access
	}{{"read", r.Read}, {"write", r.Write}, {"read_write", r.ReadWrite}, {"change", r.Change}} {
		where := path("rights." + right.name)
		if _, mapped := c.p.SlotNumber(byte(right.access)); right.access <= MaxSlot && !mapped {
			c.add(where, "slot %d does not exist; name a slot of this profile", right.access)
		}
		if right.access == AccessFree && right.name != "read" {
			c.add(where, "free lets anyone write to the card; name a slot")
		}
	}
	if r.Change != 0 {
		c.add(path("rights.change"), "%s; file settings are changed under slot 0, and never would freeze them; use 0", r.Change)
	}
	if r.Write != 0 && r.ReadWrite != 0 {
		c.add(path("rights.write"), "%s; files are written at enrolment under slot 0; use 0", r.Write)
	}
}

func (c *checker) content(path func(string) string, f File) {
	switch f.Content {
	case ContentHeader:
		if f.Size < HeaderSize {
			c.add(path("size"), "%d bytes; the header needs %d", f.Size, HeaderSize)
		}
		if f.Rights.Read != AccessFree {
			c.add(path("rights.read"), "%s; the header helps to find the keys, so it is read without one: use free", f.Rights.Read)
		}
	case ContentCredentialNumber:
		if f.Size != CredentialNumberSize {
			c.add(path("size"), "%d bytes; a credential number has %d", f.Size, CredentialNumberSize)
		}
		if f.Mode != CommFull {
			c.add(path("mode"), "%q sends the credential number in clear; use \"full\"", f.Mode)
		}
		if f.Rights.Read == AccessFree {
			c.add(path("rights.read"), "free lets any phone read the credential number; name a slot")
		}
	default:
		c.add(path("content"), "%q is not known; use %q or %q", f.Content, ContentHeader, ContentCredentialNumber)
	}
}
