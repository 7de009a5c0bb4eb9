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

// start seals and opens the first step of a handshake.
func start(t *testing.T, h interface{ Start() (*Sealed, error) }, capdu, rapdu []byte) {
	t.Helper()
	x, err := h.Start()
	if err != nil {
		t.Fatal(err)
	}
	step(t, x, capdu, rapdu)
}

// step compares a sealed command of one frame and opens its answer.
func step(t *testing.T, x *Sealed, capdu, rapdu []byte) {
	t.Helper()
	run, r := x.Commands(), response(t, rapdu)
	if len(run) != 1 || !bytes.Equal(run[0].APDU, capdu) {
		t.Fatalf("%s: sealed %X, want %X", x, run[0].APDU, capdu)
	}
	if run[0].Expect != r.SW {
		t.Errorf("%s: expects %s, the card answers %s", x, run[0].Expect, r.SW)
	}
	if _, err := x.Open([]reader.Response{r}); err != nil {
		t.Fatal(err)
	}
}

func prove(t *testing.T, h interface{ Prove() (*Sealed, error) }) *Sealed {
	t.Helper()
	x, err := h.Prove()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestEV2First(t *testing.T) {
	for _, v := range vectors.EV2AuthFirsts(t) {
		t.Run(v.ID, func(t *testing.T) {
			h := AuthenticateEV2First(v.KeyNo[0], aesKey(t, v.Key), bytes.NewReader(v.RndA))
			start(t, h, v.CAPDU1, v.RAPDU1)
			if h.Session() != nil {
				t.Error("there is a session before the card's proof")
			}
			checkFirst(t, h, v)
		})
		t.Run(v.ID+"/continued", func(t *testing.T) {
			challenge := v.RAPDU1[:rndLen]
			h, err := ContinueEV2First(v.KeyNo[0], aesKey(t, v.Key), challenge, bytes.NewReader(v.RndA))
			if err != nil {
				t.Fatal(err)
			}
			checkFirst(t, h, v)
		})
	}
}

func checkFirst(t *testing.T, h *EV2Handshake, v vectors.EV2Auth) {
	t.Helper()
	step(t, prove(t, h), v.CAPDU2, v.RAPDU2)
	s := h.Session()
	if s == nil {
		t.Fatal("no session")
	}
	if ti := s.TI(); !bytes.Equal(ti[:], v.TI) || s.CmdCtr() != 0 || s.KeyNo() != v.KeyNo[0] {
		t.Errorf("TI %X, CmdCtr %d, key %d", ti, s.CmdCtr(), s.KeyNo())
	}
	pd, pcd := h.Capabilities()
	if !bytes.Equal(pd[:], v.PDCap2) || !bytes.Equal(pcd[:], v.PCDCap2) {
		t.Errorf("capabilities %X and %X, want %s and %s", pd, pcd, v.PDCap2, v.PCDCap2)
	}
	checkKeys(t, s, v)
}

// checkKeys compares the session keys by what they compute: a session does not
// give them out.
func checkKeys(t *testing.T, s *EV2Session, v vectors.EV2Auth) {
	t.Helper()
	want := newEV2Session([key.Size]byte(v.ENC), [key.Size]byte(v.MAC))
	var a, b [blockSize]byte
	s.enc.Encrypt(a[:], zeros[:])
	want.enc.Encrypt(b[:], zeros[:])
	if a != b {
		t.Error("the ENC session key differs")
	}
	s.mac.Sum(a[:], nil, []byte{1})
	want.mac.Sum(b[:], nil, []byte{1})
	if a != b {
		t.Error("the MAC session key differs")
	}
}

func TestEV2NonFirst(t *testing.T) {
	for _, v := range vectors.EV2AuthNonFirsts(t) {
		t.Run(v.ID, func(t *testing.T) {
			prior := newEV2Session([key.Size]byte{1}, [key.Size]byte{2})
			prior.ti, prior.counter = TI(v.TIUnchanged), 7
			h := AuthenticateEV2NonFirst(prior, v.KeyNo[0], aesKey(t, v.Key), bytes.NewReader(v.RndA))
			start(t, h, v.CAPDU1, v.RAPDU1)
			if _, err := prior.Seal(FreeMemory()); !errors.Is(err, ErrSessionOver) {
				t.Errorf("the prior session can still seal: %v", err)
			}
			step(t, prove(t, h), v.CAPDU2, v.RAPDU2)
			s := h.Session()
			if s.TI() != TI(v.TIUnchanged) || s.CmdCtr() != 7 || !prior.Over() {
				t.Errorf("TI %X, CmdCtr %d, prior over %t", s.TI(), s.CmdCtr(), prior.Over())
			}
			checkKeys(t, s, v)
		})
	}
}

func TestEV2AuthRejects(t *testing.T) {
	for _, v := range vectors.NegativeAuths(t) {
		h := AuthenticateEV2First(v.KeyNo[0], aesKey(t, v.Key), bytes.NewReader(v.RndA))
		start(t, h, v.CAPDU1, v.RAPDU1)
		x := prove(t, h)
		if !bytes.Equal(x.Commands()[0].APDU, v.CAPDU2) {
			t.Errorf("%s: token %X", v.ID, x.Commands()[0].APDU)
		}
		_, err := x.Open([]reader.Response{response(t, v.RAPDU2)})
		if !errors.Is(err, ErrCardProof) || !errors.Is(err, ErrAuthentication) || h.Session() != nil {
			t.Errorf("%s (%s): error %v", v.ID, v.Why, err)
		}
		if _, err := h.Prove(); !errors.Is(err, ErrSessionOver) {
			t.Errorf("a failed handshake proves again: %v", err)
		}
	}
}

// TestEV2AuthBadAnswers covers hostile and refusing cards at both steps.
func TestEV2AuthBadAnswers(t *testing.T) {
	const ok, af = reader.SW(apdu.StatusOK), reader.SW(apdu.StatusAdditionalFrame)
	challenge := reader.Response{Data: make([]byte, 16), SW: af}
	tests := []struct {
		name          string
		first, second reader.Response
		want          error
	}{
		{"no such key", reader.Response{SW: 0x9140}, reader.Response{}, apdu.StatusNoSuchKey},
		{"authentication error at once", reader.Response{SW: 0x91AE}, reader.Response{}, apdu.StatusAuthenticationError},
		{"no challenge", reader.Response{SW: ok}, reader.Response{}, apdu.StatusOK},
		{"short challenge", reader.Response{Data: make([]byte, 8), SW: af}, reader.Response{}, ErrAnswer},
		{"LRP", reader.Response{Data: make([]byte, 17), SW: af}, reader.Response{}, ErrAnswer},
		{"wrong key", challenge, reader.Response{SW: 0x91AE}, ErrKeyRefused},
		{"delay", challenge, reader.Response{SW: 0x91AD}, apdu.StatusAuthenticationDelay},
		{"no proof", challenge, reader.Response{SW: ok}, ErrAnswer},
		{"proof of NonFirst", challenge, reader.Response{Data: make([]byte, 16), SW: ok}, ErrAnswer},
		{"wrong proof", challenge, reader.Response{Data: make([]byte, 32), SW: ok}, ErrCardProof},
		{"one more frame", challenge, reader.Response{Data: make([]byte, 32), SW: af}, ErrAnswer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := AuthenticateEV2First(0, key.AES128{}, rand.Reader)
			x, err := h.Start()
			if err != nil {
				t.Fatal(err)
			}
			_, err = x.Open([]reader.Response{tt.first})
			if err == nil {
				_, err = prove(t, h).Open([]reader.Response{tt.second})
			}
			if !errors.Is(err, tt.want) || h.Session() != nil {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			// Only a refused proof tells that the key is another one.
			if refused := errors.Is(err, ErrKeyRefused); refused != (tt.want == ErrKeyRefused) {
				t.Errorf("error %v is ErrKeyRefused: %t", err, refused)
			}
			if _, err := h.Start(); !errors.Is(err, ErrSessionOver) {
				t.Errorf("a failed handshake starts again: %v", err)
			}
		})
	}
}

// TestEV2AuthReflection sends our own token back, as a card without the key
// might.
func TestEV2AuthReflection(t *testing.T) {
	h, err := ContinueEV2First(0, key.AES128{}, make([]byte, 16), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := prove(t, h)
	token := x.Commands()[0].APDU[5:37]
	_, err = x.Open([]reader.Response{{Data: bytes.Clone(token), SW: 0x9100}})
	if !errors.Is(err, ErrCardProof) {
		t.Errorf("a reflected token: %v", err)
	}
}

func TestEV2AuthOrder(t *testing.T) {
	h := AuthenticateEV2First(0, key.AES128{}, rand.Reader)
	if _, err := h.Prove(); !errors.Is(err, ErrCommand) {
		t.Errorf("Prove before the challenge: %v", err)
	}
	if _, err := ContinueEV2First(0, key.AES128{}, make([]byte, 15), rand.Reader); !errors.Is(err, ErrAnswer) {
		t.Errorf("a challenge of 15 bytes: %v", err)
	}
	h, err := ContinueEV2First(0, key.AES128{}, make([]byte, 16), bytes.NewReader(make([]byte, 15)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Prove(); err == nil {
		t.Error("Prove without randomness gives no error")
	}
}

// TestEV2NonFirstEndsPrior: a failed NonFirst leaves no session behind, as on
// the card.
func TestEV2NonFirstEndsPrior(t *testing.T) {
	prior := newEV2Session([key.Size]byte{1}, [key.Size]byte{2})
	h := AuthenticateEV2NonFirst(prior, 1, key.AES128{}, rand.Reader)
	x, err := h.Start()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Open([]reader.Response{{SW: 0x9140}}); !errors.Is(err, apdu.StatusNoSuchKey) || !prior.Over() {
		t.Errorf("error %v, prior over %t", err, prior.Over())
	}
	if _, err := AuthenticateEV2NonFirst(prior, 1, key.AES128{}, rand.Reader).Start(); !errors.Is(err, ErrSessionOver) {
		t.Errorf("NonFirst without a session: %v", err)
	}
}
