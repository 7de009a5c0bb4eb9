package desfire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/key"
	"badgekms/test/vectors"
)

// newEV2Session is a session with these session keys, TI and CmdCtr zero.
func newEV2Session(enc, mac [key.Size]byte) *EV2Session {
	return &EV2Session{enc: aesBlock(enc[:]), mac: *key.NewCMAC(aesBlock(mac[:]))}
}

// sessionOf is an EV2 session in the state of a vector.
func sessionOf(t testing.TB, v vectors.SessionState) *EV2Session {
	t.Helper()
	enc := v.ENC
	if len(enc) == 0 { // vectors that need no ENC key do not state it
		enc = make([]byte, key.Size)
	}
	s := newEV2Session([key.Size]byte(enc), [key.Size]byte(v.MAC))
	s.ti, s.counter = TI(v.TI), v.CmdCtr
	return s
}

func modeOf(t testing.TB, name string) Mode {
	t.Helper()
	m, ok := map[string]Mode{"PLAIN": Plain, "MAC": MACed, "FULL": Full}[name]
	if !ok {
		t.Fatalf("unknown mode %q", name)
	}
	return m
}

func response(t testing.TB, raw []byte) reader.Response {
	t.Helper()
	r, err := reader.ParseResponse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// unchain joins the APDUs of a run into one command, undoing AF chaining, as the
// vectors of application notes print long commands in one APDU.
func unchain(t testing.TB, run []reader.Command) []byte {
	t.Helper()
	first, err := apdu.Parse(run[0].APDU)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range run[1:] {
		more, err := apdu.Parse(c.APDU)
		if err != nil || apdu.INS(more.INS) != apdu.INSAdditionalFrame {
			t.Fatalf("chained frame %s: %v", more, err)
		}
		first.Data = append(bytes.Clone(first.Data), more.Data...)
	}
	b, err := first.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// commandOf is the vector's command without its secure messaging. Commands that
// have a constructor come from it, so that its layout is checked as well.
func commandOf(t testing.TB, v vectors.EV2Command) Command {
	t.Helper()
	generic := Command{INS: apdu.INS(v.INS[0]), Header: v.Header, Data: v.Data, Mode: modeOf(t, v.CommMode), Frames: 1}
	le24 := func(b []byte) int { return int(uint24(b)) }
	switch generic.INS {
	case apdu.INSSetConfiguration:
		if v.Header[0] == 0 {
			return SetPICCConfiguration(PICCConfiguration(v.Data[0]))
		}
		if v.Header[0] == optionValueFile {
			return SetLightValueFile(valueSettings(v.Data))
		}
		return SetConfiguration(v.Header[0], v.Data)
	case apdu.INSGetCardUID:
		return GetCardUID()
	case apdu.INSWriteDataISO:
		return WriteDataISO(v.Header[0], le24(v.Header[1:]), v.Data, generic.Mode)
	case apdu.INSReadDataISO:
		return ReadDataISO(v.Header[0], le24(v.Header[1:]), le24(v.Header[4:]), generic.Mode)
	case apdu.INSGetKeyVersion:
		return GetKeyVersion(v.Header[0])
	case apdu.INSGetFileSettings:
		return GetFileSettings(v.Header[0])
	case apdu.INSCreateApplication:
		a := Application{AID: AID(v.Data), Rights: KeyRights(v.Data[3]), KeyCount: 5, KeyType: KeyTypeAES}
		if rest := v.Data[5:]; len(rest) > 0 {
			a.ISOFileID, a.DFName = binary.LittleEndian.Uint16(rest), rest[2:]
		}
		return CreateApplication(a)
	case apdu.INSGetApplicationIDs:
		return GetApplicationIDs()
	case apdu.INSGetKeySettings:
		return GetKeySettings()
	case apdu.INSChangeKeySettings:
		return ChangeKeySettings(KeyRights(v.Data[0]))
	case apdu.INSFormatPICC:
		return FormatPICC()
	case apdu.INSCreateStdDataFile:
		return CreateStdDataFile(DataFile{
			No: v.Data[0], Mode: Mode(v.Data[1]), Rights: parseAccessRights(v.Data[2:]), Size: le24(v.Data[4:]),
		})
	case apdu.INSRollKeySet:
		return RollKeySet(v.Data[0])
	case apdu.INSInitializeKeySet:
		return InitializeKeySet(v.Data[0], KeyType(v.Data[1]))
	case apdu.INSGetValue:
		return GetValue(v.Header[0], generic.Mode)
	case apdu.INSCredit:
		return Credit(v.Header[0], int32(binary.LittleEndian.Uint32(v.Data)), generic.Mode)
	case apdu.INSWriteRecordISO:
		return WriteRecordISO(v.Header[0], le24(v.Header[1:]), v.Data, generic.Mode)
	case apdu.INSChangeFileSettings:
		return ChangeFileSettings(v.Header[0], FileChange{Mode: Mode(v.Data[0]), Rights: parseAccessRights(v.Data[1:])})
	case apdu.INSCommitTransaction:
		return CommitTransactionTMAC()
	case apdu.INSCreateTransactionMACFile:
		return CreateTransactionMACFile(TMACFile{
			No: v.Header[0], Mode: Mode(v.Header[1]), Rights: parseAccessRights(v.Header[2:]),
			Key: aesKey(t, v.Data[:16]), Version: v.Data[16],
		})
	}
	return generic
}

// valueSettings reads FileNo ‖ Lower ‖ Upper ‖ Value ‖ LimitedCredit.
func valueSettings(b []byte) ValueSettings {
	le32 := func(i int) int32 { return int32(binary.LittleEndian.Uint32(b[i:])) }
	return ValueSettings{No: b[0], Lower: le32(1), Upper: le32(5), Value: le32(9), LimitedCredit: b[13]&1 != 0, FreeGetValue: b[13]&2 != 0}
}

func TestEV2Commands(t *testing.T) {
	for _, v := range vectors.EV2Commands(t) {
		t.Run(v.ID, func(t *testing.T) { checkEV2(t, sessionOf(t, v.Session), commandOf(t, v), v) })
	}
}

// checkEV2 seals c and opens its answer, both byte for byte.
func checkEV2(t *testing.T, s *EV2Session, c Command, v vectors.EV2Command) {
	t.Helper()
	x, err := s.Seal(c)
	if err != nil {
		t.Fatal(err)
	}
	if got := unchain(t, x.Commands()); !bytes.Equal(got, v.CAPDU) {
		t.Errorf("sealed %X, want %s", got, v.CAPDU)
	}
	if got := s.CmdCtr(); got != v.Session.CmdCtr+1 {
		t.Errorf("CmdCtr %d after Seal, want %d", got, v.Session.CmdCtr+1)
	}
	used, err := x.Open([]reader.Response{response(t, v.RAPDU)})
	if err != nil || used != 1 {
		t.Fatalf("Open used %d: %v", used, err)
	}
	if !x.Done() || !bytes.Equal(x.Data(), v.RespData) {
		t.Errorf("opened %X, want %s", x.Data(), v.RespData)
	}
	if s.Over() != c.EndsSession {
		t.Errorf("session over: %t, want %t", s.Over(), c.EndsSession)
	}
}

func TestEV2Responses(t *testing.T) {
	for _, v := range vectors.EV2Responses(t) {
		s := sessionOf(t, v.Session)
		// The answer of CommitReaderID is MACed only; its payload is
		// enciphered under a key of the transaction MAC file.
		x, err := s.Seal(Command{INS: apdu.INSCommitReaderID, Mode: MACed, Frames: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Open([]reader.Response{response(t, v.RAPDU)}); err != nil {
			t.Errorf("%s: %v", v.ID, err)
		}
		if want := v.RAPDU[:16]; !bytes.Equal(x.Data(), want) {
			t.Errorf("%s: opened %X, want %s", v.ID, x.Data(), want)
		}
	}
}

func TestEV2Multiframe(t *testing.T) {
	for _, v := range vectors.EV2Multiframes(t) {
		s := sessionOf(t, v.Session)
		x, err := s.Seal(GetVersion())
		if err != nil {
			t.Fatal(err)
		}
		var rs []reader.Response
		for i, c := range x.Commands() {
			if !bytes.Equal(c.APDU, v.CAPDUs[i]) {
				t.Errorf("%s: frame %d is %X, want %s", v.ID, i, c.APDU, v.CAPDUs[i])
			}
			rs = append(rs, response(t, v.RAPDUs[i]))
			if rs[i].SW != c.Expect {
				t.Errorf("%s: frame %d expects %s, the card answers %s", v.ID, i, c.Expect, rs[i].SW)
			}
		}
		if used, err := x.Open(rs); err != nil || used != 3 {
			t.Fatalf("%s: Open used %d: %v", v.ID, used, err)
		}
		if _, err := ParseVersion(x.Data()); err != nil {
			t.Errorf("%s: %v", v.ID, err)
		}
	}
}

func TestEV2ChangeKeys(t *testing.T) {
	for _, v := range vectors.EV2ChangeKeys(t) {
		t.Run(v.ID, func(t *testing.T) {
			s := sessionOf(t, v.Session)
			next := aesKey(t, v.NewKey)
			keyNo, version := v.Header[len(v.Header)-1], v.NewVersion[0]
			var c Command
			switch {
			case v.INS[0] == byte(apdu.INSChangeKeyEV2):
				c = ChangeKeyInSet(v.Header[0], keyNo, aesKey(t, v.OldKey), next, version)
			case v.Case == 1:
				c = ChangeKey(keyNo, aesKey(t, v.OldKey), next, version)
			default:
				c = ChangeOwnKey(keyNo, next, version)
			}
			checkEV2(t, s, c, v)
		})
	}
}

func aesKey(t testing.TB, b []byte) key.AES128 {
	t.Helper()
	k, err := key.NewAES128(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestEV2IVs(t *testing.T) {
	for _, v := range vectors.EV2IVs(t) {
		s := sessionOf(t, vectors.SessionState{ENC: v.ENC, MAC: make([]byte, key.Size), TI: v.TI})
		s.setIV(v.Label[0], v.Label[1], v.CmdCtr)
		if !bytes.Equal(s.iv[:], v.IV) {
			t.Errorf("%s: IV %X, want %s", v.ID, s.iv, v.IV)
		}
	}
}

// TestEV2Rejects opens answers that must not be believed. Each ends the session
// and gives no data.
func TestEV2Rejects(t *testing.T) {
	for _, v := range vectors.NegativeResponses(t) {
		t.Run(v.ID, func(t *testing.T) {
			c, err := apdu.Parse(v.CAPDU)
			if err != nil {
				t.Fatal(err)
			}
			s := sessionOf(t, v.Session)
			x, err := s.Seal(Command{INS: apdu.INS(c.INS), Mode: Full, Frames: 1})
			if err != nil {
				t.Fatal(err)
			}
			_, err = x.Open([]reader.Response{response(t, v.RAPDU)})
			if !errors.Is(err, ErrIntegrity) || x.Data() != nil || x.Done() {
				t.Errorf("%s: error %v, data %X", v.Why, err, x.Data())
			}
			if _, err := s.Seal(FreeMemory()); !errors.Is(err, ErrSessionOver) {
				t.Errorf("Seal after a failure: %v", err)
			}
		})
	}
}

// TestEV2BadAnswers covers what the vectors do not: length, chaining, status.
func TestEV2BadAnswers(t *testing.T) {
	ok := reader.SW(apdu.StatusOK)
	af := reader.SW(apdu.StatusAdditionalFrame)
	tests := []struct {
		name    string
		command Command
		rs      []reader.Response
		want    error
	}{
		{"nothing", FreeMemory(), nil, ErrIncomplete},
		{"no MAC", FreeMemory(), []reader.Response{{SW: ok}}, ErrIntegrity},
		{"short MAC", FreeMemory(), []reader.Response{{Data: make([]byte, 7), SW: ok}}, ErrIntegrity},
		{"zero MAC", FreeMemory(), []reader.Response{{Data: make([]byte, 11), SW: ok}}, ErrIntegrity},
		{"too many frames", FreeMemory(), []reader.Response{{SW: af}}, ErrAnswer},
		{"too few frames", GetVersion(), []reader.Response{{Data: make([]byte, 28), SW: ok}}, ErrAnswer},
		{"chain breaks off", GetVersion(), []reader.Response{{Data: make([]byte, 7), SW: af}}, ErrIncomplete},
		{"refused", FreeMemory(), []reader.Response{{SW: 0x91AE}}, apdu.StatusAuthenticationError},
		{"refused by ISO status", FreeMemory(), []reader.Response{{SW: 0x6E00}}, apdu.StatusISOUnknownClass},
		{"data after the session's end", ChangeOwnKey(0, key.AES128{}, 1), []reader.Response{{Data: make([]byte, 9), SW: ok}}, ErrAnswer},
		{"answered before the command ended", WriteData(1, 0, make([]byte, 64), Plain), []reader.Response{{SW: ok}, {SW: ok}}, ErrAnswer},
		{"refused before the command ended", WriteData(1, 0, make([]byte, 64), Plain), []reader.Response{{SW: 0x919D}}, apdu.StatusPermissionDenied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newEV2Session([16]byte{}, [16]byte{})
			x, err := s.Seal(tt.command)
			if err != nil {
				t.Fatal(err)
			}
			later, laterErr := s.Seal(GetKeySettings())
			if _, err := x.Open(tt.rs); !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if x.Data() != nil || x.Done() || len(x.Commands()) != 0 || !s.Over() {
				t.Error("the failed command still has data or a run, or its session goes on")
			}
			if laterErr != nil {
				return // the command ends the session: nothing was sealed after it
			}
			if _, err := later.Open([]reader.Response{{SW: ok}}); !errors.Is(err, ErrSessionOver) {
				t.Errorf("opening a command of a dead session: %v", err)
			}
		})
	}
}

// TestEV2EncipheredAnswer checks padding and block length under a right MAC.
func TestEV2EncipheredAnswer(t *testing.T) {
	tests := []struct {
		name  string
		plain []byte // before encipherment
		want  error
	}{
		{"padded", append([]byte{1, 2, 3}, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), nil},
		{"no padding", bytes.Repeat([]byte{1}, 16), ErrIntegrity},
		{"zeros", make([]byte, 16), ErrIntegrity},
		{"marker in the block before", append(append(make([]byte, 15), 0x80), make([]byte, 16)...), ErrIntegrity},
	}
	for _, tt := range tests {
		s := newEV2Session([16]byte{1}, [16]byte{2})
		x, err := s.Seal(GetCardUID())
		if err != nil {
			t.Fatal(err)
		}
		data := bytes.Clone(tt.plain)
		s.setIV(0x5A, 0xA5, 1)
		cbcEncrypt(s.enc, s.iv[:], data)
		_, err = x.Open([]reader.Response{answer(s, 1, data)})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
		}
		if tt.want == nil && !bytes.Equal(x.Data(), []byte{1, 2, 3}) {
			t.Errorf("%s: %X", tt.name, x.Data())
		}
	}
	s := newEV2Session([16]byte{1}, [16]byte{2})
	x, _ := s.Seal(GetCardUID())
	if _, err := x.Open([]reader.Response{answer(s, 1, make([]byte, 15))}); !errors.Is(err, ErrAnswer) {
		t.Errorf("part of a block: %v", err)
	}
}

// answer is a successful answer with a right MAC under counter.
func answer(s *EV2Session, counter uint16, data []byte) reader.Response {
	s.sum(append(s.prefix(0, counter), data...))
	return reader.Response{Data: append(bytes.Clone(data), s.tag[:macLen]...), SW: 0x9100}
}

// TestEV2Ahead seals many commands and opens them in order: every one keeps its
// own counter.
func TestEV2Ahead(t *testing.T) {
	s := newEV2Session([16]byte{1}, [16]byte{2})
	var sealed []*Sealed
	for range 20 {
		x, err := s.Seal(FreeMemory())
		if err != nil {
			t.Fatal(err)
		}
		sealed = append(sealed, x)
	}
	for i, x := range sealed {
		if _, err := x.Open([]reader.Response{answer(s, uint16(i+1), []byte{byte(i), 0, 0})}); err != nil {
			t.Fatalf("command %d: %v", i, err)
		}
		if n, err := ParseFreeMemory(x.Data()); n != i || err != nil {
			t.Errorf("command %d gives %d, %v", i, n, err)
		}
	}
}

func TestEV2CounterExhausted(t *testing.T) {
	s := newEV2Session([16]byte{1}, [16]byte{2})
	s.counter = maxCounter - 1
	if _, err := s.Seal(FreeMemory()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Seal(FreeMemory()); !errors.Is(err, ErrSessionOver) {
		t.Errorf("CmdCtr FFFF: %v, want ErrSessionOver", err)
	}
}

func TestEV2SealRefuses(t *testing.T) {
	zero := key.AES128{}
	s := newEV2Session([16]byte{}, [16]byte{})
	s.keyNo = 3
	for name, c := range map[string]Command{
		"own key as another":          ChangeKey(3, zero, zero, 1),
		"another key as own":          ChangeOwnKey(4, zero, 1),
		"more than one APDU can have": WriteDataISO(1, 0, make([]byte, 250), Full),
	} {
		if _, err := s.Seal(c); !errors.Is(err, ErrCommand) {
			t.Errorf("%s: %v, want ErrCommand", name, err)
		}
	}
	if s.CmdCtr() != 0 || s.Over() {
		t.Errorf("a refused command moved CmdCtr to %d or ended the session", s.CmdCtr())
	}
}

// TestEV2Ends: after a command that ends the session nothing can be sealed, and
// its answer can still be opened.
func TestEV2Ends(t *testing.T) {
	for name, c := range map[string]Command{
		"ChangeKey": ChangeOwnKey(0, key.AES128{}, 1), "SelectApplication": SelectApplication(PICC),
	} {
		s := newEV2Session([16]byte{}, [16]byte{})
		x, err := s.Seal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Seal(FreeMemory()); !errors.Is(err, ErrSessionOver) {
			t.Errorf("%s: Seal after it: %v", name, err)
		}
		if _, err := x.Open([]reader.Response{{SW: 0x9100}}); err != nil || !x.Done() || !s.Over() {
			t.Errorf("%s: opened with %v, over %t", name, err, s.Over())
		}
	}
}
