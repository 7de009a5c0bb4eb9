package registry

import (
	"errors"
	"fmt"
	"time"
)

// The errors callers branch on, to be tested with errors.Is. What comes back
// wraps them with the record concerned; a UID is never part of a message.
var (
	// ErrNotFound: no record has that identifier.
	ErrNotFound = errors.New("not found")
	// ErrExists: a record with that identifier, UID or credential number is
	// there already.
	ErrExists = errors.New("exists already")
	// ErrInvalid: a record lacks a field or breaks a rule. The caller's error.
	ErrInvalid = errors.New("invalid record")
	// ErrConflict: the record is no longer what the caller saw. Read it again.
	ErrConflict = errors.New("changed by someone else in the meantime; read it again")
	// ErrTransition: a badge cannot go from its state to the one asked for.
	ErrTransition = errors.New("badge cannot change state")
	// ErrBusy: another conversation that is still alive writes to this card.
	// The error is a *BusyError.
	ErrBusy = errors.New("another conversation is writing to this badge")
	// ErrFenced: a newer conversation has taken over this card. The one that
	// gets this error must send nothing more to the card.
	ErrFenced = errors.New("a newer conversation has taken over this badge; stop and present the card again")
	// ErrUnsettled: an intent for that slot and issue number is still open.
	// Settle it before opening another.
	ErrUnsettled = errors.New("an earlier intent for this slot and issue number is not settled")
	// ErrSettled: the intent's slot was closed before.
	ErrSettled = errors.New("this intent is settled already")
	// ErrEvidence: what is offered does not prove what the card holds.
	ErrEvidence = errors.New("not evidence of what the card holds")
	// ErrExhausted: no issue number (or restore epoch) is left.
	ErrExhausted = errors.New("no issue number left")
	// ErrStorage: the storage failed (disk full, I/O error, corruption), and
	// nothing of the transaction was kept.
	ErrStorage = errors.New("the registry's storage failed; nothing was written")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("the registry is closed")

	// ErrAbsent: there is no registry at that place.
	ErrAbsent = errors.New("no registry there")
	// ErrLocked: another process has the registry open.
	ErrLocked = errors.New("another process has this registry open")
	// ErrForeign: what is there is not a BadgeKMS registry. It is left as it is.
	ErrForeign = errors.New("not a BadgeKMS registry")
	// ErrNewer: the registry was written by a newer release. It is left as it is.
	ErrNewer = errors.New("this registry was written by a newer release of BadgeKMS")
	// ErrCorrupt: the registry is damaged. It is left as it is.
	ErrCorrupt = errors.New("this registry is damaged; restore it from a backup")
)

// BusyError tells which live conversation holds a badge, and since when.
type BusyError struct {
	Badge        string
	Conversation string
	Procedure    ProcedureName
	Since        time.Time
}

// Error implements error.
func (e *BusyError) Error() string {
	return fmt.Sprintf("badge %s: %v: %s by conversation %s since %s; wait for it to end or take the card off that reader",
		e.Badge, ErrBusy, e.Procedure, e.Conversation, e.Since.UTC().Format(time.RFC3339))
}

// Unwrap makes a BusyError an ErrBusy.
func (e *BusyError) Unwrap() error { return ErrBusy }

// TransitionError tells which change of state was refused.
type TransitionError struct {
	Badge    string
	From, To State
}

// Error implements error.
func (e *TransitionError) Error() string {
	return fmt.Sprintf("badge %s: %v from %s to %s; from there it can become %s",
		e.Badge, ErrTransition, e.From, e.To, words(e.From.Next()))
}

// Unwrap makes a TransitionError an ErrTransition.
func (e *TransitionError) Unwrap() error { return ErrTransition }
