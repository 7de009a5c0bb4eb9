package hsmsim

import "errors"

// Errors of Open that a caller may want to tell apart. The error returned
// wraps one of them and names the file.
var (
	// ErrPassphrase: the state file is whole, but this passphrase does not
	// open it (or somebody altered the file and mended its checksum).
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrStateDamaged: the state file is truncated, corrupt or not one of
	// ours. It is left as it is.
	ErrStateDamaged = errors.New("damaged state file")
	// ErrStateVersion: the state file was written in another format version.
	ErrStateVersion = errors.New("unsupported state file version")
	// ErrStateInUse: another process has the state file open.
	ErrStateInUse = errors.New("state file in use by another process")
)

// ErrDropConnection, returned by a fault hook, closes the connection without
// an answer, as a server that is killed does.
var ErrDropConnection = errors.New("connection dropped by the fault hook")

var errClosed = errors.New("this simulator is closed; open it again")
