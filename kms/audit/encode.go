package audit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// version is the version of the encoding that doc.go describes.
const version = 1

const timeForm = "2006-01-02T15:04:05.000000Z"

// The fields of the types below stand in the order of their JSON names: that
// and the absence of optional members make encoding/json give RFC 8785.

type headerJSON struct {
	Action   string  `json:"action"`
	Count    int64   `json:"count"`
	Outcome  Outcome `json:"outcome"`
	Previous Hash    `json:"previous"`
	Reason   string  `json:"reason"`
	Seq      int64   `json:"seq"`
	Time     string  `json:"time"`
	V        int     `json:"v"`
	Writer   string  `json:"writer"`
}

type bodyJSON struct {
	Actor        actorJSON         `json:"actor"`
	Badge        string            `json:"badge"`
	Conversation string            `json:"conversation"`
	Details      map[string]string `json:"details"`
	Writes       []writeJSON       `json:"writes"`
}

type actorJSON struct {
	Person   string `json:"person"`
	Station  string `json:"station"`
	Workload string `json:"workload"`
}

type writeJSON struct {
	AID        string `json:"aid"`
	Domain     string `json:"domain"`
	Generation uint32 `json:"generation"`
	Issue      uint16 `json:"issue"`
	Slot       uint8  `json:"slot"`
	UID        string `json:"uid"`
}

// encode gives the canonical encoding. A year beyond 9999 has none.
func (h Header) encode() ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	if y := h.Time.UTC().Year(); y < 1 || y > 9999 {
		return nil, fmt.Errorf("%w: %s: the clock says year %d: set it", ErrRecord, h.Action, y)
	}
	return marshal(headerJSON{
		Action: h.Action, Count: h.Count, Outcome: h.Outcome, Previous: h.Previous, Reason: h.Reason,
		Seq: h.Seq, Time: h.Time.UTC().Format(timeForm), V: version, Writer: h.Writer,
	})
}

// ParseHeader decodes Stored.Header. Anything but the canonical encoding is an
// error.
func ParseHeader(encoded []byte) (Header, error) {
	var w headerJSON
	if err := unmarshal(encoded, &w); err != nil {
		return Header{}, fmt.Errorf("header of an audit record: %w", err)
	}
	if w.V != version {
		return Header{}, fmt.Errorf("header of an audit record: version %d, this program knows version %d", w.V, version)
	}
	when, err := time.Parse(timeForm, w.Time)
	if err != nil {
		return Header{}, fmt.Errorf("header of an audit record: %w", err)
	}
	h := Header{
		Writer: w.Writer, Seq: w.Seq, Previous: w.Previous, Time: when,
		Action: w.Action, Outcome: w.Outcome, Reason: w.Reason, Count: w.Count,
	}
	return h, canonical(encoded, h.encode)
}

func (b Body) encode() ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	w := bodyJSON{
		Actor: actorJSON{
			Person: clean(b.Actor.Person), Station: clean(b.Actor.Station), Workload: clean(b.Actor.Workload),
		},
		Badge: clean(b.Badge), Conversation: clean(b.ConversationID),
		Details: make(map[string]string, len(b.Details)),
		Writes:  make([]writeJSON, 0, len(b.Writes)),
	}
	for name, value := range b.Details {
		w.Details[name] = cleanDetail(value)
	}
	for _, c := range b.Writes {
		w.Writes = append(w.Writes, writeJSON{
			AID: upperHex(c.AID[:]), Domain: clean(c.Domain), Generation: c.Generation,
			Issue: c.Issue, Slot: c.Slot, UID: upperHex(c.UID),
		})
	}
	return marshal(w)
}

// ParseBody decodes Stored.Body. Anything but the canonical encoding is an
// error.
func ParseBody(encoded []byte) (Body, error) {
	var w bodyJSON
	if err := unmarshal(encoded, &w); err != nil {
		return Body{}, fmt.Errorf("body of an audit record: %w", err)
	}
	b := Body{
		Actor: Actor{Workload: w.Actor.Workload, Person: w.Actor.Person, Station: w.Actor.Station},
		Badge: w.Badge, ConversationID: w.Conversation, Details: w.Details,
	}
	for _, c := range w.Writes {
		write, err := c.parse()
		if err != nil {
			return Body{}, fmt.Errorf("body of an audit record: %w", err)
		}
		b.Writes = append(b.Writes, write)
	}
	return b, canonical(encoded, b.encode)
}

func (w writeJSON) parse() (CardWrite, error) {
	c := CardWrite{Slot: w.Slot, Domain: w.Domain, Generation: w.Generation, Issue: w.Issue}
	uid, err := hex.DecodeString(w.UID)
	if err != nil {
		return CardWrite{}, fmt.Errorf("UID: %w", err)
	}
	aid, err := hex.DecodeString(w.AID)
	if err != nil || len(aid) != len(c.AID) {
		return CardWrite{}, fmt.Errorf("AID %q is not 3 bytes of hexadecimal", w.AID)
	}
	c.UID, c.AID = uid, [3]byte(aid)
	return c, nil
}

func upperHex(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

// marshal writes v as JSON without the escapes meant for HTML, which RFC 8785
// does not have.
func marshal(v any) ([]byte, error) {
	var buffer bytes.Buffer
	e := json.NewEncoder(&buffer)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode an audit record: %w", err)
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

// unmarshal reads one JSON value and nothing after it.
func unmarshal(encoded []byte, v any) error {
	if !json.Valid(encoded) {
		return fmt.Errorf("%d bytes that are not one JSON value", len(encoded))
	}
	d := json.NewDecoder(bytes.NewReader(encoded))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// canonical compares an encoding with the only right one. Unknown, repeated
// or missing members, other spellings and other spaces all end here.
func canonical(encoded []byte, encode func() ([]byte, error)) error {
	again, err := encode()
	if err != nil {
		return err
	}
	if !slices.Equal(encoded, again) {
		return fmt.Errorf("%w: not in canonical form", ErrRecord)
	}
	return nil
}
