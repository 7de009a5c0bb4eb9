package audit

import (
	"bufio"
	"context"
	"fmt"
	"io"
)

// lineJSON is one line of an export: a record, or the checkpoint that ends it.
// Fields stand in the order of their names, as in the records themselves.
type lineJSON struct {
	Body       *string `json:"body,omitempty"`
	Checkpoint *string `json:"checkpoint,omitempty"`
	Header     *string `json:"header,omitempty"`
	Index      *int64  `json:"index,omitempty"`
	Salt       []byte  `json:"salt,omitempty"`
	Tag        []byte  `json:"tag,omitempty"`
	V          int     `json:"v"`
}

// exportPage is how many records are read at a time.
const exportPage = 500

// Export writes the whole sequenced log to w and returns the number of its
// records. The form is JSON lines, version 1: one line a record by ascending
// index, then one line with the latest checkpoint.
//
//	{"body":"...","header":"...","index":0,"salt":"...","tag":"...","v":1}
//	{"checkpoint":"...","v":1}
//
// header and body are the stored encodings as strings, so that no tool on the
// way reformats what the hashes cover (jq: .header | fromjson); salt and tag
// are standard base64. An erased record has neither body nor salt.
func Export(ctx context.Context, w io.Writer, source Reader) (int64, error) {
	checkpoint, err := source.LatestCheckpoint(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the audit checkpoint: %w", err)
	}
	if checkpoint.Size == 0 {
		return 0, fmt.Errorf("the audit log is empty: nothing to export")
	}
	out := bufio.NewWriter(w)
	for next := int64(0); next < checkpoint.Size; {
		page, err := source.Sequenced(ctx, next, int(min(exportPage, checkpoint.Size-next)))
		if err != nil {
			return 0, fmt.Errorf("read audit records from index %d: %w", next, err)
		}
		if len(page) == 0 {
			return 0, fmt.Errorf("%w: the checkpoint says %d records, storage has %d", ErrBroken, checkpoint.Size, next)
		}
		for _, r := range page {
			if err := writeLine(out, r.line(next)); err != nil {
				return 0, err
			}
			next++
		}
	}
	signed := string(checkpoint.Note)
	if err := writeLine(out, lineJSON{V: version, Checkpoint: &signed}); err != nil {
		return 0, err
	}
	return checkpoint.Size, out.Flush()
}

func (s Stored) line(index int64) lineJSON {
	header := string(s.Header)
	l := lineJSON{V: version, Index: &index, Header: &header, Tag: s.Tag[:], Salt: s.Salt}
	if s.Body != nil {
		body := string(s.Body)
		l.Body = &body
	}
	return l
}

func writeLine(w io.Writer, l lineJSON) error {
	text, err := marshal(l)
	if err != nil {
		return err
	}
	if _, err := w.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("write the audit export: %w", err)
	}
	return nil
}

// parseLine is the inverse of writeLine; it takes no other spelling.
func parseLine(text []byte) (lineJSON, error) {
	var l lineJSON
	if err := unmarshal(text, &l); err != nil {
		return lineJSON{}, err
	}
	if l.V != version {
		return lineJSON{}, fmt.Errorf("version %d, this program knows version %d", l.V, version)
	}
	return l, canonical(text, func() ([]byte, error) { return marshal(l) })
}

// stored gives the row of a record's line, but for what its header repeats, and
// its index.
func (l lineJSON) stored() (Stored, int64, error) {
	var s Stored
	if l.Header == nil || l.Index == nil || l.Checkpoint != nil || len(l.Tag) != len(s.Tag) {
		return Stored{}, 0, fmt.Errorf("neither a record nor a checkpoint")
	}
	s = Stored{Header: []byte(*l.Header), Tag: [32]byte(l.Tag), Salt: l.Salt}
	if l.Body != nil {
		s.Body = []byte(*l.Body)
	}
	return s, *l.Index, nil
}
