package desfire

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

// TestPlainLayouts pins the bytes of every command that can travel in clear.
func TestPlainLayouts(t *testing.T) {
	aid := AID{0xF0, 0x32, 0xF5}
	file := DataFile{No: 1, Mode: Full, Rights: AccessRights{Read: 5, Write: 0, ReadWrite: AccessNever, Change: 0}, Size: 16}
	withID := file
	withID.ISOFileID = 0xE110
	tests := []struct {
		command Command
		want    string
	}{
		{SelectApplication(aid), "905A000003F032F500"},
		{SelectApplication(PICC), "905A00000300000000"},
		{GetVersion(), "9060000000"},
		{GetCardUID(), "9051000000"},
		{ReadSig(), "903C0000010000"},
		{GetApplicationIDs(), "906A000000"},
		{CreateApplication(Application{AID: aid, Rights: 0x0B, KeyCount: 8, KeyType: KeyTypeAES}), "90CA000005F032F50B8800"},
		{CreateApplication(Application{AID: aid, Rights: 0x0F, KeyCount: 1, ISOFileID: 0xE110, DFName: []byte{0xD2, 0x76}}), "90CA000009F032F50F2110E1D27600"},
		{DeleteApplication(aid), "90DA000003F032F500"},
		{FreeMemory(), "906E000000"},
		{FormatPICC(), "90FC000000"},
		{GetKeySettings(), "9045000000"},
		{GetKeyVersion(2), "90640000010200"},
		{CreateStdDataFile(file), "90CD0000070103F05010000000"},
		{CreateBackupDataFile(file), "90CB0000070103F05010000000"},
		{CreateBackupDataFile(withID), "90CB0000090110E103F05010000000"},
		{DeleteFile(1), "90DF0000010100"},
		{GetFileIDs(), "906F000000"},
		{GetFileSettings(1), "90F50000010100"},
		{ReadData(1, 2, 0x10203, Plain), "90BD0000070102000003020100"},
		{WriteData(1, 2, []byte{9}, Plain), "903D000008010200000100000900"},
		{ReadDataISO(1, 0, 16, Plain), "90AD0000070100000010000000"},
		{CommitTransaction(), "90C7000000"},
		{AbortTransaction(), "90A7000000"},
	}
	for _, tt := range tests {
		x, err := PlainSession{}.Seal(tt.command)
		if err != nil {
			t.Errorf("%s: %v", tt.command, err)
			continue
		}
		if got := fmt.Sprintf("%X", x.Commands()[0].APDU); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.command, got, tt.want)
		}
	}
}

// TestPlainRefusesSecrets: what must be enciphered never travels in clear.
func TestPlainRefusesSecrets(t *testing.T) {
	for _, c := range []Command{
		ChangeOwnKey(0, key.AES128{}, 1), ChangeKey(1, key.AES128{}, key.AES128{}, 1),
		ChangeKeyInSet(1, 1, key.AES128{}, key.AES128{}, 1), SetDefaultKey(key.AES128{}, 0),
		ChangeKeySettings(0x0F), SetPICCConfiguration(0), WriteData(1, 0, []byte{1}, Full),
	} {
		if _, err := (PlainSession{}).Seal(c); !errors.Is(err, ErrCommand) {
			t.Errorf("%s: %v, want ErrCommand", c, err)
		}
	}
}

// TestSignatureStatus: both 9190 and 9100 end Read_Sig well, and 9190 nothing
// else.
func TestSignatureStatus(t *testing.T) {
	for sw, want := range map[reader.SW]bool{0x9190: true, 0x9100: true, 0x91AE: false} {
		x, err := PlainSession{}.Seal(ReadSig())
		if err != nil {
			t.Fatal(err)
		}
		_, err = x.Open([]reader.Response{{Data: make([]byte, 56), SW: sw}})
		if (err == nil) != want || x.Done() != want {
			t.Errorf("%s: %v", sw, err)
		}
	}
	x, _ := PlainSession{}.Seal(FreeMemory())
	if _, err := x.Open([]reader.Response{{Data: make([]byte, 3), SW: 0x9190}}); !errors.Is(err, apdu.StatusSignatureOK) {
		t.Errorf("9190 to FreeMemory: %v", err)
	}
}

func TestPlainGoesOnAfterRefusal(t *testing.T) {
	x, _ := PlainSession{}.Seal(GetKeyVersion(9))
	if _, err := x.Open([]reader.Response{{SW: 0x9140}}); !errors.Is(err, apdu.StatusNoSuchKey) {
		t.Errorf("error %v", err)
	}
	if _, err := x.Open([]reader.Response{{Data: []byte{1}, SW: 0x9100}}); !errors.Is(err, ErrCommand) || x.Done() {
		t.Errorf("a failed command was opened again: %v", err)
	}
	if _, err := (PlainSession{}).Seal(GetVersion()); err != nil {
		t.Errorf("the next command: %v", err)
	}
}

// TestNothingPrints: neither a command nor what was sealed from it prints a byte
// of its data, in any verb or log.
func TestNothingPrints(t *testing.T) {
	secret := bytes.Repeat([]byte{0xC5, 0x5C}, 8)
	k := aesKey(t, secret)
	s := newEV2Session([16]byte{1}, [16]byte{2})
	x, err := s.Seal(ChangeKey(1, key.AES128{}, k, 1))
	if err != nil {
		t.Fatal(err)
	}
	sealed := fmt.Sprintf("%X", x.Commands()[0].APDU[6:20])
	values := []any{
		ChangeKey(1, key.AES128{}, k, 1), SetDefaultKey(k, 0), WriteData(1, 0, secret, Full), x, []any{x},
		struct{ C Command }{SetDefaultKey(k, 0)}, AuthenticateEV2First(0, k, nil), AuthenticateISO(0, key.TDEA2{}, nil), s, *s, *x,
		newEV1Session(0, key.TDEA2{}.Block()), &D40Session{}, AuthenticateAES(0, k, nil), Authenticate(0, key.TDEA2{}, nil), Batch{sealed: []*Sealed{x}},
	}
	checkVerbs(t, *s, s.String())
	checkVerbs(t, s, "EV2 session with key 0, CmdCtr 1")
	checkVerbs(t, newEV1Session(2, key.TDEA2{}.Block()), "EV1 session with key 2")
	checkVerbs(t, &D40Session{keyNo: 1, ended: true}, "D40 session with key 1, over")
	checkVerbs(t, AuthenticateAES(4, k, nil), "AuthenticateAES with key 4")
	checkVerbs(t, *AuthenticateAES(4, k, nil), "AuthenticateAES with key 4")
	checkVerbs(t, Authenticate(5, key.TDEA2{}, nil), "Authenticate with key 5")
	checkVerbs(t, NewProximityCheck(k, nil), "proximity check, 8 bytes of challenge left")
	checkVerbs(t, AuthenticateEV2First(3, k, nil), "AuthenticateEV2First with key 3")
	checkVerbs(t, AuthenticateISO(0, key.TDEA2{}, nil), "AuthenticateISO with key 0")
	checkVerbs(t, *x, "ChangeKey")
	checkVerbs(t, SetDefaultKey(k, 0), "SetConfiguration")
	checkVerbs(t, Batch{sealed: []*Sealed{x}}, "batch, 0 of 1 commands done")
	var out strings.Builder
	log := slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			_, _ = fmt.Fprintf(&out, verb+"\n", v)
		}
		log.Info("exchange", "value", v)
	}
	upper := strings.ToUpper(out.String())
	for _, bad := range []string{"C55C", "197 92", "0XC5", "197, 92", sealed} {
		if strings.Contains(upper, bad) {
			t.Errorf("the output has %s", bad)
		}
	}
	if !strings.Contains(out.String(), `"data_bytes":16`) {
		t.Error("the log does not tell the length of the data")
	}
}

// checkVerbs holds every verb to the same words, so that none prints fields.
func checkVerbs(t *testing.T, v any, want string) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b"} {
		if got := fmt.Sprintf(verb, v); got != want {
			t.Errorf("%s prints %q, want %q", verb, got, want)
		}
	}
}

// TestSetDefaultKey: the key has room for 24 bytes and the version follows
// (desfire-facts §8.1).
func TestSetDefaultKey(t *testing.T) {
	k := bytes.Repeat([]byte{7}, key.Size)
	c := SetDefaultKey(aesKey(t, k), 0x2A)
	want := append(append(bytes.Clone(k), make([]byte, 8)...), 0x2A)
	if !bytes.Equal(c.Header, []byte{1}) || !bytes.Equal(c.Data, want) || c.Mode != Full {
		t.Errorf("header %X, data of %d bytes, mode %s", c.Header, len(c.Data), c.Mode)
	}
}

// TestNames: what people read in logs.
func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		Plain.String(): "CommMode.Plain", MACed.String(): "CommMode.MAC", Full.String(): "CommMode.Full", Mode(2).String(): "CommMode 2",
		KeyType2TDEA.String(): "DES/2TDEA", KeyType3TDEA.String(): "3TDEA", KeyTypeAES.String(): "AES", KeyType(3).String(): "key type 3",
		BackupDataFile.String(): "backup data", FileType(6).String(): "file type 6",
		Light.String(): "DESFire Light", D40.String(): "DESFire (MF3ICD40)", Unknown.String(): "unknown card",
		AccessRights{Read: 5, Write: 0, ReadWrite: AccessNever, Change: 0}.String(): "read 5, write 0, read-write F, change 0",
		GetVersion().String(): "GetVersion",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
