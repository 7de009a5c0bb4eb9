package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const saltSize = 32

// Appender makes the rows of one writer. It keeps no state of its own: the end
// of the writer's chain is read in the same transaction that inserts the row,
// so a transaction that is rolled back leaves no gap. It is safe for
// concurrent use if its clock and its source of randomness are.
type Appender struct {
	writer string
	now    func() time.Time
	random io.Reader
}

// NewAppender makes the appender of one writer: a process that has the only
// right to append under that name, 1 to 64 lower-case letters, digits, dots
// and dashes. random gives the salts and is crypto/rand.Reader except in tests.
func NewAppender(writer string, now func() time.Time, random io.Reader) (*Appender, error) {
	if err := checkWriter(writer); err != nil {
		return nil, err
	}
	return &Appender{writer: writer, now: now, random: random}, nil
}

// Writer is the name under which the appender writes.
func (a *Appender) Writer() string { return a.writer }

// Next makes the row that follows last, the tail of this writer's chain (the
// zero Tail for its first record). The caller inserts it, or drops it with the
// rest of its transaction; Stored.Tail of the row is then the new tail.
func (a *Appender) Next(last Tail, r Record) (Stored, error) {
	h := Header{
		Writer: a.writer, Seq: last.Seq + 1, Previous: last.Leaf, Time: a.now(),
		Action: r.Action, Outcome: r.Outcome, Reason: r.Reason, Count: max(r.Count, 1),
	}
	header, err := h.encode()
	if err != nil {
		return Stored{}, err
	}
	body, err := Body{
		Actor: r.Actor, ConversationID: r.ConversationID, Badge: r.Badge, Writes: r.Writes, Details: r.Details,
	}.encode()
	if err != nil {
		return Stored{}, fmt.Errorf("%s: %w", r.Action, err)
	}
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(a.random, salt); err != nil {
		return Stored{}, fmt.Errorf("draw the salt of an audit record: %w", err)
	}
	return Stored{Writer: h.Writer, Seq: h.Seq, Header: header, Tag: tag(salt, body), Salt: salt, Body: body}, nil
}

func tag(salt, body []byte) (t [sha256.Size]byte) {
	m := hmac.New(sha256.New, salt)
	m.Write(body)
	m.Sum(t[:0])
	return t
}

// Leaf is the record's leaf hash in the tree.
func (s Stored) Leaf() Hash {
	data := make([]byte, 0, len(s.Header)+len(s.Tag))
	return tlog.RecordHash(append(append(data, s.Header...), s.Tag[:]...))
}

// Tail is the tail of the writer's chain when s is its last record.
func (s Stored) Tail() Tail { return Tail{Seq: s.Seq, Leaf: s.Leaf()} }

// Erased tells whether retention has erased the body and its salt.
func (s Stored) Erased() bool { return s.Salt == nil && s.Body == nil }

// errBodyForm: neither both nor none of salt and body are there.
var errBodyForm = errors.New("salt and body must both be there, or both be erased")

// checkBody compares the body, if it is still there, with the tag.
func (s Stored) checkBody() error {
	if s.Erased() {
		return nil
	}
	if len(s.Salt) != saltSize || s.Body == nil {
		return errBodyForm
	}
	t := tag(s.Salt, s.Body)
	if !hmac.Equal(t[:], s.Tag[:]) {
		return errors.New("the body was changed: it does not match its tag")
	}
	_, err := ParseBody(s.Body)
	return err
}

// checkHeader decodes the header and compares it with the row it stands in and
// with the tail it follows.
func (s Stored) checkHeader(last Tail) error {
	h, err := ParseHeader(s.Header)
	if err != nil {
		return err
	}
	if h.Writer != s.Writer || h.Seq != s.Seq {
		return fmt.Errorf("the row is of writer %q number %d, its header of writer %q number %d", s.Writer, s.Seq, h.Writer, h.Seq)
	}
	return h.follows(last)
}

// follows checks that the header continues the chain that ends in last.
func (h Header) follows(last Tail) error {
	if h.Seq != last.Seq+1 {
		return fmt.Errorf("writer %q: number %d follows number %d: a record is missing, repeated or out of order", h.Writer, h.Seq, last.Seq)
	}
	if h.Previous != last.Leaf {
		return fmt.Errorf("writer %q: number %d does not follow the record before it: one of the two was changed", h.Writer, h.Seq)
	}
	return nil
}
