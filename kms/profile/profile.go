// Package profile is the declarative layout of a badge: which DESFire
// application it gets, what its keys are for, which files it holds, what
// happens to the card's own key, and what M of NXP AN10922 is made of.
//
// A profile is strict YAML: an unknown field is an error. It describes AES
// applications of MIFARE DESFire EV2 and EV3 (key settings and access rights
// as in NXP AN12343 and the DESFire data sheets; see desfire-facts.md §3-4).
// CreateApplication freezes much of it on the card, so what could not be taken
// back is refused when the profile is loaded, not at the door.
package profile

// Version is the version of the YAML form that this package reads.
const Version = 1

// MaxSlot is the highest key number of a DESFire application.
const MaxSlot = 13

// Profile is one card layout, checked by Parse. Treat it as immutable.
type Profile struct {
	Version         int             `yaml:"version" json:"version"`
	Name            string          `yaml:"name" json:"name"`
	Application     Application     `yaml:"application" json:"application"`
	PICC            PICCLevel       `yaml:"picc" json:"picc"`
	Slots           []Slot          `yaml:"slots" json:"slots"`
	Files           []File          `yaml:"files" json:"files"`
	Diversification Diversification `yaml:"diversification" json:"diversification"`
}

// Application is what CreateApplication (CA) is given.
type Application struct {
	AID          AID     `yaml:"aid" json:"aid"`
	KeySettings  HexByte `yaml:"key_settings" json:"key_settings"`     // KS1
	KeySettings2 HexByte `yaml:"key_settings_2" json:"key_settings_2"` // KS2: key type and number of keys
}

// Keys is the number of keys of the application.
func (a Application) Keys() int { return int(a.KeySettings2 & 0x0F) }

// Purpose says what a slot is for. A key domain has one purpose.
type Purpose string

// The purposes of slots.
const (
	PurposeAdmin         Purpose = "admin"                 // slot 0: changes keys and files
	PurposeOnline        Purpose = "online-authentication" // taps that the KMS answers
	PurposeEdge          Purpose = "edge-doors"            // doors that go on without the KMS
	PurposeSSO           Purpose = "sso"                   // workstation sign-on
	PurposeSensitiveZone Purpose = "sensitive-zone"        // pharmacy, blood bank, server rooms
	PurposeFileRead      Purpose = "file-read"             // reads the credential number
	PurposeSpare         Purpose = "spare"                 // keyed, not yet used
)

// Slot maps a key number of the application to a key domain.
type Slot struct {
	Number  byte    `yaml:"number" json:"number"`
	Purpose Purpose `yaml:"purpose" json:"purpose"`
	Domain  string  `yaml:"domain" json:"domain"`
}

// Content says what a file holds.
type Content string

// The contents of files.
const (
	ContentHeader           Content = "header"            // see Header
	ContentCredentialNumber Content = "credential-number" // 16 random bytes
)

// FileType is the DESFire type of a file.
type FileType string

// The file types a profile may ask for.
const (
	FileStandard FileType = "standard" // written at once
	FileBackup   FileType = "backup"   // written at CommitTransaction, whole or not at all
)

// CommMode is the communication mode of a file.
type CommMode string

// The communication modes (desfire-facts §4.2).
const (
	CommPlain CommMode = "plain"
	CommMAC   CommMode = "mac"
	CommFull  CommMode = "full"
)

// Access is one access right: a key number 0 to 13, AccessFree or AccessNever.
// In YAML it is the number, "free" or "never".
type Access byte

// The access rights that name no key.
const (
	AccessFree  Access = 0xE
	AccessNever Access = 0xF
)

// Rights are the access rights of a file.
type Rights struct {
	Read      Access `yaml:"read" json:"read"`
	Write     Access `yaml:"write" json:"write"`
	ReadWrite Access `yaml:"read_write" json:"read_write"`
	Change    Access `yaml:"change" json:"change"`
}

// Wire gives the two bytes as commands carry them: ReadWrite (high nibble) and
// Change, then Read (high nibble) and Write (desfire-facts §4.1).
func (r Rights) Wire() [2]byte {
	return [2]byte{byte(r.ReadWrite)<<4 | byte(r.Change), byte(r.Read)<<4 | byte(r.Write)}
}

// File is one file of the application.
type File struct {
	Number  byte     `yaml:"number" json:"number"`
	Content Content  `yaml:"content" json:"content"`
	Type    FileType `yaml:"type" json:"type"`
	Mode    CommMode `yaml:"mode" json:"mode"`
	Rights  Rights   `yaml:"rights" json:"rights"`
	Size    int      `yaml:"size" json:"size"` // bytes
}

// Policy says whose the card is.
type Policy string

// The PICC policies.
const (
	PolicyOwn     Policy = "own"     // we set the card's master key
	PolicyForeign Policy = "foreign" // someone else owns the card; only our AID is touched
)

// PICCLevel is what happens at card level (AID 000000). With PolicyForeign the
// other fields are empty.
type PICCLevel struct {
	Policy      Policy     `yaml:"policy" json:"policy"`
	Domain      string     `yaml:"domain,omitempty" json:"domain,omitempty"`
	KeySettings HexByte    `yaml:"key_settings,omitempty" json:"key_settings,omitempty"` // KS1 at PICC level
	InitialKey  InitialKey `yaml:"initial_key,omitempty" json:"initial_key,omitzero"`
}

// InitialKeyType says which key a card has when it comes from its supplier.
type InitialKeyType string

// The types of initial PICC keys.
const (
	InitialFactory InitialKeyType = "factory" // DES, all zero
	InitialTDEA2   InitialKeyType = "2tdea"   // a supplier's transport key, 16 bytes
	InitialAES128  InitialKeyType = "aes128"  // a supplier's transport key, 16 bytes
)

// InitialKey names the key that opens a new card. A transport key is in a file
// (32 hexadecimal digits), never in the profile.
type InitialKey struct {
	Type InitialKeyType `yaml:"type" json:"type"`
	File string         `yaml:"file,omitempty" json:"file,omitempty"`
}

// Diversification says what M is made of, for all domains and, where a domain
// follows another vendor's readers, for that one.
type Diversification struct {
	Fields  []Field            `yaml:"fields" json:"fields"`
	Domains map[string][]Field `yaml:"domains,omitempty" json:"domains,omitempty"`
}
