package desfire

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"badgekms/reader"
	"badgekms/reader/apdu"
)

// sealedPlain is what a command looks like in clear.
func sealedPlain(t *testing.T, c Command) string {
	t.Helper()
	x, err := PlainSession{}.Seal(c)
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	out := ""
	for _, a := range x.Commands() {
		out += fmt.Sprintf("%X ", a.APDU)
	}
	return out[:len(out)-1]
}

// TestMoreLayouts pins the bytes of the commands that only badges of other
// systems, and cards of EV2 and later, need (desfire-facts §2).
func TestMoreLayouts(t *testing.T) {
	rights := AccessRights{Read: 1, Write: 2, ReadWrite: 3, Change: 4}
	records := RecordFile{No: 3, Mode: MACed, Rights: rights, RecordSize: 0x10, MaxRecords: 0x102}
	withID := records
	withID.ISOFileID = 0xE110
	value := ValueSettings{No: 2, Mode: Full, Rights: rights, Lower: -1, Upper: 1000, Value: 5, LimitedCredit: true}
	sets := Application{
		AID: AID{1, 2, 3}, Rights: 0x0B, KeyCount: 2, KeyType: KeyTypeAES,
		KeySets: &KeySets{ActiveVersion: 9, Count: 2, MaxKeySize: 16, Settings: 1},
	}
	all := sets
	all.VCKeys, all.OwnCapabilities, all.ISOFileID, all.DFName = true, true, 0xE110, []byte("A")
	vc := sets
	vc.KeySets, vc.VCKeys = nil, true
	tests := []struct {
		command Command
		want    string
	}{
		{CreateValueFile(value), "90CC000011" + "02033412" + "FFFFFFFF" + "E8030000" + "05000000" + "01" + "00"},
		{CreateValueFile(ValueSettings{FreeGetValue: true}), "90CC000011 00000000 00000000 00000000 00000000 02 00"},
		{GetValue(2, Plain), "906C0000010200"},
		{Credit(2, 0x01020304, Plain), "900C000005020403020100"},
		{Debit(2, 1, Plain), "90DC000005020100000000"},
		{LimitedCredit(2, 1, Plain), "901C000005020100000000"},
		{CreateLinearRecordFile(records), "90C100000A030134121000000201 0000"},
		{CreateCyclicRecordFile(withID), "90C000000C0310E10134121000000201 0000"},
		{ReadRecords(3, Records{First: 1, Count: 2, Size: 16}, Plain), "90BB0000070301000002000000"},
		{ReadRecordsISO(3, Records{First: 1, Count: 2}, Plain), "90AB0000070301000002000000"},
		{WriteRecord(3, 4, []byte{7, 8}, Plain), "903B00000903040000020000070800"},
		{WriteRecordISO(3, 4, []byte{7, 8}, Plain), "908B00000903040000020000070800"},
		{UpdateRecord(3, 1, 4, []byte{7}, Plain), "90DB00000B03010000040000010000 0700"},
		{UpdateRecordISO(3, 1, 4, []byte{7}, Plain), "90BA00000B03010000040000010000 0700"},
		{ClearRecordFile(3), "90EB0000010300"},
		{GetISOFileIDs(), "9061000000"},
		{GetDFNames(), "906D000000"},
		{ChangeFileSettingsFree(3, FileChange{Mode: Full, Rights: rights}), "905F00000403033412 00"},
		{ChangeFileSettingsFree(3, FileChange{Mode: MACed, Rights: rights, MoreRights: []AccessRights{{Read: 5, Write: 6, ReadWrite: 7, Change: 8}}, SDM: []byte{0xAA}}),
			"905F00000803C1341201 7856AA 00"},
		{GetKeyVersionInSet(1, 2), "9064000002420100"},
		{GetKeyVersions(2), "9064000002428000"},
		{InitializeKeySet(1, KeyType3TDEA), "905600000201 0100"},
		{FinalizeKeySet(1, 7), "905700000201 0700"},
		{RollKeySet(1), "90550000010100"},
		{CreateApplication(sets), "90CA00000A0102030B9201 0902 1001 00"},
		{CreateApplication(all), "90CA00000D0102030BB207 09021001 10E1 41 00"},
		{CreateApplication(vc), "90CA0000060102030B9202 00"},
		{CommitTransactionTMAC(), "90C70000010100"},
		{CommitReaderID(ReaderID{1, 15: 2}), "90C8000010 01 0000000000000000000000000000 02 00"},
		{GetFileCounters(2), "90F60000010200"},
		{GetDelegatedInfo(0x0102), "9069000002020100"},
	}
	for _, tt := range tests {
		want := string(bytes.ReplaceAll([]byte(tt.want), []byte(" "), nil))
		if got := sealedPlain(t, tt.command); got != want {
			t.Errorf("%s: %s, want %s", tt.command, got, want)
		}
	}
}

// TestDelegatedLayout: the owner's proof travels in a frame of its own, in clear
// and with one MAC behind it in a session.
func TestDelegatedLayout(t *testing.T) {
	d := DelegatedApplication{
		Application: Application{AID: AID{1, 2, 3}, Rights: 0x0B, KeyCount: 2, KeyType: KeyTypeAES},
		Slot:        0x0102, SlotVersion: 3, Quota: 0x0405,
		EncK: [32]byte{0xEE, 31: 0xEF}, DAMMAC: [8]byte{0xDD, 7: 0xDE},
	}
	proof := fmt.Sprintf("%X%X", d.EncK, d.DAMMAC)
	want := "90C900000A01020302010305040B8200 90AF000028" + proof + "00"
	if got := sealedPlain(t, CreateDelegatedApplication(d)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s := newEV2Session([16]byte{1}, [16]byte{2})
	x, err := s.Seal(CreateDelegatedApplication(d))
	if err != nil {
		t.Fatal(err)
	}
	run := x.Commands()
	if len(run) != 2 || run[0].Expect != 0x91AF || run[1].Expect != 0x9100 || len(run[1].APDU) != apdu.Len(40+8) {
		t.Fatalf("a run of %d", len(run))
	}
	card := newEV2Session([16]byte{1}, [16]byte{2})
	if _, err := x.Open([]reader.Response{{SW: 0x91AF}, answer(card, 1, nil)}); err != nil || !x.Done() {
		t.Errorf("opened: %v", err)
	}
}

// TestConfigurations pins the data of every option of SetConfiguration.
func TestConfigurations(t *testing.T) {
	for _, tt := range []struct {
		command Command
		option  byte
		want    []byte
	}{
		{SetPICCConfiguration(DisableFormat | RequireVCAuth), 0x00, []byte{9}},
		{SetATS([]byte{6, 0x75, 0x77, 0x81, 2, 0x80}), 0x02, []byte{6, 0x75, 0x77, 0x81, 2, 0x80}},
		{SetSAK([2]byte{0x24, 0x20}), 0x03, []byte{0x24, 0x20}},
		{SetSecureMessaging(DisableD40 | DisableChainedWritings), 0x04, []byte{5, 0}},
		{SetCapabilities(Capabilities{PDCap21: 2, PDCap25: 3, PDCap26: 4}), 0x05, []byte{0, 0, 0, 0, 2, 0, 0, 0, 3, 4}},
		{SetDFName([]byte("name")), 0x06, []byte("name")},
		{SetLightValueFile(ValueSettings{No: 3, Upper: 1000, LimitedCredit: true}), 0x09, []byte{3, 0, 0, 0, 0, 0xE8, 3, 0, 0, 0, 0, 0, 0, 1}},
		{SetFailedAuthentications(FailedAuthentications{Enabled: true, Limit: 1000, Decrement: 10}), 0x0A, []byte{1, 0xE8, 3, 10, 0}},
		{SetFailedAuthentications(FailedAuthentications{}), 0x0A, []byte{0, 0, 0, 0, 0}},
		{SetBackModulation(1), 0x0B, []byte{1}},
		{SetATQA([2]byte{0x44, 0x03}), 0x0C, []byte{0x44, 0x03}},
	} {
		if tt.command.INS != apdu.INSSetConfiguration || !bytes.Equal(tt.command.Header, []byte{tt.option}) || !bytes.Equal(tt.command.Data, tt.want) {
			t.Errorf("option %02X: header %X, data %X, want %X", tt.option, tt.command.Header, tt.command.Data, tt.want)
		}
		if _, err := (PlainSession{}).Seal(tt.command); !errors.Is(err, ErrCommand) {
			t.Errorf("option %02X travels in clear: %v", tt.option, err)
		}
	}
}

func TestMoreParsers(t *testing.T) {
	if ids, err := ParseISOFileIDs([]byte{0x10, 0xE1, 2, 0}); err != nil || !slices.Equal(ids, []uint16{0xE110, 2}) {
		t.Errorf("%X, %v", ids, err)
	}
	if v, err := ParseValue([]byte{0xFE, 0xFF, 0xFF, 0xFF}); v != -2 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	if r, err := ParseRecords([]byte{1, 2, 3, 4}, 2); err != nil || len(r) != 2 || !bytes.Equal(r[1], []byte{3, 4}) {
		t.Errorf("%X, %v", r, err)
	}
	if r, err := ParseRecords(nil, 4); err != nil || len(r) != 0 {
		t.Errorf("no records: %X, %v", r, err)
	}
	if d, err := ParseDelegatedInfo([]byte{1, 2, 3, 4, 5, 6, 7, 8}); err != nil || d != (DelegatedInfo{1, 0x0302, 0x0504, AID{6, 7, 8}}) {
		t.Errorf("%+v, %v", d, err)
	}
	if n, err := ParseFileCounters([]byte{1, 2, 3, 0, 0}); n != 0x030201 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if v, err := ParseKeyVersions([]byte{7, 0}); err != nil || !bytes.Equal(v, []byte{7, 0}) {
		t.Errorf("%X, %v", v, err)
	}
	for name, err := range map[string]error{
		"half an ISO file ID": second(ParseISOFileIDs(make([]byte, 3))), "33 ISO file IDs": second(ParseISOFileIDs(make([]byte, 66))),
		"short value": second(ParseValue(make([]byte, 3))), "long value": second(ParseValue(make([]byte, 5))),
		"half a record": second(ParseRecords(make([]byte, 3), 2)), "records of no size": second(ParseRecords(make([]byte, 3), 0)),
		"short info": second(ParseDelegatedInfo(make([]byte, 7))), "short counters": second(ParseFileCounters(make([]byte, 4))),
		"no key versions": second(ParseKeyVersions(nil)), "17 key versions": second(ParseKeyVersions(make([]byte, 17))),
		"short commitment": second(ParseCommitment(make([]byte, 11))), "long commitment": second(ParseCommitment(make([]byte, 13))),
	} {
		if !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestDFNames: only the frames tell where a name ends.
func TestDFNames(t *testing.T) {
	frame := func(sw reader.SW, b ...byte) reader.Response { return reader.Response{Data: b, SW: sw} }
	open := func(rs ...reader.Response) ([]DFName, error) {
		x, err := PlainSession{}.Seal(GetDFNames())
		if err != nil {
			t.Fatal(err)
		}
		for len(rs) > 0 {
			used, err := x.Open(rs[:min(len(rs), len(x.Commands()))])
			if err != nil {
				t.Fatal(err)
			}
			rs = rs[used:]
		}
		return ParseDFNames(x)
	}
	got, err := open(frame(0x91AF, 1, 2, 3, 0x10, 0xE1, 'a', 'b'), frame(0x91AF, 4, 5, 6, 1, 0), frame(0x9100, 7, 8, 9, 2, 0, 'c'))
	want := []DFName{{AID{1, 2, 3}, 0xE110, []byte("ab")}, {AID{4, 5, 6}, 1, []byte{}}, {AID{7, 8, 9}, 2, []byte("c")}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if got, err := open(frame(0x9100)); len(got) != 0 || err != nil {
		t.Errorf("no names: %v, %v", got, err)
	}
	for _, bad := range [][]byte{make([]byte, 4), make([]byte, 22), {}} {
		if got, err := open(frame(0x91AF, 1, 2, 3, 1, 0), frame(0x9100, bad...)); !errors.Is(err, ErrAnswer) || got != nil {
			t.Errorf("a frame of %d bytes: %v, %v", len(bad), got, err)
		}
	}
	for name, s := range map[string]Session{"EV2": newEV2Session([16]byte{1}, [16]byte{2}), "EV1": proved(0, mustKey(t, 1).Block()), "D40": d40(t)} {
		if _, err := s.Seal(GetDFNames()); !errors.Is(err, ErrCommand) {
			t.Errorf("%s session: %v, want ErrCommand", name, err)
		}
	}
}

// TestEV2RefusesTDEA: an EV2 session sets no triple DES key.
func TestEV2RefusesTDEA(t *testing.T) {
	s := newEV2Session([16]byte{1}, [16]byte{2})
	for _, c := range []Command{
		ChangeOwnKeyTDEA2(0, tdea2(t, make([]byte, 16))), ChangeOwnKeyTDEA3(0, tdea3(t, make([]byte, 24))),
		ChangeKeyTDEA2(1, tdea2(t, make([]byte, 16)), tdea2(t, make([]byte, 16))),
	} {
		if _, err := s.Seal(c); !errors.Is(err, ErrCommand) {
			t.Errorf("%v", err)
		}
	}
	if s.CmdCtr() != 0 {
		t.Error("a refused command moved CmdCtr")
	}
}

// TestAnswers pins what commands state about their answers: how many frames, how
// many bytes of data (0 is unknown), and whether the session ends.
func TestAnswers(t *testing.T) {
	type answers struct {
		Frames, Len int
		Ends        bool
	}
	r := Records{Count: 2, Size: 16}
	for _, tt := range []struct {
		command Command
		want    answers
	}{
		{GetCardUID(), answers{Frames: 1, Len: 7}},
		{ReadSig(), answers{Frames: 1, Len: 56}},
		{GetValue(1, Full), answers{Frames: 1, Len: 4}},
		{GetFileCounters(1), answers{Frames: 1, Len: 5}},
		{ReadData(1, 0, 9, Full), answers{Len: 9}},
		{ReadData(1, 0, 0, Full), answers{}},
		{ReadDataISO(1, 0, 9, Full), answers{Frames: 1, Len: 9}},
		{ReadRecords(1, r, Full), answers{Len: 32}},
		{ReadRecords(1, Records{Count: 2}, Full), answers{}},
		{ReadRecordsISO(1, r, Full), answers{Frames: 1, Len: 32}},
		{GetDFNames(), answers{}},
		{GetISOFileIDs(), answers{}},
		{RollKeySet(1), answers{Frames: 1, Ends: true}},
		{FinalizeKeySet(1, 1), answers{Frames: 1}},
		{ChangeOwnKeyTDEA2(0, tdea2(t, make([]byte, 16))), answers{Frames: 1, Ends: true}},
		{ChangeOwnKeyTDEA3(0, tdea3(t, make([]byte, 24))), answers{Frames: 1, Ends: true}},
		{ChangeKeyTDEA2(1, tdea2(t, make([]byte, 16)), tdea2(t, make([]byte, 16))), answers{Frames: 1}},
		{CommitTransactionTMAC(), answers{Frames: 1}},
	} {
		if got := (answers{tt.command.Frames, tt.command.AnswerLen, tt.command.EndsSession}); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.command, got, tt.want)
		}
	}
}
