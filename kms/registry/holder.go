package registry

import "time"

// Holder is a person who may carry badges.
type Holder struct {
	// ID is the hospital's own identifier of the person, such as "H-1042".
	ID string
	// Name and Unit are for the badge office's screens; neither goes on a card.
	Name, Unit string

	Created, Updated time.Time
	// Rev grows by one with each change; an update names the one it saw.
	Rev int64
}

// Validate tells whether h can be stored, as ErrInvalid.
func (h Holder) Validate() error {
	if h.ID == "" {
		return invalid("holder", "", "no id")
	}
	if h.Name == "" {
		return invalid("holder", h.ID, "no name")
	}
	return nil
}

// Assignment links a badge to a holder for a time. To is zero while it lasts.
// Assignments are never deleted or rewritten: a badge that goes to someone
// else keeps its history (PA-072 R77).
type Assignment struct {
	Badge, Holder string
	From, To      time.Time
}

// Holders keeps the people.
type Holders interface {
	// CreateHolder stores a new holder; the same ID gives ErrExists.
	CreateHolder(h Holder) (Holder, error)
	// UpdateHolder replaces the holder that h.ID names if it still has h.Rev,
	// ErrConflict otherwise.
	UpdateHolder(h Holder) (Holder, error)
	// Holder finds one holder, or ErrNotFound.
	Holder(id string) (Holder, error)
	// ListHolders lists in the order of their IDs.
	ListHolders(p Page) (List[Holder], error)
}

// Assignments keeps who carries what, and who did.
type Assignments interface {
	// Assign gives a badge to a holder from a moment on. A badge has one
	// holder at a time: ErrExists while it is assigned, to anyone. A badge or
	// holder that does not exist gives ErrNotFound; a moment before the end of
	// the badge's last assignment gives ErrInvalid.
	Assign(badge, holder string, from time.Time) error
	// Unassign ends the badge's assignment; ErrNotFound if there is none.
	Unassign(badge string, to time.Time) error
	// CurrentAssignment is the badge's assignment that lasts, or ErrNotFound.
	CurrentAssignment(badge string) (Assignment, error)
	// AssignmentsOfBadge and AssignmentsOfHolder give the whole history,
	// oldest first.
	AssignmentsOfBadge(badge string) ([]Assignment, error)
	AssignmentsOfHolder(holder string) ([]Assignment, error)
}
