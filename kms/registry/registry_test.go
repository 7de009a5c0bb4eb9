package registry

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// TestTransitions states the rules that the table must keep, each in the words
// of DESIGN.md §7 and requirements.md C and D.
func TestTransitions(t *testing.T) {
	for _, c := range []struct {
		rule string
		from State
		to   []State // all of them
	}{
		{"only what was handed over is active", Encoded, []State{Active, Lost, Stolen, Broken, Returned, Quarantined}},
		{"a torn enrolment goes on or is set aside", Reserved, []State{Stock, Encoded, Lost, Stolen, Broken, Quarantined}},
		{"a found badge is not active at once", Lost, []State{Suspended, Stolen, Returned, Ended}},
		{"a stolen one even less", Stolen, []State{Lost, Returned, Ended}},
		{"the end is the end", Ended, nil},
	} {
		for _, to := range States() {
			if got, want := c.from.Can(to), slices.Contains(c.to, to); got != want {
				t.Errorf("%s: from %s to %s is %v, want %v", c.rule, c.from, to, got, want)
			}
		}
	}
	for _, from := range States() {
		if from.Can(from) {
			t.Errorf("%s leads to itself", from)
		}
		if from != Suspended && from != Encoded && from.Can(Active) {
			t.Errorf("%s leads to active", from)
		}
		if from != Reserved && from != Returned && from.Can(Encoded) {
			t.Errorf("%s leads to encoded", from)
		}
		if from != Reserved && from != Returned && from.Can(Stock) {
			t.Errorf("%s leads to stock, though the card may hold keys", from)
		}
	}
}

// TestEveryStateCanEnd finds states without a way out, or without a way in.
func TestEveryStateCanEnd(t *testing.T) {
	if len(States()) != len(transitions) {
		t.Fatalf("%d states are listed, %d have transitions", len(States()), len(transitions))
	}
	reach := func(from State) map[State]bool {
		seen := map[State]bool{from: true}
		for queue := []State{from}; len(queue) > 0; queue = queue[1:] {
			for _, next := range queue[0].Next() {
				if !next.Known() {
					t.Errorf("%s leads to %q, which is no state", queue[0], next)
				}
				if !seen[next] {
					seen[next] = true
					queue = append(queue, next)
				}
			}
		}
		return seen
	}
	for _, s := range States() {
		if !reach(s)[Ended] {
			t.Errorf("a badge that is %s can never end", s)
		}
		if !reach(Stock)[s] {
			t.Errorf("no badge can become %s", s)
		}
	}
	if State("").Known() || State("lent").Known() {
		t.Error("unknown states are known")
	}
}

func TestTransitionErrorTellsTheWayOn(t *testing.T) {
	err := Badge{ID: "b-1", UID: make([]byte, 7), State: Lost}.CheckChange(Badge{ID: "b-1", UID: make([]byte, 7), State: Active})
	var refused *TransitionError
	if !errors.As(err, &refused) || !errors.Is(err, ErrTransition) {
		t.Fatalf("got %v", err)
	}
	for _, word := range []string{"b-1", "lost", "active", "suspended", "returned"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

// TestIssueNumber checks the layout of DESIGN.md §5.
func TestIssueNumber(t *testing.T) {
	for _, c := range []struct {
		epoch, attempt byte
		number         IssueNumber
		text           string
	}{{0, 1, 0x0001, "0.1"}, {1, 0, 0x0100, "1.0"}, {2, 255, 0x02FF, "2.255"}, {255, 254, 0xFFFE, "255.254"}} {
		n := NewIssueNumber(c.epoch, c.attempt)
		if n != c.number || n.Epoch() != c.epoch || n.Attempt() != c.attempt || n.String() != c.text {
			t.Errorf("epoch %d, attempt %d: %#04x, %s", c.epoch, c.attempt, uint16(n), n)
		}
	}
}

// TestNewID has google/uuid read what NewID makes (RFC 9562 §5.7).
func TestNewID(t *testing.T) {
	at := time.UnixMilli(0x017F22E279B0) // the example of RFC 9562 appendix A.6
	text, err := NewID(at, bytes.NewReader(bytes.Repeat([]byte{0xFF}, 10)))
	if err != nil {
		t.Fatal(err)
	}
	if want := "017f22e2-79b0-7fff-bfff-ffffffffffff"; text != want {
		t.Errorf("got %s, want %s", text, want)
	}
	id, err := uuid.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	seconds, nanos := id.Time().UnixTime()
	if id.Version() != 7 || id.Variant() != uuid.RFC4122 || time.Unix(seconds, nanos).UnixMilli() != at.UnixMilli() {
		t.Errorf("%s is version %d, variant %s, at %v", id, id.Version(), id.Variant(), time.Unix(seconds, nanos))
	}
	later, err := NewID(at.Add(time.Millisecond), bytes.NewReader(make([]byte, 10)))
	if err != nil || later <= text {
		t.Errorf("%s does not sort after %s (%v)", later, text, err)
	}
	if _, err := NewID(at, bytes.NewReader(make([]byte, 9))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short of randomness: %v", err)
	}
}

// TestHeldAfter covers the part of HeldAfter that a release needs: a key put
// back to the public default is not proven to be ours.
func TestHeldAfter(t *testing.T) {
	ours := KeyRef{Kind: KeyDomain, Domain: "admin", Generation: 1, Issue: 1, Format: "f"}
	for _, c := range []struct {
		old, new KeyRef
		o        Outcome
		others   bool
		key      KeyRef
		state    SlotState
	}{
		{PublicDefault(), ours, OutcomeNew, false, ours, SlotProven},
		{PublicDefault(), ours, OutcomeNew, true, ours, SlotProven},
		{PublicDefault(), ours, OutcomeOld, false, PublicDefault(), SlotDefault},
		{PublicDefault(), ours, OutcomeOld, true, PublicDefault(), SlotPending},
		{ours, PublicDefault(), OutcomeNew, false, PublicDefault(), SlotDefault},
		{ours, PublicDefault(), OutcomeOld, false, ours, SlotProven},
	} {
		key, state := IntentSlot{Old: c.old, New: c.new}.HeldAfter(c.o, c.others)
		if key != c.key || state != c.state {
			t.Errorf("from %s to %s, %s, others %v: %s, %s", c.old, c.new, c.o, c.others, key, state)
		}
	}
}

var keyRefs = []KeyRef{
	PublicDefault(),
	{Kind: KeyTransport, Name: "supplier-a"},
	{Kind: KeyDomain, Domain: "admin", Generation: 1, Issue: 1, Format: "an10922-aes128:uid,aid"},
	{Kind: KeyDerivedDefault, Domain: "admin", Generation: 1<<32 - 1, Issue: 0xFFFF, Format: "\"<é>\x00"},
}

// FuzzParseKeyRef reads what a damaged or edited database could hold: it is
// refused, or it is the one encoding of a valid reference.
func FuzzParseKeyRef(f *testing.F) {
	seeds := 0
	for _, k := range keyRefs {
		f.Add(k.Encode())
		seeds++
	}
	for _, text := range []string{"", "null", "{}", `{"kind":"public-default"} `, `{"kind":"public-default","x":1}`, `{"kind":"domain","issue":256}`} {
		f.Add(text)
	}
	if seeds != 4 {
		f.Fatalf("%d key references as seeds, want 4", seeds)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseKeyRef(text)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) || k != (KeyRef{}) {
				t.Errorf("refused with %v and %v", err, k)
			}
			return
		}
		if k.Encode() != text || k.Validate() != nil {
			t.Errorf("%q was read as %v", text, k)
		}
	})
}

func TestKeyRefRoundTrip(t *testing.T) {
	for _, k := range keyRefs {
		if back, err := ParseKeyRef(k.Encode()); err != nil || back != k {
			t.Errorf("%s came back as %v, %v", k.Encode(), back, err)
		}
	}
	for _, k := range []KeyRef{
		{},
		{Kind: "secret"},
		{Kind: KeyPublicDefault, Name: "x"},
		{Kind: KeyTransport},
		{Kind: KeyTransport, Name: "x", Domain: "y"},
		{Kind: KeyDomain, Domain: "d", Generation: 1, Issue: 0x0100, Format: "f"}, // attempt 0 is no attempt
		{Kind: KeyDomain, Domain: "d", Generation: 1, Issue: 1},
		{Kind: KeyDomain, Domain: "d", Issue: 1, Format: "f"},
	} {
		if err := k.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", k, err)
		}
	}
}
