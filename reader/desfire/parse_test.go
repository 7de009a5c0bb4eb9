package desfire

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"badgekms/test/vectors"
)

// versionData joins the frames of a recorded GetVersion, without status words.
func versionData(v vectors.Version) []byte {
	var data []byte
	for _, r := range v.RAPDUs {
		data = append(data, r[:len(r)-2]...)
	}
	return data
}

func TestParseVersion(t *testing.T) {
	for _, v := range vectors.Versions(t) {
		got, err := ParseVersion(versionData(v))
		if err != nil {
			t.Errorf("%s: %v", v.ID, err)
			continue
		}
		p := v.Parsed
		want := Version{
			Hardware: Part{
				Vendor: p.HWVendor, Type: p.HWType[0], Subtype: p.HWSubtype[0], Major: p.HWMajor[0],
				Minor: p.HWMinor[0], Storage: Storage(p.HWStorage.Code[0]), Protocol: p.HWProtocol[0],
			},
			Software: got.Software, UID: UID(p.UID), Batch: [5]byte(p.Batch),
		}
		want.Week, _ = strconv.Atoi(p.WeekBCD.String())
		want.Year, _ = strconv.Atoi("20" + p.YearBCD.String())
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", v.ID, diff)
		}
		if s := got.Software; s.Major != p.SWMajor[0] || s.Minor != p.SWMinor[0] || s.Storage != Storage(p.SWStorage.Code[0]) {
			t.Errorf("%s: software %+v", v.ID, s)
		}
		if least, most := got.Hardware.Storage.Bytes(); least != p.HWStorage.MinBytes || most != p.HWStorage.MaxBytes {
			t.Errorf("%s: storage %d to %d", v.ID, least, most)
		}
		if got.String() != v.Product {
			t.Errorf("%s: %q, want %q", v.ID, got, v.Product)
		}
	}
}

func TestStorageBytes(t *testing.T) {
	for s, want := range map[Storage][2]int{
		0x13: {512, 1024}, 0x16: {2048, 2048}, 0x1A: {8192, 8192}, 0x1E: {32768, 32768}, 0x01: {1, 2},
	} {
		if least, most := s.Bytes(); least != want[0] || most != want[1] {
			t.Errorf("%02X: %d to %d, want %v", byte(s), least, most, want)
		}
	}
	if least, most := Storage(0xFF).Bytes(); least <= 0 || most < least {
		t.Errorf("FF: %d to %d", least, most)
	}
}

// TestGeneration follows the table of desfire-facts §10.
func TestGeneration(t *testing.T) {
	for want, parts := range map[Generation][]Part{
		D40:     {{Vendor: 4, Type: 1, Subtype: 1, Minor: 2}},
		EV1:     {{Vendor: 4, Type: 1, Major: 1}},
		EV2:     {{Vendor: 4, Type: 1, Major: 0x12}, {Vendor: 4, Type: 1, Major: 0x22}},
		EV3:     {{Vendor: 4, Type: 1, Major: 0x33}, {Vendor: 4, Type: 0x81, Major: 0x43, Minor: 1}},
		Light:   {{Vendor: 4, Type: 8, Major: 0x30}},
		Unknown: {{}, {Vendor: 5, Type: 1, Major: 1}, {Vendor: 4, Type: 4, Major: 0x30}, {Vendor: 4, Type: 1, Major: 0xA0}},
	} {
		for _, p := range parts {
			if got := (Version{Hardware: p}).Generation(); got != want {
				t.Errorf("%+v: %s, want %s", p, got, want)
			}
		}
	}
}

func TestVersionDates(t *testing.T) {
	data := versionData(vectors.Versions(t)[0])
	for _, tt := range []struct {
		week, year         byte
		wantWeek, wantYear int
	}{{0x53, 0x99, 53, 2099}, {0x00, 0x00, 0, 2000}, {0x54, 0x21, 0, 2021}, {0x0A, 0xA0, 0, 0}} {
		data[26], data[27] = tt.week, tt.year
		v, err := ParseVersion(data)
		if err != nil || v.Week != tt.wantWeek || v.Year != tt.wantYear {
			t.Errorf("%02X %02X: week %d of %d, %v", tt.week, tt.year, v.Week, v.Year, err)
		}
	}
}

func TestParseFileSettings(t *testing.T) {
	nibble := func(s string) byte {
		n, err := strconv.ParseUint(s, 16, 4)
		if err != nil {
			t.Fatal(err)
		}
		return byte(n)
	}
	for _, v := range vectors.AllFileSettings(t) {
		got, err := ParseFileSettings(v.Data)
		if err != nil {
			t.Errorf("%s: %v", v.ID, err)
			continue
		}
		p := v.Parsed
		want := FileSettings{
			Type: FileType(p.FileType), Option: p.Option[0], Mode: modeOf(t, p.CommMode),
			Rights:     AccessRights{Read: nibble(p.Read), Write: nibble(p.Write), ReadWrite: nibble(p.ReadWrite), Change: nibble(p.Change)},
			Size:       p.Size,
			LowerLimit: p.Lower, UpperLimit: p.Upper, LimitedCredit: p.LimitedCredit,
		}
		if len(p.ValueOptions) > 0 {
			want.ValueOptions = p.ValueOptions[0]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", v.ID, diff)
		}
	}
}

// TestParseFileSettingsForms covers the layouts that no vector shows.
func TestParseFileSettingsForms(t *testing.T) {
	rights := AccessRights{ReadWrite: 3, Change: 0, Read: 1, Write: 2}
	tests := []struct {
		name string
		data []byte
		want FileSettings
	}{
		{"record", []byte{4, 1, 0x30, 0x12, 0x10, 0, 0, 0x05, 0, 0, 0x02, 0, 0},
			FileSettings{Type: CyclicRecordFile, Option: 1, Mode: MACed, Rights: rights, RecordSize: 16, MaxRecords: 5, Records: 2}},
		{"transaction MAC", []byte{5, 0, 0x30, 0x12, 2, 7},
			FileSettings{Type: TransactionMACFile, Rights: rights, TMACKeyOption: 2, TMACKeyVersion: 7}},
		{"the other plain", []byte{0, 2, 0x30, 0x12, 1, 0, 0}, FileSettings{Option: 2, Rights: rights, Size: 1}},
		{"more rights", []byte{0, 0x80, 0x30, 0x12, 1, 0x45, 0x67, 1, 0, 0},
			FileSettings{Option: 0x80, Rights: rights, MoreRights: []AccessRights{{ReadWrite: 4, Change: 5, Read: 6, Write: 7}}, Size: 1}},
		{"SDM", []byte{0, 0x40, 0x30, 0x12, 1, 0, 0, 0xAA, 0xBB}, FileSettings{Option: 0x40, Rights: rights, Size: 1, SDM: []byte{0xAA, 0xBB}}},
		{"negative limits", []byte{2, 0, 0x30, 0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0x80, 1, 0, 0, 0, 3},
			FileSettings{Type: ValueFile, Rights: rights, LowerLimit: -1, UpperLimit: -1 << 31, LimitedCredit: 1, ValueOptions: 3}},
	}
	for _, tt := range tests {
		got, err := ParseFileSettings(tt.data)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.name, diff)
		}
		for n := range tt.data {
			// An SDM block has no length of its own: only its absence shows.
			if _, err := ParseFileSettings(tt.data[:n]); err == nil && n < 7 {
				t.Errorf("%s: %d of %d bytes are accepted", tt.name, n, len(tt.data))
			}
		}
		if got.SDM == nil {
			if _, err := ParseFileSettings(append(slices.Clone(tt.data), 0)); !errors.Is(err, ErrAnswer) {
				t.Errorf("%s: one byte more: %v", tt.name, err)
			}
		}
	}
	if _, err := ParseFileSettings([]byte{6, 0, 0, 0}); !errors.Is(err, ErrAnswer) {
		t.Errorf("file type 6: %v", err)
	}
}

func TestParseKeySettings(t *testing.T) {
	for _, tt := range []struct {
		data []byte
		want KeySettings
	}{
		{[]byte{0x0F, 0x01}, KeySettings{Rights: 0x0F, KeyCount: 1}},
		{[]byte{0x0B, 0x85}, KeySettings{Rights: 0x0B, KeyCount: 5, KeyType: KeyTypeAES}},
		{[]byte{0x0B, 0xA5}, KeySettings{Rights: 0x0B, KeyCount: 5, KeyType: KeyTypeAES, ISOFileIDs: true}},
		{[]byte{0xE1, 0x52, 1, 2, 16, 0}, KeySettings{Rights: 0xE1, KeyCount: 2, KeyType: KeyType3TDEA, KeySets: &KeySets{1, 2, 16, 0}}},
	} {
		got, err := ParseKeySettings(tt.data)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%X: %v %s", tt.data, err, diff)
		}
	}
	if _, err := ParseKeySettings([]byte{0x0F, 0xC1}); !errors.Is(err, ErrAnswer) {
		t.Errorf("key type 11: %v", err)
	}
}

func TestKeyRights(t *testing.T) {
	r := (MasterKeyChangeable | FreeListing | RightsChangeable).WithChangeKeyRight(ChangeWithSameKey)
	if r != 0xEB || r.ChangeKeyRight() != ChangeWithSameKey || r.WithChangeKeyRight(0) != 0x0B {
		t.Errorf("rights %s", r)
	}
	if got := KeyRights(0x0B).String(); got != "0B master-key-changeable free-listing rights-changeable" {
		t.Errorf("0B is %q", got)
	}
}

// TestParsersCheckLength: every parser of a fixed length takes that length only.
func TestParsersCheckLength(t *testing.T) {
	parsers := map[string]struct {
		parse func([]byte) error
		good  []int
	}{
		"version":      {func(b []byte) error { _, err := ParseVersion(b); return err }, []int{28}},
		"key settings": {func(b []byte) error { _, err := ParseKeySettings(b); return err }, []int{2, 6}},
		"key version":  {func(b []byte) error { _, err := ParseKeyVersion(b); return err }, []int{1}},
		"free memory":  {func(b []byte) error { _, err := ParseFreeMemory(b); return err }, []int{3}},
		"UID":          {func(b []byte) error { _, err := ParseUID(b); return err }, []int{7}},
		"AIDs":         {func(b []byte) error { _, err := ParseAIDs(b); return err }, []int{0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36, 39}},
	}
	for name, p := range parsers {
		for n := range 40 {
			err := p.parse(make([]byte, n))
			if good := slices.Contains(p.good, n); (err == nil) != good || !good && !errors.Is(err, ErrAnswer) {
				t.Errorf("%s of %d bytes: %v", name, n, err)
			}
		}
	}
}

func TestParseFileIDs(t *testing.T) {
	if ids, err := ParseFileIDs([]byte{0, 31, 5}); err != nil || !bytes.Equal(ids, []byte{0, 31, 5}) {
		t.Errorf("%v, %v", ids, err)
	}
	for _, bad := range [][]byte{{32}, make([]byte, 33)} {
		if _, err := ParseFileIDs(bad); !errors.Is(err, ErrAnswer) {
			t.Errorf("%X: %v", bad, err)
		}
	}
}

func TestAID(t *testing.T) {
	a, err := ParseAID("3042f5")
	if err != nil || a != (AID{0x30, 0x42, 0xF5}) || a.String() != "3042F5" || fmt.Sprint(PICC) != "000000" {
		t.Errorf("%s, %v", a, err)
	}
	var back AID
	text, _ := a.MarshalText()
	if err := back.UnmarshalText(text); err != nil || back != a {
		t.Errorf("%s comes back as %s, %v", a, back, err)
	}
	for _, bad := range []string{"", "3042F", "3042F5F5", "0xF542", "zzzzzz"} {
		if _, err := ParseAID(bad); err == nil || !strings.Contains(err.Error(), "6 hexadecimal digits") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestCRC32(t *testing.T) {
	n := 0
	for _, v := range vectors.CRCs(t) {
		if v.Alg != "crc32" {
			continue
		}
		n++
		for cut := range len(v.Data) + 1 { // in one part or in two
			if got := appendCRC32(nil, v.Data[:cut], v.Data[cut:]); !bytes.Equal(got, v.CRC) {
				t.Errorf("%s: %X, want %s", v.ID, got, v.CRC)
			}
		}
	}
	if n != 5 {
		t.Errorf("%d vectors, want 5", n)
	}
}

// TestPadding: what is padded comes back, and padding is never absent.
func TestPadding(t *testing.T) {
	for n := range 50 {
		data := bytes.Repeat([]byte{0}, n)
		padded := appendPadded([]byte{9}, data)[1:]
		if len(padded)%blockSize != 0 || len(padded) <= n {
			t.Errorf("%d bytes are padded to %d", n, len(padded))
		}
		if got, err := unpad(padded); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes come back as %d, %v", n, len(got), err)
		}
	}
	if _, err := unpad(nil); !errors.Is(err, ErrIntegrity) {
		t.Errorf("nothing to unpad: %v", err)
	}
}
