package profile_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"badgekms/kms/an10922"
	"badgekms/kms/custody"
	"badgekms/kms/profile"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func format(t testing.TB, fields ...profile.Field) profile.Format {
	t.Helper()
	f, err := profile.NewFormat(fields...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func sample(t testing.TB) profile.Input {
	return profile.Input{
		UID: unhex(t, "04782E21801D80"), AID: profile.AID{0x30, 0x42, 0xF5},
		Slot: 3, Issue: 0x0102, SystemID: "NXP Abu",
	}
}

// TestM spells out the bytes; the second case is the M of AN10922 §2.2.1.
func TestM(t *testing.T) {
	for _, test := range []struct {
		fields []profile.Field
		want   string
	}{
		{[]profile.Field{"uid", "aid", "slot", "issue", "system_id"}, "04782E21801D80" + "3042F5" + "03" + "0102" + "4E585020416275"},
		{[]profile.Field{"uid", "aid", "system_id"}, "04782E21801D80" + "3042F5" + "4E585020416275"},
		{[]profile.Field{"system_id", "slot", "uid"}, "4E585020416275" + "03" + "04782E21801D80"},
		{[]profile.Field{"uid"}, "04782E21801D80"},
	} {
		f := format(t, test.fields...)
		m, err := f.M(sample(t))
		if err != nil || strings.ToUpper(hex.EncodeToString(m.Bytes())) != test.want {
			t.Errorf("%s: M %X, want %s (error %v)", f.ID(), m.Bytes(), test.want, err)
		}
		if m.Len() != f.Len(7) {
			t.Errorf("%s: %d bytes, Len says %d", f.ID(), m.Len(), f.Len(7))
		}
		back, err := profile.ParseFormat(f.ID())
		if err != nil || back.ID() != f.ID() {
			t.Errorf("%s does not survive its ID (error %v)", f.ID(), err)
		}
	}
}

// TestMRange: the default M has 17 to 31 bytes, as DESIGN.md §5 says.
func TestMRange(t *testing.T) {
	f := profile.Default().Format("sso")
	for n := 4; n <= 18; n++ {
		in := sample(t)
		in.SystemID = profile.SystemID(strings.Repeat("7", n))
		m, err := f.M(in)
		if err != nil || m.Len() != 13+n || m.Len() < 17 || m.Len() > 31 {
			t.Errorf("system_id of %d bytes: M of %d (error %v)", n, m.Len(), err)
		}
	}
}

// TestEveryFieldCounts changes each part of the input.
func TestEveryFieldCounts(t *testing.T) {
	f := profile.Default().Format("sso")
	first, err := f.M(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*profile.Input){
		"uid":       func(in *profile.Input) { in.UID[6]++ },
		"aid":       func(in *profile.Input) { in.AID = profile.PICC },
		"slot":      func(in *profile.Input) { in.Slot++ },
		"issue":     func(in *profile.Input) { in.Issue++ },
		"epoch":     func(in *profile.Input) { in.Issue += 0x100 },
		"system_id": func(in *profile.Input) { in.SystemID = "NXP Abv" },
	} {
		in := sample(t)
		change(&in)
		if m, err := f.M(in); err != nil || m == first {
			t.Errorf("%s does not change M (error %v)", name, err)
		}
	}
}

func TestMRefuses(t *testing.T) {
	f := profile.Default().Format("sso")
	for name, test := range map[string]struct {
		change func(*profile.Input)
		want   error
	}{
		"random identifier": {func(in *profile.Input) { in.UID = []byte{8, 1, 2, 3} }, profile.ErrUID},
		"long UID":          {func(in *profile.Input) { in.UID = make([]byte, 10) }, profile.ErrUID},
		"no UID":            {func(in *profile.Input) { in.UID = nil }, profile.ErrUID},
		"slot 14":           {func(in *profile.Input) { in.Slot = 14 }, profile.ErrSlot},
		"short system_id":   {func(in *profile.Input) { in.SystemID = "abc" }, profile.ErrSystemID},
		"long system_id":    {func(in *profile.Input) { in.SystemID = "1234567890123456789" }, profile.ErrSystemID},
	} {
		in := sample(t)
		test.change(&in)
		m, err := f.M(in)
		if !errors.Is(err, test.want) || m != (an10922.M{}) {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
		}
		if err != nil && strings.Contains(strings.ToLower(err.Error()), "08010203") {
			t.Errorf("%s: the error tells the UID", name)
		}
	}
	if _, err := (profile.Format{}).M(sample(t)); !errors.Is(err, profile.ErrFormat) {
		t.Errorf("zero format: error %v", err)
	}
}

func TestParseFormatRefuses(t *testing.T) {
	for _, id := range []string{"", "uid", "an10922-aes128:", "an10922-aes128:uid,", "an10922-aes128:uid, aid", "an10922-aes128:aid", "an10922-aes256:uid", "an10922-aes128:uid,uid"} {
		if _, err := profile.ParseFormat(id); !errors.Is(err, profile.ErrFormat) {
			t.Errorf("%q: error %v, want ErrFormat", id, err)
		}
	}
}

func TestSystemID(t *testing.T) {
	for text, want := range map[string]profile.SystemID{
		"750712184": "750712184", "hex:01020304": "\x01\x02\x03\x04", "hex:37353037": "7507", "CHU-Nord": "CHU-Nord",
	} {
		s, err := profile.ParseSystemID(text)
		if err != nil || s != want {
			t.Errorf("%q: %q, want %q (error %v)", text, string(s), string(want), err)
		}
		if back, err := profile.ParseSystemID(s.String()); err != nil || back != s {
			t.Errorf("%q prints as %q, which reads as %q (error %v)", text, s, string(back), err)
		}
	}
	for _, text := range []string{"", "abc", "1234567890123456789", "hex:0102", "hex:0", "hex:zz", "CHU Nord", "hôpital", "750\n712"} {
		if _, err := profile.ParseSystemID(text); !errors.Is(err, profile.ErrSystemID) {
			t.Errorf("%q: error %v, want ErrSystemID", text, err)
		}
	}
	// Bytes that look like the hexadecimal form survive their own text.
	if s := profile.SystemID("hex:0102"); func() bool { back, err := profile.ParseSystemID(s.String()); return err != nil || back != s }() {
		t.Errorf("%q does not survive as %q", string(s), s.String())
	}
}

func TestCheckCustody(t *testing.T) {
	plain := custody.Capabilities{Mode: custody.ModeTransitCMAC, ShortestM: 16}
	exact := custody.Capabilities{Mode: custody.ModeTransitEnvelope, ShortestM: 1}
	short, err := profile.Parse([]byte(edit(t, fields, fields+"\n  domains: {sso: [uid], file-read: [uid, aid, system_id]}")))
	if err != nil {
		t.Fatal(err)
	}
	if err := profile.Default().CheckCustody(plain, "1234"); err != nil {
		t.Errorf("default profile: %v", err)
	}
	if err := short.CheckCustody(exact, "750712184"); err != nil {
		t.Errorf("short M with a custody that computes AN10922: %v", err)
	}
	err = short.CheckCustody(plain, "750712184")
	if !errors.Is(err, profile.ErrCustody) || !errors.Is(err, custody.ErrShortM) || !strings.Contains(err.Error(), `"sso"`) || strings.Contains(err.Error(), `"file-read"`) {
		t.Errorf("short M with plain CMAC: %v; want ErrCustody for sso alone", err)
	}
	// 7 + 3 + 5 bytes are one too few for file-read.
	if err := short.CheckCustody(plain, "12345"); err == nil || !strings.Contains(err.Error(), `"file-read"`) {
		t.Errorf("15 bytes with plain CMAC: %v", err)
	}
	if err := profile.Default().CheckCustody(plain, "123"); !errors.Is(err, profile.ErrSystemID) {
		t.Errorf("short system_id: %v", err)
	}
	if w := short.Warnings(); len(w) != 2 || !strings.Contains(w[0], "sso") {
		t.Errorf("warnings %q, want one for each domain without an issue number", w)
	}
}

func TestHeader(t *testing.T) {
	b := profile.Header{Issue: 0x0203}.Bytes()
	if want := "01020300000000000000000000000000"; hex.EncodeToString(b) != want {
		t.Errorf("header %x, want %s", b, want)
	}
	if h, err := profile.ParseHeader(b); err != nil || h.Issue != 0x0203 {
		t.Errorf("read back %+v, error %v", h, err)
	}
	for _, b := range [][]byte{nil, {1, 2}, {0, 0, 0}, {2, 0, 1}, make([]byte, 16)} {
		if _, err := profile.ParseHeader(b); !errors.Is(err, profile.ErrHeader) {
			t.Errorf("%x: error %v, want ErrHeader", b, err)
		}
	}
}
