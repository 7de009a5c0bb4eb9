package audit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrCheckpoint is wrapped by the error for a checkpoint that is not signed by
// the expected key, is not of this log, or is malformed.
var ErrCheckpoint = errors.New("checkpoint not valid")

// CheckpointText is the text of a checkpoint before it is signed, in the
// format of C2SP tlog-checkpoint without extension lines:
//
//	<origin> LF <tree size, decimal> LF <root hash, standard base64> LF
//
// The origin names the log; it is also the name of the key that signs.
func CheckpointText(origin string, size int64, root Hash) string {
	return fmt.Sprintf("%s\n%d\n%v\n", origin, size, root)
}

func signCheckpoint(signer note.Signer, size int64, root Hash) (Checkpoint, error) {
	signed, err := note.Sign(&note.Note{Text: CheckpointText(signer.Name(), size, root)}, signer)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("sign the audit checkpoint of size %d: %w", size, err)
	}
	return Checkpoint{Size: size, Note: signed}, nil
}

// openCheckpoint checks the signature of a checkpoint and decodes its text.
func openCheckpoint(signed []byte, key note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(key))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%w: signature by %q: %w", ErrCheckpoint, key.Name(), err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != key.Name() {
		return tlog.Tree{}, fmt.Errorf("%w: the text is not a checkpoint of %q", ErrCheckpoint, key.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return tlog.Tree{}, fmt.Errorf("%w: tree size %q", ErrCheckpoint, lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%w: root hash: %w", ErrCheckpoint, err)
	}
	if opened.Text != CheckpointText(key.Name(), size, root) {
		return tlog.Tree{}, fmt.Errorf("%w: not in canonical form", ErrCheckpoint)
	}
	return tlog.Tree{N: size, Hash: root}, nil
}
