package registry

import (
	"fmt"
	"time"
)

// Lengths in bytes.
const (
	// CredentialSize is the length of a credential number (DESIGN.md §7, file 1).
	CredentialSize = 16
	// HashSize is the length of a profile's hash (SHA-256).
	HashSize = 32
	// MinUIDSize and MaxUIDSize bound a UID (ISO/IEC 14443-3: 4, 7 or 10 bytes).
	// A registry never cuts one and never counts on 7.
	MinUIDSize, MaxUIDSize = 4, 10
)

// CardType is the kind of card, as found by GetVersion: "EV2", "EV3".
type CardType string

// Badge is a card. Who carries it is an Assignment's business.
type Badge struct {
	// ID is our own identifier (NewID); it says nothing about card or holder.
	ID string
	// UID is the card's real identifier, unique in the registry.
	UID []byte
	// CardType and Version (the raw answer to GetVersion) are the inventory
	// of PA-072 R33. Both are empty until the card has been read.
	CardType CardType
	Version  []byte
	State    State
	// CredentialNumber is the 16 random bytes in the card's file, unique in
	// the registry; nil until they are drawn.
	CredentialNumber []byte
	// Profile and ProfileHash name the layout the card was encoded with.
	Profile     string
	ProfileHash []byte
	// FirstStation and FirstConversation are where the card was first enrolled
	// (DESIGN.md §3). Once set, they never change. BadgeFilter.ExposedAt finds
	// every badge that a station could know keys of, whichever attempt it was.
	FirstStation      string
	FirstConversation string
	// Expiry ends the badge's validity; zero until it is handed over.
	Expiry time.Time

	Created, Updated time.Time
	// Rev grows by one with each change; an update names the one it saw.
	Rev int64
}

// Validate tells whether b can be stored, as ErrInvalid.
func (b Badge) Validate() error {
	switch {
	case b.ID == "":
		return invalid("badge", "", "no id")
	case !validUID(b.UID):
		return invalid("badge", b.ID, "a UID of %d bytes, want %d to %d", len(b.UID), MinUIDSize, MaxUIDSize)
	case !b.State.Known():
		return invalid("badge", b.ID, "unknown state %q", b.State)
	case len(b.CredentialNumber) != 0 && len(b.CredentialNumber) != CredentialSize:
		return invalid("badge", b.ID, "a credential number of %d bytes, want %d", len(b.CredentialNumber), CredentialSize)
	case len(b.ProfileHash) != 0 && len(b.ProfileHash) != HashSize:
		return invalid("badge", b.ID, "a profile hash of %d bytes, want %d", len(b.ProfileHash), HashSize)
	case (b.FirstStation == "") != (b.FirstConversation == ""):
		return invalid("badge", b.ID, "first station and first conversation go together")
	}
	return nil
}

// CheckChange tells whether a badge may become next: same card, a legal change
// of state (a *TransitionError otherwise), and the place of its first enrolment
// kept.
func (b Badge) CheckChange(next Badge) error {
	switch {
	case string(b.UID) != string(next.UID):
		return invalid("badge", b.ID, "a badge keeps its UID")
	case b.FirstConversation != "" && (b.FirstStation != next.FirstStation || b.FirstConversation != next.FirstConversation):
		return invalid("badge", b.ID, "a badge keeps the station and conversation of its first enrolment")
	case b.State != next.State && !b.State.Can(next.State):
		return &TransitionError{Badge: b.ID, From: b.State, To: next.State}
	}
	return next.Validate()
}

// BadgeFilter chooses badges for a list. A zero field chooses all.
type BadgeFilter struct {
	State State
	// Holder chooses the badges that are assigned to that holder now.
	Holder string
	// ExposedAt chooses the badges that had a key written at that station
	// under a key other cards share (KeyRef.Derived is false for the old key):
	// whoever recorded it there knows the new key. It is the list of badges to
	// replace when the station turns out to be compromised.
	ExposedAt string
}

// Badges keeps the cards.
type Badges interface {
	// CreateBadge stores a new badge and returns it with its times and Rev;
	// it draws the ID when that is empty.
	// A badge with the same ID, UID or credential number gives ErrExists.
	CreateBadge(b Badge) (Badge, error)
	// UpdateBadge replaces the badge that b.ID names if it still has b.Rev
	// (ErrConflict otherwise) and Badge.CheckChange agrees; it returns what is
	// stored now. A procedure calls Procedures.CheckFence in the same
	// transaction.
	UpdateBadge(b Badge) (Badge, error)
	// Badge, BadgeByUID and BadgeByCredential find one badge, or ErrNotFound.
	Badge(id string) (Badge, error)
	BadgeByUID(uid []byte) (Badge, error)
	BadgeByCredential(number []byte) (Badge, error)
	// ListBadges lists in the order of their IDs, which is that of creation.
	ListBadges(f BadgeFilter, p Page) (List[Badge], error)
}

func validUID(uid []byte) bool { return len(uid) >= MinUIDSize && len(uid) <= MaxUIDSize }

// invalid words an ErrInvalid about one record.
func invalid(kind, id, format string, args ...any) error {
	return fmt.Errorf("%w: %s %q: %s", ErrInvalid, kind, id, fmt.Sprintf(format, args...))
}
