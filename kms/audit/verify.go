package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrExport is wrapped by the error for a file that is not a complete export:
// it says nothing about the log. Export it again.
var ErrExport = errors.New("not a complete audit export")

// Finding is the kind of evidence that a log was tampered with.
type Finding string

// The findings of Verify.
const (
	BodyChanged      Finding = "body"       // a body is not the one that was written
	ChainBroken      Finding = "chain"      // a writer's records are not the ones it wrote, in its order
	TreeDiffers      Finding = "tree"       // the records are not the ones that were signed, in that order
	CheckpointForged Finding = "checkpoint" // a checkpoint is not signed by the log's key
	ErasedEarly      Finding = "erasure"    // a body was erased before its time
)

// TamperError is the error of Verify for an export that is complete but not
// true.
type TamperError struct {
	Finding Finding
	Index   int64 // of the record where it shows, or -1
	Err     error
}

func (e *TamperError) Error() string {
	if e.Index < 0 {
		return fmt.Sprintf("audit log tampered with (%s): %v", e.Finding, e.Err)
	}
	return fmt.Sprintf("audit log tampered with (%s) at record %d: %v", e.Finding, e.Index, e.Err)
}

// Unwrap gives the cause.
func (e *TamperError) Unwrap() error { return e.Err }

// Checks is what the verifier knows from elsewhere. The zero value adds no
// check.
type Checks struct {
	// Witnessed are signed checkpoints of the same log that were kept outside
	// it. A log cannot be rewritten or cut behind one of them, not even by who
	// holds the signing key.
	Witnessed [][]byte
	// ErasableBefore is the end of the retention time: a record of that time
	// or later must have its body. Zero allows every erasure.
	ErasableBefore time.Time
}

// Report is what a verified export holds.
type Report struct {
	Records     int64
	Erased      int64            // records whose body retention erased
	Writers     map[string]int64 // records of each writer
	First, Last time.Time        // earliest and latest time of a record
	Root        Hash
}

// maxLine is the longest line of an export in bytes; the longest record takes
// less than half of it.
const maxLine = 1 << 20

// Verify checks an export, without the KMS and without its database: every
// body against its tag, every writer's chain, the tree over all records, and
// the signature of the checkpoint over the tree. It reads the export once and
// keeps little of it in memory.
//
// A *TamperError tells that the log was changed, ErrExport that the file does
// not hold an export. What no check of an export alone can show is a log cut
// off at an earlier checkpoint: keep checkpoints elsewhere and give them as
// Checks.Witnessed.
func Verify(export io.Reader, key note.Verifier, checks Checks) (Report, error) {
	v, err := newVerification(key, checks)
	if err != nil {
		return Report{}, err
	}
	if err := v.read(export); err != nil {
		return Report{}, err
	}
	v.report.Records, v.report.Root = v.tree.size, v.tree.root()
	return v.report, nil
}

type verification struct {
	key            note.Verifier
	erasableBefore time.Time
	witnessed      map[int64]Hash
	tails          map[string]Tail
	tree           frontier
	report         Report
}

func newVerification(key note.Verifier, checks Checks) (*verification, error) {
	v := &verification{
		key: key, erasableBefore: checks.ErasableBefore,
		witnessed: make(map[int64]Hash), tails: make(map[string]Tail),
		report: Report{Writers: make(map[string]int64)},
	}
	for i, signed := range checks.Witnessed {
		tree, err := openCheckpoint(signed, key)
		if err != nil {
			return nil, fmt.Errorf("witnessed checkpoint %d: %w", i+1, err)
		}
		if root, twice := v.witnessed[tree.N]; twice && root != tree.Hash {
			return nil, tampered(CheckpointForged, -1, fmt.Errorf("two different trees of %d records were signed", tree.N))
		}
		v.witnessed[tree.N] = tree.Hash
	}
	return v, nil
}

func tampered(f Finding, index int64, err error) error {
	return &TamperError{Finding: f, Index: index, Err: err}
}

func (v *verification) read(export io.Reader) error {
	lines := bufio.NewScanner(export)
	lines.Buffer(nil, maxLine)
	ended := false
	for number := 1; lines.Scan(); number++ {
		if ended {
			return fmt.Errorf("%w: line %d comes after the checkpoint", ErrExport, number)
		}
		l, err := parseLine(lines.Bytes())
		if err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrExport, number, err)
		}
		if l.Checkpoint != nil && l.Header == nil {
			ended = true
			err = v.end(*l.Checkpoint)
		} else {
			err = v.line(number, l)
		}
		if err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrExport, err)
	}
	if !ended {
		return fmt.Errorf("%w: it ends without a checkpoint", ErrExport)
	}
	return nil
}

func (v *verification) line(number int, l lineJSON) error {
	s, index, err := l.stored()
	if err != nil {
		return fmt.Errorf("%w: line %d: %w", ErrExport, number, err)
	}
	if index != v.tree.size {
		return tampered(TreeDiffers, v.tree.size, fmt.Errorf("line %d has index %d", number, index))
	}
	return v.record(s)
}

func (v *verification) record(s Stored) error {
	index := v.tree.size
	h, err := ParseHeader(s.Header)
	if err != nil {
		return tampered(ChainBroken, index, err)
	}
	s.Writer, s.Seq = h.Writer, h.Seq
	if err := h.follows(v.tails[s.Writer]); err != nil {
		return tampered(ChainBroken, index, err)
	}
	if err := s.checkBody(); err != nil {
		return tampered(BodyChanged, index, err)
	}
	if s.Erased() {
		if !v.erasableBefore.IsZero() && !h.Time.Before(v.erasableBefore) {
			return tampered(ErasedEarly, index, fmt.Errorf("the record of %s has no body, which must be kept", h.Time.Format(time.RFC3339)))
		}
		v.report.Erased++
	}
	v.tails[s.Writer] = s.Tail()
	v.tree.add(s.Leaf())
	v.count(h)
	return v.witness()
}

// witness compares the tree so far with a witnessed checkpoint of its size.
func (v *verification) witness() error {
	root, known := v.witnessed[v.tree.size]
	if known && root != v.tree.root() {
		return tampered(TreeDiffers, -1, fmt.Errorf("the first %d records are not those of the checkpoint kept elsewhere", v.tree.size))
	}
	return nil
}

func (v *verification) count(h Header) {
	v.report.Writers[h.Writer]++
	if v.report.First.IsZero() || h.Time.Before(v.report.First) {
		v.report.First = h.Time
	}
	if h.Time.After(v.report.Last) {
		v.report.Last = h.Time
	}
}

// end checks the checkpoint of the export against its records.
func (v *verification) end(signed string) error {
	tree, err := openCheckpoint([]byte(signed), v.key)
	if err != nil {
		return tampered(CheckpointForged, -1, err)
	}
	if want := (tlog.Tree{N: v.tree.size, Hash: v.tree.root()}); tree != want {
		return tampered(TreeDiffers, -1, fmt.Errorf("the checkpoint signs %d records, the export has %d, or others", tree.N, v.tree.size))
	}
	for size := range v.witnessed {
		if size > v.tree.size {
			return tampered(TreeDiffers, -1, fmt.Errorf("a checkpoint kept elsewhere signs %d records, the export has %d: records were cut off", size, v.tree.size))
		}
	}
	return nil
}
