package desfire

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/key"
	"badgekms/test/vectors"
)

// isTDEA2 tells whether a vector's handshake is one that AuthenticateISO
// covers: DES (printed as 8 bytes) or two-key triple DES.
func isTDEA2(v vectors.EV1Auth) bool {
	return v.INS[0] == byte(apdu.INSAuthenticateISO) && (v.Cipher == "des" || v.Cipher == "2k3des")
}

// isoSession runs the handshake of a vector.
func isoSession(t *testing.T, v vectors.EV1Auth) *ISOSession {
	t.Helper()
	h := AuthenticateISO(v.KeyNo[0], tdea2(t, v.Key), bytes.NewReader(v.RndA))
	start(t, h, v.Frames[0].CAPDU, v.Frames[0].RAPDU)
	x := prove(t, h)
	if h.Session() == nil {
		t.Fatal("no session after Prove")
	}
	step(t, x, v.Frames[1].CAPDU, v.Frames[1].RAPDU)
	return h.Session()
}

func tdea2(t *testing.T, b []byte) key.TDEA2 {
	t.Helper()
	if len(b) == 8 {
		b = append(bytes.Clone(b), b...)
	}
	k, err := key.NewTDEA2(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestISOHandshakes(t *testing.T) {
	n := 0
	for _, v := range vectors.EV1Auths(t) {
		if !isTDEA2(v) {
			continue
		}
		n++
		t.Run(v.ID, func(t *testing.T) {
			s := isoSession(t, v)
			want := newISOSession(0, tdea2(t, v.SessionKey))
			var a, b [desRndLen]byte
			s.block.Encrypt(a[:], a[:])
			want.block.Encrypt(b[:], b[:])
			if a != b {
				t.Error("the session key differs")
			}
		})
	}
	if n != 6 {
		t.Errorf("%d handshakes, want 6", n)
	}
}

// stepCommand is a recorded command without its secure messaging. ChangeKey to
// an AES key comes from its constructor; ChangeKey between DES keys, which has
// none, is the same with other data.
func stepCommand(t *testing.T, v vectors.EV1Step) Command {
	t.Helper()
	ins := apdu.INS(v.INS[0])
	switch {
	case ins == apdu.INSGetVersion:
		return GetVersion()
	case v.Mode == "mac":
		return Command{INS: ins, Header: v.TXData, Mode: MACed}
	case v.Mode == "full_cmd":
		return Command{INS: ins, Header: v.TXHeader, Data: v.TXPlain, Mode: Full}
	case v.Mode == "change_key" && len(v.KeyVersion) == 1:
		return ChangeOwnKey(v.KeyNo[0], aesKey(t, v.NewKey), v.KeyVersion[0])
	case v.Mode == "change_key":
		return Command{INS: ins, Header: v.KeyNo, Data: v.NewKey, Mode: Full, EndsSession: v.Ends}
	}
	t.Fatalf("%s: mode %q", v.Name, v.Mode)
	return Command{}
}

// TestISOSessions replays recorded sessions with real cards, from the factory
// key to AES among them, and compares the chained IV at every step.
func TestISOSessions(t *testing.T) {
	sessions, steps := 0, 0
	for _, v := range vectors.EV1Sessions(t) {
		if !isTDEA2(v.Auth) {
			continue
		}
		sessions++
		t.Run(v.ID, func(t *testing.T) {
			s := isoSession(t, v.Auth)
			for _, st := range v.Steps {
				steps++
				replay(t, s, st)
			}
		})
	}
	if sessions != 6 || steps < 15 {
		t.Errorf("%d sessions with %d commands, want 6 with at least 15", sessions, steps)
	}
}

func replay(t *testing.T, s *ISOSession, v vectors.EV1Step) {
	t.Helper()
	if !bytes.Equal(s.iv[:], v.IVBefore) {
		t.Errorf("%s: IV %X before, want %s", v.Name, s.iv, v.IVBefore)
	}
	x, err := s.Seal(stepCommand(t, v))
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	run := x.Commands()
	if len(run) > len(v.Frames) {
		t.Fatalf("%s: %d frames, want %d", v.Name, len(run), len(v.Frames))
	}
	var rs []reader.Response
	for i, f := range v.Frames {
		if i < len(run) && !bytes.Equal(run[i].APDU, f.CAPDU) {
			t.Errorf("%s: sealed %X, want %s", v.Name, run[i].APDU, f.CAPDU)
		}
		rs = append(rs, response(t, f.RAPDU))
	}
	if _, err := x.Open(rs); err != nil || !x.Done() {
		t.Fatalf("%s: %v", v.Name, err)
	}
	if !bytes.Equal(x.Data(), v.RXData) {
		t.Errorf("%s: opened %X, want %s", v.Name, x.Data(), v.RXData)
	}
	if !bytes.Equal(s.iv[:], v.IVAfter) {
		t.Errorf("%s: IV %X after, want %s", v.Name, s.iv, v.IVAfter)
	}
	if s.Over() != v.Ends {
		t.Errorf("%s: session over %t, want %t", v.Name, s.Over(), v.Ends)
	}
}

// TestISOChangeKeyInOneRun seals the factory card's change to AES in the run of
// the handshake's last step, as a batch, against a recorded exchange.
func TestISOChangeKeyInOneRun(t *testing.T) {
	v, st := factoryToAES(t)
	h := AuthenticateISO(v.Auth.KeyNo[0], tdea2(t, v.Auth.Key), bytes.NewReader(v.Auth.RndA))
	start(t, h, v.Auth.Frames[0].CAPDU, v.Auth.Frames[0].RAPDU)
	var b Batch
	b.Add(prove(t, h))
	change := b.Seal(h.Session(), ChangeOwnKey(PICCMasterAES, aesKey(t, st.NewKey), st.KeyVersion[0]))
	run, err := b.Commands()
	if err != nil || len(run) != 2 || !bytes.Equal(run[1].APDU, st.Frames[0].CAPDU) {
		t.Fatalf("run of %d: %v", len(run), err)
	}
	err = b.Open([]reader.Response{response(t, v.Auth.Frames[1].RAPDU), {SW: 0x9100}}, nil)
	if err != nil || !change.Done() || !h.Session().Over() {
		t.Errorf("change: %v, done %t, over %t", err, change.Done(), h.Session().Over())
	}
}

// TestISOWrongProof: a card that does not prove the key ends the session whose
// command was sealed ahead; that command's answer is not believed.
func TestISOWrongProof(t *testing.T) {
	h := AuthenticateISO(0, key.TDEA2{}, rand.Reader)
	x, err := h.Start()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Open([]reader.Response{{Data: make([]byte, 8), SW: 0x91AF}}); err != nil {
		t.Fatal(err)
	}
	var b Batch
	b.Add(prove(t, h))
	change := b.Seal(h.Session(), ChangeOwnKey(PICCMasterAES, key.AES128{}, 1))
	err = b.Open([]reader.Response{{Data: make([]byte, 8), SW: 0x9100}, {SW: 0x9100}}, nil)
	if !errors.Is(err, ErrCardProof) || change.Done() {
		t.Errorf("error %v, change done %t", err, change.Done())
	}
	if _, err := change.Open([]reader.Response{{SW: 0x9100}}); !errors.Is(err, ErrSessionOver) {
		t.Errorf("opening the change all the same: %v", err)
	}
}

// TestISOUnproved: nothing of the session can be opened before the card's proof.
func TestISOUnproved(t *testing.T) {
	h := AuthenticateISO(0, key.TDEA2{}, rand.Reader)
	x, _ := h.Start()
	if _, err := x.Open([]reader.Response{{Data: make([]byte, 8), SW: 0x91AF}}); err != nil {
		t.Fatal(err)
	}
	prove(t, h)
	y, err := h.Session().Seal(ChangeOwnKey(PICCMasterAES, key.AES128{}, 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := y.Open([]reader.Response{{SW: 0x9100}}); err == nil || y.Done() {
		t.Errorf("opened without the card's proof: %v", err)
	}
}

func TestISORefuses(t *testing.T) {
	s := newISOSession(0, key.TDEA2{})
	s.proved = true
	for name, c := range map[string]Command{
		"enciphered answer": GetCardUID(),
		"sent MAC":          WriteData(1, 0, []byte{1}, MACed),
		"another key":       ChangeKey(1, key.AES128{}, key.AES128{}, 1),
		"own key elsewhere": ChangeOwnKey(1, key.AES128{}, 1),
	} {
		if _, err := s.Seal(c); !errors.Is(err, ErrCommand) {
			t.Errorf("%s: %v, want ErrCommand", name, err)
		}
	}
	if s.iv != [desRndLen]byte{} {
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

// factoryToAES is the recorded change of a factory card's master key.
func factoryToAES(t *testing.T) (vectors.EV1Session, vectors.EV1Step) {
	t.Helper()
	for _, v := range vectors.EV1Sessions(t) {
		for _, st := range v.Steps {
			if isTDEA2(v.Auth) && st.Mode == "change_key" && len(st.KeyVersion) == 1 {
				return v, st
			}
		}
	}
	t.Fatal("no vector changes a DES master key to AES")
	return vectors.EV1Session{}, vectors.EV1Step{}
}

// isTDEA2Change tells whether a ChangeKey vector is one that ISOSession covers.
func isTDEA2Change(v vectors.EV1ChangeKey) bool {
	return v.SameKey && (v.Cipher == "des" || v.Cipher == "2k3des")
}

func TestISOChangeKeys(t *testing.T) {
	n := 0
	for _, v := range vectors.EV1ChangeKeys(t) {
		if !isTDEA2Change(v) {
			continue
		}
		n++
		s := newISOSession(0, tdea2(t, v.SessionKey))
		copy(s.iv[:], v.IVBefore)
		x, err := s.Seal(stepCommand(t, vectors.EV1Step{
			INS: vectors.Hex{byte(apdu.INSChangeKey)}, Mode: "change_key", Ends: true,
			KeyNo: v.KeyNo, NewKey: v.NewKey, KeyVersion: v.KeyVersion,
		}))
		if err != nil {
			t.Fatalf("%s: %v", v.ID, err)
		}
		if got := x.Commands()[0].APDU; !bytes.Equal(got, v.Frames[0].CAPDU) {
			t.Errorf("%s: %X, want %s", v.ID, got, v.Frames[0].CAPDU)
		}
	}
	if n != 3 {
		t.Errorf("%d vectors, want 3", n)
	}
}

// TestISOAuthBadAnswers covers hostile and refusing cards at both steps.
func TestISOAuthBadAnswers(t *testing.T) {
	challenge := reader.Response{Data: make([]byte, 8), SW: 0x91AF}
	tests := []struct {
		name          string
		first, second reader.Response
		want          error
	}{
		{"no such key", reader.Response{SW: 0x9140}, reader.Response{}, apdu.StatusNoSuchKey},
		{"the key is AES", reader.Response{SW: 0x91AE}, reader.Response{}, apdu.StatusAuthenticationError},
		{"challenge of another key type", reader.Response{Data: make([]byte, 16), SW: 0x91AF}, reader.Response{}, ErrAnswer},
		{"wrong key", challenge, reader.Response{SW: 0x91AE}, ErrKeyRefused},
		{"no proof", challenge, reader.Response{SW: 0x9100}, ErrAnswer},
	}
	for _, tt := range tests {
		h := AuthenticateISO(0, key.TDEA2{}, rand.Reader)
		x, err := h.Start()
		if err != nil {
			t.Fatal(err)
		}
		if _, err = x.Open([]reader.Response{tt.first}); err == nil {
			_, err = prove(t, h).Open([]reader.Response{tt.second})
		}
		if !errors.Is(err, tt.want) || errors.Is(err, ErrKeyRefused) != (tt.want == ErrKeyRefused) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
		}
		if s := h.Session(); s != nil && !s.Over() {
			t.Errorf("%s: the session goes on", tt.name)
		}
		if _, err := h.Prove(); err == nil {
			t.Errorf("%s: a failed handshake proves", tt.name)
		}
		if _, err := h.Start(); !errors.Is(err, ErrSessionOver) {
			t.Errorf("%s: a failed handshake starts again: %v", tt.name, err)
		}
	}
}

func TestISOBadAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		r    reader.Response
		want error
	}{
		"refused":   {reader.Response{SW: 0x919D}, apdu.StatusPermissionDenied},
		"no MAC":    {reader.Response{SW: 0x9100}, ErrIntegrity},
		"short MAC": {reader.Response{Data: make([]byte, 7), SW: 0x9100}, ErrIntegrity},
	} {
		s := newISOSession(0, key.TDEA2{})
		s.proved = true
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

// TestISOTooLong: a command that cannot be framed leaves the chained IV alone.
func TestISOTooLong(t *testing.T) {
	s := newISOSession(0, key.TDEA2{})
	if _, err := s.Seal(WriteDataISO(1, 0, make([]byte, 255), Plain)); !errors.Is(err, ErrCommand) {
		t.Errorf("262 bytes in one APDU: %v", err)
	}
	if s.iv != [desRndLen]byte{} {
		t.Error("a refused command moved the IV")
	}
}
