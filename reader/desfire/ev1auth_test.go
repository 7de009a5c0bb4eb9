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

// factoryToAES is the recorded change of a factory card's master key.
func factoryToAES(t *testing.T) (vectors.EV1Session, vectors.EV1Step) {
	t.Helper()
	for _, v := range vectors.EV1Sessions(t) {
		for _, st := range v.Steps {
			if v.Auth.Cipher == "des" && st.Mode == "change_key" && len(st.KeyVersion) == 1 {
				return v, st
			}
		}
	}
	t.Fatal("no vector changes a DES master key to AES")
	return vectors.EV1Session{}, vectors.EV1Step{}
}

// TestEV1ChangeKeyInOneRun seals the factory card's change to AES in the run of
// the handshake's last step, as a batch, against a recorded exchange.
func TestEV1ChangeKeyInOneRun(t *testing.T) {
	v, st := factoryToAES(t)
	h := ev1Handshake(t, v.Auth)
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

// opening is a handshake with what its session is.
type opening struct {
	name string
	size int // of a challenge
	h    handshake
	s    func() interface {
		Session
		Over() bool
	}
}

// openings are all handshakes of three passes, with zero keys.
func openings() []opening {
	type session = interface {
		Session
		Over() bool
	}
	of := func(h *EV1Handshake) func() session { return func() session { return h.Session() } }
	iso, iso3 := AuthenticateISO(0, key.TDEA2{}, rand.Reader), AuthenticateISO3TDEA(0, key.TDEA3{}, rand.Reader)
	aes, d40 := AuthenticateAES(0, key.AES128{}, rand.Reader), Authenticate(0, key.TDEA2{}, rand.Reader)
	return []opening{
		{"ISO", 8, iso, of(iso)}, {"ISO 3TDEA", 16, iso3, of(iso3)}, {"AES", 16, aes, of(aes)},
		{"D40", 8, d40, func() session { return d40.Session() }},
	}
}

// challenge opens a challenge of zeros.
func (o opening) challenge(t *testing.T) {
	t.Helper()
	x, err := o.h.Start()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Open([]reader.Response{{Data: make([]byte, o.size), SW: 0x91AF}}); err != nil {
		t.Fatal(err)
	}
}

// TestWrongProof: a card that does not prove the key ends the session whose
// command was sealed ahead; that command's answer is not believed.
func TestWrongProof(t *testing.T) {
	for _, o := range openings() {
		o.challenge(t)
		var b Batch
		b.Add(prove(t, o.h))
		change := b.Seal(o.s(), ChangeOwnKey(PICCMasterAES, key.AES128{}, 1))
		err := b.Open([]reader.Response{{Data: make([]byte, o.size), SW: 0x9100}, {SW: 0x9100}}, nil)
		if !errors.Is(err, ErrCardProof) || change.Done() || !o.s().Over() {
			t.Errorf("%s: error %v, change done %t", o.name, err, change.Done())
		}
		if _, err := change.Open([]reader.Response{{SW: 0x9100}}); !errors.Is(err, ErrSessionOver) {
			t.Errorf("%s: opening the change all the same: %v", o.name, err)
		}
	}
}

// TestUnproved: nothing of the session can be opened before the card's proof.
func TestUnproved(t *testing.T) {
	for _, o := range openings() {
		o.challenge(t)
		prove(t, o.h)
		y, err := o.s().Seal(ChangeOwnKey(PICCMasterAES, key.AES128{}, 1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := y.Open([]reader.Response{{SW: 0x9100}}); !errors.Is(err, ErrCommand) || y.Done() {
			t.Errorf("%s: opened without the card's proof: %v", o.name, err)
		}
	}
}

// TestMutualBadAnswers covers hostile and refusing cards at both steps.
func TestMutualBadAnswers(t *testing.T) {
	sized := func(n int, sw reader.SW) reader.Response { return reader.Response{Data: make([]byte, n), SW: sw} }
	tests := []struct {
		name          string
		first, second func(size int) reader.Response
		want          error
	}{
		{"no such key", func(int) reader.Response { return sized(0, 0x9140) }, nil, apdu.StatusNoSuchKey},
		{"key of another type", func(int) reader.Response { return sized(0, 0x91AE) }, nil, apdu.StatusAuthenticationError},
		{"challenge of another key type", func(n int) reader.Response { return sized(24-n, 0x91AF) }, nil, ErrAnswer},
		{"wrong key", nil, func(int) reader.Response { return sized(0, 0x91AE) }, ErrKeyRefused},
		{"no proof", nil, func(int) reader.Response { return sized(0, 0x9100) }, ErrAnswer},
		{"long proof", nil, func(n int) reader.Response { return sized(n+1, 0x9100) }, ErrAnswer},
	}
	for _, tt := range tests {
		for _, o := range openings() {
			first := sized(o.size, 0x91AF)
			if tt.first != nil {
				first = tt.first(o.size)
			}
			x, err := o.h.Start()
			if err != nil {
				t.Fatal(err)
			}
			if _, err = x.Open([]reader.Response{first}); err == nil {
				_, err = prove(t, o.h).Open([]reader.Response{tt.second(o.size)})
				if !o.s().Over() {
					t.Errorf("%s, %s: the session goes on", o.name, tt.name)
				}
			}
			if !errors.Is(err, tt.want) || errors.Is(err, ErrKeyRefused) != (tt.want == ErrKeyRefused) {
				t.Errorf("%s, %s: error %v, want %v", o.name, tt.name, err, tt.want)
			}
			if _, err := o.h.Prove(); err == nil {
				t.Errorf("%s, %s: a failed handshake proves", o.name, tt.name)
			}
			if _, err := o.h.Start(); !errors.Is(err, ErrSessionOver) {
				t.Errorf("%s, %s: a failed handshake starts again: %v", o.name, tt.name, err)
			}
		}
	}
}

// TestMutualOrder: each step once, in order, and no proof without randomness.
func TestMutualOrder(t *testing.T) {
	for _, o := range openings() {
		if _, err := o.h.Prove(); !errors.Is(err, ErrCommand) {
			t.Errorf("%s: Prove first: %v", o.name, err)
		}
		o.challenge(t)
		if _, err := o.h.Start(); !errors.Is(err, ErrSessionOver) {
			t.Errorf("%s: Start twice: %v", o.name, err)
		}
		prove(t, o.h)
		if _, err := o.h.Prove(); !errors.Is(err, ErrCommand) {
			t.Errorf("%s: Prove twice: %v", o.name, err)
		}
	}
	short := opening{h: AuthenticateAES(0, key.AES128{}, bytes.NewReader(make([]byte, 15))), size: 16}
	short.challenge(t)
	if _, err := short.h.Prove(); err == nil || errors.Is(err, ErrCommand) {
		t.Errorf("15 bytes of randomness: %v", err)
	}
}

// TestMutualReflection: a card that sends our own token back does not pass for
// one that has the key.
func TestMutualReflection(t *testing.T) {
	for _, o := range openings() {
		o.challenge(t)
		x := prove(t, o.h)
		sent, err := apdu.Parse(x.Commands()[0].APDU)
		if err != nil || len(sent.Data) != 2*o.size {
			t.Fatal(err)
		}
		if _, err := x.Open([]reader.Response{{Data: sent.Data[:o.size], SW: 0x9100}}); !errors.Is(err, ErrCardProof) {
			t.Errorf("%s: %v", o.name, err)
		}
	}
}

// TestMutualForgets: a handshake that is over holds neither key nor challenges.
func TestMutualForgets(t *testing.T) {
	n := 0
	for _, v := range vectors.EV1Auths(t) {
		if isD40(v) {
			continue
		}
		n++
		h := ev1Handshake(t, v)
		start(t, h, v.Frames[0].CAPDU, v.Frames[0].RAPDU)
		step(t, prove(t, h), v.Frames[1].CAPDU, v.Frames[1].RAPDU)
		if h.crypt != nil || h.begin != nil || !allZero(h.rndA[:]) || !allZero(h.rndB[:]) {
			t.Errorf("%s: the handshake remembers", v.ID)
		}
	}
	if n == 0 {
		t.Error("no vectors")
	}
}
