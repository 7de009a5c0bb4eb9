package audit

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func example() Record {
	return Record{
		Action: "conversation.provision", Outcome: Done,
		Actor: Actor{
			Workload: "spiffe://badges.example/station/accueil-1",
			Person:   `Zoé <é@chu> & "fils"`,
			Station:  "spiffe://badges.example/station/accueil-1",
		},
		ConversationID: "c-1", Badge: "b-1",
		Writes: []CardWrite{{
			UID: []byte{0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0xF6}, AID: [3]byte{0xF5, 0x32, 0x10},
			Slot: 1, Domain: "staff-doors", Generation: 2, Issue: 257,
		}},
		Details: map[string]string{"step": `a\b/c`, "card_type": "EV2"},
	}
}

// exampleAppender has a fixed clock (with more than microseconds, in another
// zone) and the salt 00 01 ... 1F.
func exampleAppender(t testing.TB) *Appender {
	t.Helper()
	salt := make([]byte, 32)
	for i := range salt {
		salt[i] = byte(i)
	}
	clock := time.Date(2026, 3, 1, 9, 0, 0, 123_456, time.FixedZone("CET", 3600))
	a, err := NewAppender("kms-1", func() time.Time { return clock }, bytes.NewReader(salt))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The encodings below were written by Python's json module with sorted keys
// and no spaces (which is RFC 8785 for this content), tag and leaf by its hmac
// and hashlib.
func TestKnownRecord(t *testing.T) {
	s, err := exampleAppender(t).Next(Tail{}, example())
	if err != nil {
		t.Fatal(err)
	}
	const header = `{"action":"conversation.provision","count":1,"outcome":"done","previous":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","reason":"","seq":1,"time":"2026-03-01T08:00:00.000123Z","v":1,"writer":"kms-1"}`
	const body = `{"actor":{"person":"Zoé <é@chu> & \"fils\"","station":"spiffe://badges.example/station/accueil-1","workload":"spiffe://badges.example/station/accueil-1"},"badge":"b-1","conversation":"c-1","details":{"card_type":"EV2","step":"a\\b/c"},"writes":[{"aid":"F53210","domain":"staff-doors","generation":2,"issue":257,"slot":1,"uid":"04A1B2C3D4E5F6"}]}`
	if diff := cmp.Diff(header, string(s.Header)); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(body, string(s.Body)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	leaf := s.Leaf()
	if got := hex.EncodeToString(s.Tag[:]); got != "27295d0b2b112fbc04b834e5dd6de905cefaaf6ab8036f2d411630e00d4f64d9" {
		t.Errorf("tag %s", got)
	}
	if got := hex.EncodeToString(leaf[:]); got != "92c893948cbfc9a143a12b5a1a5534b71d43d7b01e930b0f6084fdc432cafc71" {
		t.Errorf("leaf %s", got)
	}
}

func TestDecodeGivesTheRecordBack(t *testing.T) {
	r := example()
	s, err := exampleAppender(t).Next(Tail{Seq: 6, Leaf: Hash{9}}, r)
	if err != nil {
		t.Fatal(err)
	}
	h, err := ParseHeader(s.Header)
	if err != nil {
		t.Fatal(err)
	}
	wantHeader := Header{
		Writer: "kms-1", Seq: 7, Previous: Hash{9}, Time: time.Date(2026, 3, 1, 8, 0, 0, 123_000, time.UTC),
		Action: r.Action, Outcome: Done, Count: 1,
	}
	if diff := cmp.Diff(wantHeader, h); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	b, err := ParseBody(s.Body)
	if err != nil {
		t.Fatal(err)
	}
	wantBody := Body{Actor: r.Actor, ConversationID: r.ConversationID, Badge: r.Badge, Writes: r.Writes, Details: r.Details}
	if diff := cmp.Diff(wantBody, b); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

// What is kept for ever names no one: none of the record's personal texts is
// in the header.
func TestHeaderHasNoPersonalData(t *testing.T) {
	r := example()
	s, err := exampleAppender(t).Next(Tail{}, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, personal := range []string{r.Actor.Person, r.Actor.Station, r.Badge, r.ConversationID, "04A1B2C3D4E5F6", "staff-doors", "EV2"} {
		if strings.Contains(string(s.Header), personal) {
			t.Errorf("the header holds %q", personal)
		}
	}
}

func TestSaltsDiffer(t *testing.T) {
	j := newJournal(t)
	j.add(t, "kms-1", tap("b-1"))
	j.add(t, "kms-2", tap("b-1"))
	if bytes.Equal(j.appended[0].Salt, j.appended[1].Salt) || j.appended[0].Tag == j.appended[1].Tag {
		t.Error("two records with the same body have the same salt or tag")
	}
}

func TestTextsFromPeers(t *testing.T) {
	long := strings.Repeat("é", 600)
	for _, c := range []struct{ name, in, want string }{
		{"plain", "Lecteur n° 3 — hall", "Lecteur n° 3 — hall"},
		{"line break", "a\nb", "a\uFFFDb"},
		{"invalid UTF-8", "a\xffb", "a\uFFFDb"},
		{"right-to-left override", "a\u202Eb", "a\uFFFDb"},
		{"line separator", "a\u2028b", "a\uFFFDb"},
		{"too long", long, strings.Repeat("é", 510) + "…"},
		{"AES key", "00112233445566778899aabbccddeeff", "[redacted]"},
		{"AES key, spaced", "00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF", "[redacted]"},
		{"three-key DES key", strings.Repeat("0F", 24), "[redacted]"},
		{"check value", "0A1B2C3D4E", "0A1B2C3D4E"},
		{"SHA-256 of a profile", strings.Repeat("0f", 32), strings.Repeat("0f", 32)},
		{"UUID", "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f", "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := exampleAppender(t).Next(Tail{}, Record{Action: "a", Outcome: Done, Details: map[string]string{"d": c.in}})
			if err != nil {
				t.Fatal(err)
			}
			b, err := ParseBody(s.Body)
			if err != nil {
				t.Fatal(err)
			}
			if b.Details["d"] != c.want {
				t.Errorf("kept %q, want %q", b.Details["d"], c.want)
			}
		})
	}
}

// A field of bytes or of a key type would be a place for a key.
func TestRecordHasNoPlaceForKeys(t *testing.T) {
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Struct:
			if !strings.HasSuffix(typ.PkgPath(), "kms/audit") {
				t.Errorf("%s is of type %v", path, typ)
			}
			for i := range typ.NumField() {
				walk(path+"."+typ.Field(i).Name, typ.Field(i).Type)
			}
		case reflect.Slice, reflect.Array:
			if typ.Elem().Kind() != reflect.Uint8 {
				walk(path+"[]", typ.Elem())
			} else if path != "Record.Writes[].UID" && path != "Record.Writes[].AID" {
				t.Errorf("%s holds bytes", path)
			}
		case reflect.Interface, reflect.Pointer:
			t.Errorf("%s is of type %v", path, typ)
		}
	}
	walk("Record", reflect.TypeFor[Record]())
}

func TestRecordsRefused(t *testing.T) {
	write := func(change func(*CardWrite)) func(*Record) {
		return func(r *Record) { change(&r.Writes[0]) }
	}
	for name, spoil := range map[string]func(*Record){
		"no action":          func(r *Record) { r.Action = "" },
		"action in capitals": func(r *Record) { r.Action = "Provision" },
		"long action":        func(r *Record) { r.Action = strings.Repeat("a", 65) },
		"unknown outcome":    func(r *Record) { r.Outcome = "maybe" },
		"no outcome":         func(r *Record) { r.Outcome = "" },
		"reason with space":  func(r *Record) { r.Reason = "BADGE BUSY" },
		"count too large":    func(r *Record) { r.Count = 1 << 53 },
		"detail name":        func(r *Record) { r.Details["Key Name"] = "x" },
		"too many details": func(r *Record) {
			for i := range 33 {
				r.Details[fmt.Sprintf("d%d", i)] = "x"
			}
		},
		"UID as long as a key": write(func(w *CardWrite) { w.UID = make([]byte, 16) }),
		"no UID":               write(func(w *CardWrite) { w.UID = nil }),
		"slot out of range":    write(func(w *CardWrite) { w.Slot = 14 }),
		"no domain":            write(func(w *CardWrite) { w.Domain = "" }),
	} {
		t.Run(name, func(t *testing.T) {
			r := example()
			spoil(&r)
			s, err := exampleAppender(t).Next(Tail{}, r)
			if !errors.Is(err, ErrRecord) || s.Header != nil {
				t.Errorf("got %+v, %v, want ErrRecord", s, err)
			}
		})
	}
}

func TestAppendWithoutRandomness(t *testing.T) {
	a, err := NewAppender("kms-1", time.Now, iotest.ErrReader(errDisk))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := a.Next(Tail{}, example()); !errors.Is(err, errDisk) || s.Body != nil {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestWriterNames(t *testing.T) {
	for _, name := range []string{"", "KMS", "kms 1", "-kms", "kms_1", strings.Repeat("a", 65)} {
		if _, err := NewAppender(name, time.Now, nil); !errors.Is(err, ErrRecord) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestOnlyTheCanonicalForm(t *testing.T) {
	s, err := exampleAppender(t).Next(Tail{}, example())
	if err != nil {
		t.Fatal(err)
	}
	header, body := string(s.Header), string(s.Body)
	for name, other := range map[string]string{
		"space":            strings.Replace(header, ",", ", ", 1),
		"capital name":     strings.Replace(header, `"action"`, `"Action"`, 1),
		"unknown member":   strings.Replace(header, `{`, `{"a":1,`, 1),
		"repeated member":  strings.Replace(header, `"count":1`, `"count":1,"count":1`, 1),
		"missing member":   strings.Replace(header, `"count":1,`, ``, 1),
		"float":            strings.Replace(header, `"count":1`, `"count":1.0`, 1),
		"time zone":        strings.Replace(header, `08:00:00.000123Z`, `08:00:00.000123+00:00`, 1),
		"next version":     strings.Replace(header, `"v":1`, `"v":2`, 1),
		"something behind": header + "{}",
		"nothing":          "",
	} {
		if h, err := ParseHeader([]byte(other)); err == nil {
			t.Errorf("header with %s is taken: %+v", name, h)
		}
	}
	for name, other := range map[string]string{
		"lower-case UID":     strings.Replace(body, "04A1B2C3D4E5F6", "04a1b2c3d4e5f6", 1),
		"long AID":           strings.Replace(body, "F53210", "F5321000", 1),
		"escape not needed":  strings.Replace(body, "é", `\u00e9`, 1),
		"details not sorted": strings.Replace(body, `"card_type":"EV2","step":"a\\b/c"`, `"step":"a\\b/c","card_type":"EV2"`, 1),
		"null writes":        `{"actor":{"person":"","station":"","workload":""},"badge":"","conversation":"","details":{},"writes":null}`,
	} {
		if other == body {
			t.Fatalf("%s: the replacement found nothing", name)
		}
		if b, err := ParseBody([]byte(other)); err == nil {
			t.Errorf("body with %s is taken: %+v", name, b)
		}
	}
}
