package desfire

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"testing"

	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/key"
	"badgekms/test/vectors"
)

func tdea2(t testing.TB, b []byte) key.TDEA2 {
	t.Helper()
	if len(b) == 8 { // vectors print a DES key as 8 bytes
		b = append(bytes.Clone(b), b...)
	}
	k, err := key.NewTDEA2(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func tdea3(t testing.TB, b []byte) key.TDEA3 {
	t.Helper()
	k, err := key.NewTDEA3(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// blockOf is the cipher of a vector's key.
func blockOf(t testing.TB, name string, k []byte) cipher.Block {
	t.Helper()
	switch name {
	case "des", "2k3des":
		return tdea2(t, k).Block()
	case "3k3des":
		return tdea3(t, k).Block()
	case "aes":
		return aesKey(t, k).Block()
	}
	t.Fatalf("unknown cipher %q", name)
	return nil
}

// ev1Handshake is the handshake of a vector, RndA fixed to its.
func ev1Handshake(t testing.TB, v vectors.EV1Auth) *EV1Handshake {
	t.Helper()
	random := bytes.NewReader(v.RndA)
	switch {
	case apdu.INS(v.INS[0]) == apdu.INSAuthenticateAES:
		return AuthenticateAES(v.KeyNo[0], aesKey(t, v.Key), random)
	case v.Cipher == "3k3des":
		return AuthenticateISO3TDEA(v.KeyNo[0], tdea3(t, v.Key), random)
	}
	return AuthenticateISO(v.KeyNo[0], tdea2(t, v.Key), random)
}

// ev1Session runs the handshake of a vector.
func ev1Session(t *testing.T, v vectors.EV1Auth) *EV1Session {
	t.Helper()
	h := ev1Handshake(t, v)
	start(t, h, v.Frames[0].CAPDU, v.Frames[0].RAPDU)
	x := prove(t, h)
	if h.Session() == nil {
		t.Fatal("no session after Prove")
	}
	step(t, x, v.Frames[1].CAPDU, v.Frames[1].RAPDU)
	return h.Session()
}

// proved is an EV1 session whose handshake is behind it.
func proved(keyNo byte, b cipher.Block) *EV1Session {
	s := newEV1Session(keyNo, b)
	s.proved = true
	return s
}

// isD40 tells the vectors of the legacy Authenticate apart.
func isD40(v vectors.EV1Auth) bool { return apdu.INS(v.INS[0]) == apdu.INSAuthenticate }

// checkSameKey compares ciphers by what they make of zeros.
func checkSameKey(t *testing.T, got, want cipher.Block) {
	t.Helper()
	var a, b [blockSize]byte
	got.Encrypt(a[:], a[:])
	want.Encrypt(b[:], b[:])
	if a != b {
		t.Error("the session key differs")
	}
}

func TestEV1Handshakes(t *testing.T) {
	n := map[string]int{}
	for _, v := range vectors.EV1Auths(t) {
		if isD40(v) {
			continue
		}
		n[v.Cipher]++
		t.Run(v.ID, func(t *testing.T) {
			checkSameKey(t, ev1Session(t, v).block, blockOf(t, v.Cipher, v.SessionKey))
		})
	}
	if n["des"] != 3 || n["2k3des"] != 3 || n["3k3des"] != 6 || n["aes"] != 10 {
		t.Errorf("handshakes by cipher: %v", n)
	}
}

// changeCommand is a recorded ChangeKey.
func changeCommand(t *testing.T, v vectors.EV1Step) Command {
	t.Helper()
	keyNo := v.KeyNo[0]
	switch {
	case len(v.KeyVersion) == 1 && v.SameKey:
		return ChangeOwnKey(keyNo, aesKey(t, v.NewKey), v.KeyVersion[0])
	case len(v.KeyVersion) == 1:
		return ChangeKey(keyNo, aesKey(t, v.OldKey), aesKey(t, v.NewKey), v.KeyVersion[0])
	case len(v.NewKey) == key.SizeTDEA3 && v.SameKey:
		return ChangeOwnKeyTDEA3(keyNo, tdea3(t, v.NewKey))
	case len(v.NewKey) == key.SizeTDEA3:
		return ChangeKeyTDEA3(keyNo, tdea3(t, v.OldKey), tdea3(t, v.NewKey))
	case v.SameKey:
		return ChangeOwnKeyTDEA2(keyNo, tdea2(t, v.NewKey))
	}
	return ChangeKeyTDEA2(keyNo, tdea2(t, v.OldKey), tdea2(t, v.NewKey))
}

// ev1Command is a recorded command without its secure messaging, from its
// constructor where a vector has the command in more than one layout.
func ev1Command(t *testing.T, v vectors.EV1Step) Command {
	t.Helper()
	ins, b := apdu.INS(v.INS[0]), v.TXData
	le24 := func(i int) int { return int(uint24(b[i:])) }
	mode := map[string]Mode{"mac": MACed, "full_cmd": Full, "full_resp": Full}[v.Mode]
	plainFile := map[bool]Mode{true: Plain, false: Full}[v.Mode == "mac"]
	switch {
	case v.Mode == "change_key":
		return changeCommand(t, v)
	case ins == apdu.INSGetVersion:
		return GetVersion()
	case ins == apdu.INSChangeKeySettings:
		return ChangeKeySettings(KeyRights(v.TXPlain[0]))
	case ins == apdu.INSGetValue:
		return GetValue(b[0], mode)
	case ins == apdu.INSReadRecords:
		return ReadRecords(b[0], Records{First: le24(1), Count: le24(4), Size: len(v.RXPlain)}, mode)
	case ins == apdu.INSReadData:
		return ReadData(b[0], le24(1), le24(4), plainFile)
	case ins == apdu.INSWriteData && v.Mode == "full_cmd":
		return WriteData(v.TXHeader[0], int(uint24(v.TXHeader[1:])), v.TXPlain, Full)
	case ins == apdu.INSWriteData:
		return WriteData(b[0], le24(1), b[7:], Plain)
	}
	return Command{INS: ins, Header: v.TXData, Mode: mode}
}

// TestEV1Sessions replays recorded sessions with real cards and compares the
// chained IV at every step.
func TestEV1Sessions(t *testing.T) {
	sessions, steps := 0, 0
	for _, v := range vectors.EV1Sessions(t) {
		if isD40(v.Auth) {
			continue
		}
		sessions++
		t.Run(v.ID, func(t *testing.T) {
			s := ev1Session(t, v.Auth)
			for _, st := range v.Steps {
				steps++
				replay(t, s, ev1Command(t, st), st)
			}
		})
	}
	if sessions != 22 || steps < 55 {
		t.Errorf("%d sessions with %d commands, want 22 with at least 55", sessions, steps)
	}
}

func replay(t *testing.T, s *EV1Session, c Command, v vectors.EV1Step) {
	t.Helper()
	if !bytes.Equal(s.iv(), v.IVBefore) {
		t.Errorf("%s: IV %X before, want %s", v.Name, s.iv(), v.IVBefore)
	}
	exchange(t, s, c, v.Name, v.Frames, append(v.RXData, v.RXPlain...))
	if !bytes.Equal(s.iv(), v.IVAfter) {
		t.Errorf("%s: IV %X after, want %s", v.Name, s.iv(), v.IVAfter)
	}
	if s.Over() != v.Ends {
		t.Errorf("%s: session over %t, want %t", v.Name, s.Over(), v.Ends)
	}
}

// exchange seals c and opens the recorded answer, both byte for byte.
func exchange(t *testing.T, s Session, c Command, name string, frames []vectors.Frame, want []byte) {
	t.Helper()
	x, err := s.Seal(c)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	run := x.Commands()
	var rs []reader.Response
	if len(frames[0].CAPDU) > apdu.Len(apdu.MaxFrame) { // recorded with a longer frame than ours
		if got := unchain(t, run); !bytes.Equal(got, frames[0].CAPDU) {
			t.Errorf("%s: sealed %X, want %s", name, got, frames[0].CAPDU)
		}
		for range len(run) - 1 {
			rs = append(rs, reader.Response{SW: 0x91AF})
		}
	} else {
		checkFrames(t, run, name, frames)
	}
	for _, f := range frames {
		rs = append(rs, response(t, f.RAPDU))
	}
	for !x.Done() && len(rs) > 0 {
		used, err := x.Open(rs[:min(len(rs), len(x.Commands()))])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rs = rs[used:]
		for _, c := range x.Commands() {
			if !bytes.Equal(c.APDU, []byte{0x90, 0xAF, 0, 0, 0}) {
				t.Fatalf("%s: asks for more with %X", name, c.APDU)
			}
		}
	}
	if !x.Done() || !bytes.Equal(x.Data(), want) {
		t.Errorf("%s: done %t, opened %X, want %X", name, x.Done(), x.Data(), want)
	}
}

// checkFrames compares the frames that carry a command.
func checkFrames(t *testing.T, run []reader.Command, name string, frames []vectors.Frame) {
	t.Helper()
	if len(run) > len(frames) {
		t.Fatalf("%s: %d frames, want %d", name, len(run), len(frames))
	}
	for i, c := range run {
		if !bytes.Equal(c.APDU, frames[i].CAPDU) {
			t.Errorf("%s: sealed %X, want %s", name, c.APDU, frames[i].CAPDU)
		}
	}
}

// TestEV1TamperedSessions: every recorded protected answer with one bit changed
// is refused, ends the session and gives no data.
func TestEV1TamperedSessions(t *testing.T) {
	n := 0
	for _, v := range vectors.EV1Sessions(t) {
		if isD40(v.Auth) || len(v.Steps) == 0 || v.Steps[0].Ends {
			continue
		}
		last := len(v.Steps[0].Frames[0].RAPDU) - 3
		for bit := range 8 * (last + 1) {
			n++
			s := ev1Session(t, v.Auth)
			x, err := s.Seal(ev1Command(t, v.Steps[0]))
			if err != nil {
				t.Fatal(err)
			}
			var rs []reader.Response
			for _, f := range v.Steps[0].Frames {
				rs = append(rs, response(t, f.RAPDU))
			}
			rs[0].Data[bit/8] ^= 1 << (bit % 8)
			if _, err := x.Open(rs); !errors.Is(err, ErrIntegrity) || x.Data() != nil || !s.Over() {
				t.Fatalf("%s, bit %d: %v, over %t", v.ID, bit, err, s.Over())
			}
		}
	}
	if n < 1000 {
		t.Errorf("%d bits changed, want at least 1000", n)
	}
}

func TestEV1ChangeKeys(t *testing.T) {
	n := 0
	for _, v := range vectors.EV1ChangeKeys(t) {
		n++
		keyNo := byte(0)
		s := proved(keyNo, blockOf(t, v.Cipher, v.SessionKey))
		copy(s.iv(), v.IVBefore)
		c := changeCommand(t, vectors.EV1Step{
			KeyNo: v.KeyNo, NewKey: v.NewKey, OldKey: v.OldKey, KeyVersion: v.KeyVersion, SameKey: v.SameKey,
		})
		exchange(t, s, c, v.ID, v.Frames, []byte{})
		if s.Over() != v.SameKey {
			t.Errorf("%s: session over %t", v.ID, s.Over())
		}
	}
	if n != 14 {
		t.Errorf("%d vectors, want 14", n)
	}
}

// TestEV1BackToDES: at PICC level an AES session sets a triple DES key, KeyNo 00
func TestEV1Refuses(t *testing.T) {
	s := proved(0, key.TDEA2{}.Block())
	for name, c := range map[string]Command{
		"own key as another": ChangeKey(0, key.AES128{}, key.AES128{}, 1),
		"another as own":     ChangeOwnKey(1, key.AES128{}, 1),
		"GetDFNames":         GetDFNames(),
		"one long APDU":      WriteDataISO(1, 0, make([]byte, 255), Plain),
	} {
		if _, err := s.Seal(c); !errors.Is(err, ErrCommand) {
			t.Errorf("%s: %v, want ErrCommand", name, err)
		}
	}
	if s.chain != [blockSize]byte{} {
		t.Error("a refused command moved the IV")
	}
	x, err := s.Seal(FreeMemory())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Seal(FreeMemory()); !errors.Is(err, ErrCommand) {
		t.Errorf("a second command ahead: %v", err)
	}
	if _, err := x.Open([]reader.Response{{Data: make([]byte, 11), SW: 0x9100}}); !errors.Is(err, ErrIntegrity) || !s.Over() {
		t.Errorf("wrong MAC: %v", err)
	}
}

func TestEV1BadAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		r    reader.Response
		want error
	}{
		"refused":   {reader.Response{SW: 0x919D}, apdu.StatusPermissionDenied},
		"no MAC":    {reader.Response{SW: 0x9100}, ErrIntegrity},
		"short MAC": {reader.Response{Data: make([]byte, 7), SW: 0x9100}, ErrIntegrity},
	} {
		s := proved(0, key.TDEA2{}.Block())
		x, err := s.Seal(GetKeySettings())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Open([]reader.Response{tt.r}); !errors.Is(err, tt.want) || !s.Over() {
			t.Errorf("%s: error %v, over %t", name, err, s.Over())
		}
		if _, err := s.Seal(FreeMemory()); !errors.Is(err, ErrSessionOver) {
			t.Errorf("%s: Seal afterwards: %v", name, err)
		}
	}
}

func TestEV1Forgets(t *testing.T) {
	s := proved(0, mustKey(t, 9).Block())
	if _, err := s.Seal(WriteData(1, 0, []byte("secret"), Plain)); err != nil {
		t.Fatal(err)
	}
	s.end()
	if b := s.scratch[:cap(s.scratch)]; len(b) == 0 || !allZero(b) {
		t.Error("the session's buffer keeps what was sealed")
	}
}
