package registry

import (
	"fmt"
	"time"

	"badgekms/kms/profile"
)

// AID is a DESFire application identifier, 3 bytes as sent on the wire.
type AID = profile.AID

// PICC is the AID 000000 of the card itself.
var PICC = profile.PICC

// SlotID names one key of one card. The PICC master key is AID 000000, slot 0.
type SlotID struct {
	Badge string
	AID   AID
	Slot  byte
}

// String is for logs and messages.
func (s SlotID) String() string {
	return fmt.Sprintf("badge %s, application %s, slot %d", s.Badge, s.AID, s.Slot)
}

// SlotState tells how sure the registry is of a CardSlot.
type SlotState string

// The states of a slot.
const (
	// SlotDefault: evidence says that the slot holds a key that is not ours yet.
	SlotDefault SlotState = "default"
	// SlotPending: an intent that may have replaced the key is not settled.
	SlotPending SlotState = "pending"
	// SlotProven: evidence says that the slot holds the derived key.
	SlotProven SlotState = "proven"
)

// CardSlot is what one key slot of one card holds. Key is the last one that
// evidence told of, the zero KeyRef if none did yet; while State is
// SlotPending, the unsettled intents tell what else the slot may hold.
type CardSlot struct {
	SlotID
	Key     KeyRef
	State   SlotState
	Updated time.Time
	Rev     int64
}

// CardSlots reads the state of cards. It is written by intents only: see
// Intents.OpenIntent and Intents.CloseIntent.
type CardSlots interface {
	// CardSlot finds one slot, or ErrNotFound: no intent ever named it.
	CardSlot(id SlotID) (CardSlot, error)
	// CardSlots lists the slots of a badge, in the order of AID and slot.
	CardSlots(badge string) ([]CardSlot, error)
}

// Trials counts the authentications that were tried on a slot without success,
// so that a card is quarantined before it locks itself (DESIGN.md §7: 20 in a
// row over all taps).
type Trials interface {
	// AddTrial counts one more on the slot, and on the slot of the intent if
	// intent is not empty, and returns how many there are now in a row. It is
	// called before the trial is sent, so that a crash cannot lose the count.
	AddTrial(id SlotID, intent string) (inARow int, err error)
	// ClearTrials sets the slot's count back: a trial has succeeded.
	ClearTrials(id SlotID) error
	// TrialsInARow is the slot's count, 0 for a slot never tried.
	TrialsInARow(id SlotID) (int, error)
}
