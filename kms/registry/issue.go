package registry

import "fmt"

// IssueNumber is the 2-byte field of the diversification input that keeps a
// daughter key from being given twice: restore epoch in the high byte, attempt
// in the low byte (DESIGN.md §5). Attempts begin at 1, so a number whose low
// byte is 0 stands for "none".
type IssueNumber uint16

// NewIssueNumber joins an epoch and an attempt.
func NewIssueNumber(epoch, attempt byte) IssueNumber {
	return IssueNumber(epoch)<<8 | IssueNumber(attempt)
}

// Epoch is the restore epoch the number was given in.
func (n IssueNumber) Epoch() byte { return byte(n >> 8) }

// Attempt is the count of the number within its epoch, 1 to 255.
func (n IssueNumber) Attempt() byte { return byte(n) }

// String prints epoch and attempt, such as "0.3".
func (n IssueNumber) String() string { return fmt.Sprintf("%d.%d", n.Epoch(), n.Attempt()) }

// IssueNumbers gives issue numbers, each once for a UID.
type IssueNumbers interface {
	// AllocateIssue gives the next issue number of a UID in the registry's
	// restore epoch. It is the UID's for ever, whether or not the attempt
	// comes to anything, as long as the transaction is kept; so it may be used
	// on a card only after Update has returned nil. ErrExhausted after 255.
	AllocateIssue(uid []byte, conversation string) (IssueNumber, error)
	// IssuesOf lists the numbers given to a UID, oldest first.
	IssuesOf(uid []byte) ([]IssueNumber, error)
	// RestoreEpoch is the epoch of the numbers given now, 0 at first.
	RestoreEpoch() (byte, error)
	// RaiseRestoreEpoch begins the next epoch and returns it. It is called
	// once after each restore from a backup, before anything else: numbers
	// given after the backup was made are not in it. ErrExhausted after 255.
	RaiseRestoreEpoch() (byte, error)
}
