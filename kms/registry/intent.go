package registry

import (
	"fmt"
	"time"
)

// Intent says, before any command that changes a key leaves, what the card may
// hold from now on (DESIGN.md §7). It says it with references, never with keys.
type Intent struct {
	// ID is drawn by the store when it is left empty.
	ID string
	// Procedure is the one that opens the intent. OpenIntent reads its UID and
	// Fence; all of it is there when an intent is read.
	Procedure Procedure
	Slots     []IntentSlot
	Opened    time.Time
}

// IntentSlot is the change of one key.
type IntentSlot struct {
	AID    AID
	Slot   byte
	KeySet byte
	// Old and New are what the slot may hold until evidence tells which.
	Old, New KeyRef
	// Trials counts the authentications spent to find out.
	Trials int

	// Settled is zero until the slot is closed; Outcome and Evidence then tell
	// with what.
	Settled  time.Time
	Outcome  Outcome
	Evidence Evidence
}

// Open tells whether the slot still waits for evidence.
func (s IntentSlot) Open() bool { return s.Settled.IsZero() }

// Validate tells whether the intent can be opened, as ErrInvalid.
func (i Intent) Validate() error {
	if len(i.Slots) == 0 {
		return invalid("intent", i.ID, "it names no slot")
	}
	seen := map[SlotID]bool{}
	for _, s := range i.Slots {
		id := SlotID{Badge: i.Procedure.Badge, AID: s.AID, Slot: s.Slot}
		if seen[id] {
			return invalid("intent", i.ID, "it names %s twice", id)
		}
		seen[id] = true
		if err := s.Old.Validate(); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		if err := s.New.Validate(); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		if s.Old == s.New {
			return invalid("intent", i.ID, "it changes nothing at %s", id)
		}
	}
	return nil
}

// Outcome tells which key of an IntentSlot the card turned out to hold.
type Outcome string

// The outcomes of a change.
const (
	OutcomeNew Outcome = "new"
	OutcomeOld Outcome = "old"
	// OutcomeGone: the application and the slot with it do not exist any more.
	OutcomeGone Outcome = "gone"
)

// EvidenceKind tells what proved an outcome. There are two, and there will be
// no third: everything else a card says is a hint (DESIGN.md §7).
type EvidenceKind string

// The kinds of evidence.
const (
	// EvidenceMAC: an answer whose MAC verified in a session opened with a
	// derived key.
	EvidenceMAC EvidenceKind = "mac"
	// EvidenceAuthentication: a completed mutual authentication with the very
	// key the slot is said to hold.
	EvidenceAuthentication EvidenceKind = "authentication"
)

// Evidence is what closes an intent.
type Evidence struct {
	Kind EvidenceKind
	// Key is the key of the session (EvidenceMAC) or of the authentication.
	Key KeyRef
	// Conversation is where it was given.
	Conversation string
}

// Prove tells whether e proves that s had the given outcome, as ErrEvidence.
// Nothing is proven under a key that other cards share.
func (e Evidence) Prove(s IntentSlot, o Outcome) error {
	held := s.New
	switch o {
	case OutcomeNew:
	case OutcomeOld:
		held = s.Old
	default:
		return fmt.Errorf("%w: outcome %q", ErrEvidence, o)
	}
	if err := e.check(); err != nil {
		return err
	}
	if e.Kind == EvidenceAuthentication && e.Key != held {
		return fmt.Errorf("%w: the authentication was with %s, the slot is said to hold %s", ErrEvidence, e.Key, held)
	}
	return nil
}

// ProveGone tells whether e can prove that an application does not exist, as
// ErrEvidence: only an answer of a session can (to DeleteApplication, or to
// GetApplicationIDs).
func (e Evidence) ProveGone() error {
	if e.Kind == EvidenceAuthentication {
		return fmt.Errorf("%w: an authentication does not tell that an application is gone", ErrEvidence)
	}
	return e.check()
}

func (e Evidence) check() error {
	switch {
	case e.Kind != EvidenceAuthentication && e.Kind != EvidenceMAC:
		return fmt.Errorf("%w: unknown kind %q", ErrEvidence, e.Kind)
	case e.Conversation == "":
		return fmt.Errorf("%w: no conversation is named", ErrEvidence)
	case !e.Key.Derived():
		return fmt.Errorf("%w: a session under a %s key proves nothing", ErrEvidence, e.Key.Kind)
	}
	return e.Key.Validate()
}

// HeldAfter is the key and the state of a slot once o is proven. othersOpen
// tells whether further intents on the slot are unsettled; after OutcomeNew
// they no longer make it doubtful, because they started from a key that it has
// left behind.
func (s IntentSlot) HeldAfter(o Outcome, othersOpen bool) (KeyRef, SlotState) {
	switch {
	case o == OutcomeNew && s.New.Derived():
		return s.New, SlotProven
	case o == OutcomeNew:
		return s.New, SlotDefault
	case othersOpen:
		return s.Old, SlotPending
	case s.Old.Derived():
		return s.Old, SlotProven
	}
	return s.Old, SlotDefault
}

// Intents keeps what cards may hold.
type Intents interface {
	// OpenIntent stores an intent and marks its slots SlotPending. It checks
	// the fence (ErrFenced); that the issue numbers of New were allocated to
	// the UID (ErrInvalid); that each slot still holds Old as far as evidence
	// tells, where no evidence means any key but one of a domain (ErrConflict:
	// the card shows a key it should not have); and that no intent for the slot
	// and New's issue number is unsettled (ErrUnsettled). Commands that carry
	// key bytes may leave only after the Update has returned nil.
	OpenIntent(i Intent) (Intent, error)
	// CloseIntent settles one slot of an intent for good, on evidence
	// (ErrEvidence), and writes the card slot. It is called by the procedure
	// with that fencing number (ErrFenced), which may be a later one than the
	// intent's own. ErrSettled if it was closed before; ErrConflict if
	// evidence told of another key than Old in the meantime: two cards may
	// claim one UID.
	CloseIntent(fence uint64, intent string, aid AID, slot byte, o Outcome, e Evidence) (CardSlot, error)
	// SettleGone records, on evidence from a session at PICC level
	// (ErrEvidence), that the badge has no application aid: its card slots are
	// forgotten and its unsettled intents settle as OutcomeGone. So the
	// application can be created anew under another key. The PICC level
	// itself cannot go (ErrInvalid).
	SettleGone(uid []byte, fence uint64, aid AID, e Evidence) error
	// Intent finds one intent, or ErrNotFound.
	Intent(id string) (Intent, error)
	// UnsettledIntents lists the intents of a UID with a slot still open,
	// newest first: the candidates for the keys of a card that is presented.
	UnsettledIntents(uid []byte) ([]Intent, error)
}
