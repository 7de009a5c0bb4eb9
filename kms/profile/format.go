package profile

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"badgekms/kms/an10922"
)

// Field is one part of M.
type Field string

// The fields of M and their lengths.
const (
	FieldUID      Field = "uid"       // 7 bytes, as read from the card
	FieldAID      Field = "aid"       // 3 bytes in wire order
	FieldSlot     Field = "slot"      // 1 byte, the DESFire key number
	FieldIssue    Field = "issue"     // 2 bytes, big endian
	FieldSystemID Field = "system_id" // 4 to 18 bytes
)

var allFields = []Field{FieldUID, FieldAID, FieldSlot, FieldIssue, FieldSystemID}

// Format is the ordered list of fields that M is made of. It belongs to a key
// domain and is immutable after first use there: two formats under one master
// could give the same M for two keys. At most one field has a variable length,
// so within one format different inputs give different Ms.
type Format struct {
	fields []Field
}

// formatPrefix names the algorithm in a Format's ID.
const formatPrefix = "an10922-aes128:"

// NewFormat makes a format of the given fields: each at most once, uid always,
// else ErrFormat.
func NewFormat(fields ...Field) (Format, error) {
	seen := map[Field]bool{}
	for _, f := range fields {
		if !slices.Contains(allFields, f) {
			return Format{}, fmt.Errorf("%w: unknown field %q; use %s", ErrFormat, f, joinFields(allFields, ", "))
		}
		if seen[f] {
			return Format{}, fmt.Errorf("%w: field %q is named twice; name it once", ErrFormat, f)
		}
		seen[f] = true
	}
	if !seen[FieldUID] {
		return Format{}, fmt.Errorf("%w: field \"uid\" is missing, so all badges would share one key; add it", ErrFormat)
	}
	return Format{fields: slices.Clone(fields)}, nil
}

// ParseFormat is the inverse of ID.
func ParseFormat(id string) (Format, error) {
	list, ok := strings.CutPrefix(id, formatPrefix)
	if !ok {
		return Format{}, fmt.Errorf("%w: %q does not begin with %q", ErrFormat, id, formatPrefix)
	}
	var fields []Field
	for f := range strings.SplitSeq(list, ",") {
		fields = append(fields, Field(f))
	}
	return NewFormat(fields...)
}

// ID names the format for storage, such as
// "an10922-aes128:uid,aid,slot,issue,system_id". Equal IDs mean equal formats.
func (f Format) ID() string { return formatPrefix + joinFields(f.fields, ",") }

// Fields returns a copy of the list.
func (f Format) Fields() []Field { return slices.Clone(f.fields) }

// Has tells whether the format contains a field.
func (f Format) Has(field Field) bool { return slices.Contains(f.fields, field) }

// Len is the length in bytes of every M of this format for an establishment
// whose system_id has the given length; the length is ignored when the format
// has no system_id.
func (f Format) Len(systemID int) int {
	n := 0
	for _, field := range f.fields {
		switch field {
		case FieldUID:
			n += UIDSize
		case FieldAID:
			n += len(AID{})
		case FieldSlot:
			n++
		case FieldIssue:
			n += 2
		case FieldSystemID:
			n += systemID
		}
	}
	return n
}

// Part is one field of an M with its bytes.
type Part struct {
	Field Field
	Bytes []byte
}

// Parts builds the fields of M in order, for a diagnosis to show them one by
// one. Its errors are those of M.
func (f Format) Parts(in Input) ([]Part, error) {
	if len(f.fields) == 0 {
		return nil, fmt.Errorf("%w: no fields", ErrFormat)
	}
	if err := f.check(in); err != nil {
		return nil, err
	}
	parts := make([]Part, len(f.fields))
	for i, field := range f.fields {
		parts[i] = Part{Field: field, Bytes: in.bytes(field)}
	}
	return parts, nil
}

func (in Input) bytes(field Field) []byte {
	switch field {
	case FieldUID:
		return in.UID
	case FieldAID:
		return in.AID[:]
	case FieldSlot:
		return []byte{in.Slot}
	case FieldIssue:
		return binary.BigEndian.AppendUint16(nil, in.Issue)
	case FieldSystemID:
		return []byte(in.SystemID)
	}
	panic(fmt.Sprintf("profile: internal error: field %q in a checked format", field))
}

// M builds the diversification input. A UID of another length than 7 bytes
// gives ErrUID, a slot above 13 ErrSlot, a wrong system_id (if the format has
// one) ErrSystemID, the zero Format ErrFormat.
func (f Format) M(in Input) (an10922.M, error) {
	parts, err := f.Parts(in)
	if err != nil {
		return an10922.M{}, err
	}
	b := make([]byte, 0, an10922.MaxM)
	for _, part := range parts {
		b = append(b, part.Bytes...)
	}
	return an10922.NewM(b)
}

func (f Format) check(in Input) error {
	if len(in.UID) != UIDSize {
		return fmt.Errorf("%w: %d bytes; only a card with its real 7-byte UID can be diversified (4 bytes are a random identifier)", ErrUID, len(in.UID))
	}
	if in.Slot > MaxSlot {
		return fmt.Errorf("%w: %d; a DESFire application has key numbers 0 to %d", ErrSlot, in.Slot, MaxSlot)
	}
	if f.Has(FieldSystemID) {
		return in.SystemID.Check()
	}
	return nil
}

func joinFields(fields []Field, separator string) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = string(f)
	}
	return strings.Join(names, separator)
}
