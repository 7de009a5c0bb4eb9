package registry

import "time"

// ProcedureName names what the KMS does to a card.
type ProcedureName string

// The procedures that write to a card.
const (
	Provision ProcedureName = "provision"
	Rekey     ProcedureName = "rekey"
	Recycle   ProcedureName = "recycle"
	Release   ProcedureName = "release"
)

// Known tells whether p is one of the procedures that write.
func (p ProcedureName) Known() bool {
	return p == Provision || p == Rekey || p == Recycle || p == Release
}

// Procedure is one conversation's hold on a card it writes to. A card has at
// most one that is open.
type Procedure struct {
	// ID is drawn by the store when it is left empty.
	ID    string
	UID   []byte
	Badge string
	Name  ProcedureName
	// Conversation is the client's stream, Instance the KMS process.
	Conversation, Instance string
	// Actor is who asked for it, Station where.
	Actor, Station string
	Profile        string
	ProfileHash    []byte
	CardType       CardType
	// Fence is the fencing number, given by StartProcedure. It grows with
	// every procedure on the UID.
	Fence   uint64
	Started time.Time
	// Ended is zero while the procedure is open; End tells how it ended.
	Ended time.Time
	End   ProcedureEnd
}

// ProcedureEnd tells how a procedure ended.
type ProcedureEnd string

// The ends of a procedure.
const (
	// EndDone: all it set out to do is done and proven.
	EndDone ProcedureEnd = "done"
	// EndFailed: it stopped; the unsettled intents tell what the card may hold.
	EndFailed ProcedureEnd = "failed"
	// EndTakenOver: its conversation was dead when a newer one came.
	EndTakenOver ProcedureEnd = "taken-over"
)

// Validate tells whether p can be started, as ErrInvalid.
func (p Procedure) Validate() error {
	switch {
	case !validUID(p.UID):
		return invalid("procedure", string(p.Name), "a UID of %d bytes, want %d to %d", len(p.UID), MinUIDSize, MaxUIDSize)
	case !p.Name.Known():
		return invalid("procedure", string(p.Name), "unknown name")
	case p.Badge == "" || p.Conversation == "" || p.Instance == "":
		return invalid("procedure", string(p.Name), "badge, conversation and instance are needed")
	case p.Actor == "" || p.Station == "":
		return invalid("procedure", string(p.Name), "actor and station are needed")
	case p.Profile == "" || len(p.ProfileHash) != HashSize:
		return invalid("procedure", string(p.Name), "a profile and its hash of %d bytes are needed", HashSize)
	}
	return nil
}

// Procedures lets one conversation at a time write to a card.
type Procedures interface {
	// StartProcedure opens p for its UID and returns it with its ID, its time
	// and its fencing number, which is higher than any before. If another
	// procedure is open there, alive is asked about its conversation: while it
	// lives, the answer is a *BusyError; otherwise that procedure ends as
	// EndTakenOver and whoever still acts for it gets ErrFenced. A procedure
	// whose own conversation starts another is taken over likewise. alive must
	// answer at once.
	StartProcedure(p Procedure, alive func(conversation string) bool) (Procedure, error)
	// EndProcedure closes the open procedure with that fencing number:
	// ErrFenced if it was taken over, ErrNotFound if it has ended.
	EndProcedure(uid []byte, fence uint64, end ProcedureEnd) error
	// CheckFence tells whether the procedure with that fencing number may go
	// on: nil while it is open and the newest, ErrFenced otherwise. It is
	// called before every transmission of a command that writes.
	CheckFence(uid []byte, fence uint64) error
	// OpenProcedure finds the procedure that is open for a UID, or ErrNotFound.
	OpenProcedure(uid []byte) (Procedure, error)
}
