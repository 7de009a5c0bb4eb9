package desfire

import (
	"bytes"
	"testing"

	"badgekms/reader"
	"badgekms/reader/key"
	"badgekms/test/vectors"
)

// FuzzParsers: no parser panics, an error comes without a result, and a parser
// that accepts an answer used all of it.
func FuzzParsers(f *testing.F) {
	for _, v := range vectors.Versions(f) {
		f.Add(versionData(v))
	}
	for _, v := range vectors.AllFileSettings(f) {
		f.Add([]byte(v.Data))
	}
	for _, v := range vectors.EV2Commands(f) {
		f.Add([]byte(v.RespData))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if v, err := ParseVersion(data); err != nil && v != (Version{}) {
			t.Error("ParseVersion: an error with a result")
		} else if err == nil && v.String() == "" {
			t.Error("ParseVersion: a version without a name")
		}
		if s, err := ParseFileSettings(data); err != nil && (s.Size != 0 || s.SDM != nil || s.MoreRights != nil) {
			t.Error("ParseFileSettings: an error with a result")
		}
		if s, err := ParseKeySettings(data); err != nil && s != (KeySettings{}) {
			t.Error("ParseKeySettings: an error with a result")
		}
		if aids, err := ParseAIDs(data); err != nil && aids != nil || err == nil && 3*len(aids) != len(data) {
			t.Error("ParseAIDs: an error with a result, or bytes left over")
		}
		if ids, err := ParseFileIDs(data); err != nil && ids != nil {
			t.Error("ParseFileIDs: an error with a result")
		}
		if n, err := ParseFreeMemory(data); err != nil && n != 0 || n < 0 {
			t.Error("ParseFreeMemory: an error with a result")
		}
		if _, err := ParseUID(data); (err == nil) != (len(data) == 7) {
			t.Error("ParseUID: another length")
		}
		if _, err := ParseKeyVersion(data); (err == nil) != (len(data) == 1) {
			t.Error("ParseKeyVersion: another length")
		}
		if _, err := VerifyOriginality(UID{}, data); err == nil {
			t.Errorf("VerifyOriginality: %X is a signature of the zero UID", data)
		}
	})
}

// FuzzEV2Open feeds a session hostile answers: it never panics, an error gives
// no data and ends the session, and nothing but the card's own answer passes.
func FuzzEV2Open(f *testing.F) {
	for _, v := range vectors.EV2Commands(f) {
		f.Add([]byte(v.RAPDU), byte(0), byte(v.INS[0]))
	}
	for _, v := range vectors.NegativeResponses(f) {
		f.Add([]byte(v.RAPDU), byte(20), byte(1))
	}
	enc, mac := [key.Size]byte{1}, [key.Size]byte{2}
	f.Fuzz(func(t *testing.T, raw []byte, cut, which byte) {
		commands := []Command{FreeMemory(), GetVersion(), GetCardUID(), GetApplicationIDs(), WriteData(1, 0, make([]byte, 80), Full), ReadSig()}
		s := newEV2Session(enc, mac)
		x, err := s.Seal(commands[int(which)%len(commands)])
		if err != nil {
			t.Fatal(err)
		}
		for !x.Done() {
			used, err := x.Open(responses(raw, int(cut)))
			if err != nil {
				if x.Data() != nil || x.Done() || !s.Over() || len(x.Commands()) != 0 {
					t.Fatal("an error with data, or the session goes on")
				}
				return
			}
			if used == 0 {
				t.Fatal("Open used nothing and gave no error")
			}
			if x.Done() {
				t.Fatalf("%X passed without the session's MAC key", raw)
			}
		}
	})
}

// responses cuts raw into response APDUs of cut bytes.
func responses(raw []byte, cut int) []reader.Response {
	var rs []reader.Response
	for len(raw) > 0 {
		n := min(max(cut, 2), len(raw))
		if r, err := reader.ParseResponse(raw[:n]); err == nil {
			rs = append(rs, r)
		}
		raw = raw[n:]
	}
	return rs
}

// FuzzHandshakes feeds both steps of both handshakes hostile answers.
func FuzzHandshakes(f *testing.F) {
	for _, v := range vectors.EV2AuthFirsts(f) {
		f.Add([]byte(v.RAPDU1), []byte(v.RAPDU2))
	}
	for _, v := range vectors.EV1Auths(f) {
		f.Add([]byte(v.Frames[0].RAPDU), []byte(v.Frames[1].RAPDU))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		r1, err1 := reader.ParseResponse(first)
		r2, err2 := reader.ParseResponse(second)
		if err1 != nil || err2 != nil {
			return
		}
		// The key is none of the seeds', and RndA is fixed.
		rndA := bytes.Repeat([]byte{0x3C}, rndLen)
		ev2 := AuthenticateEV2First(0, mustKey(t, 0x77), bytes.NewReader(rndA))
		if hostile(t, ev2, r1, r2) == nil || ev2.Session() != nil {
			t.Errorf("EV2: %X and %X authenticate", first, second)
		}
		k, err := key.NewTDEA2(bytes.Repeat([]byte{0x77}, key.Size))
		if err != nil {
			t.Fatal(err)
		}
		iso := AuthenticateISO(0, k, bytes.NewReader(rndA))
		if hostile(t, iso, r1, r2) == nil {
			t.Errorf("ISO: %X and %X authenticate", first, second)
		}
	})
}

func mustKey(t testing.TB, fill byte) key.AES128 {
	return aesKey(t, bytes.Repeat([]byte{fill}, key.Size))
}

type handshake interface {
	Start() (*Sealed, error)
	Prove() (*Sealed, error)
}

// hostile plays both answers and returns the error of the step that failed.
func hostile(t *testing.T, h handshake, r1, r2 reader.Response) error {
	t.Helper()
	x, err := h.Start()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Open([]reader.Response{r1}); err != nil {
		return err
	}
	y, err := h.Prove()
	if err != nil {
		t.Fatal(err)
	}
	_, err = y.Open([]reader.Response{r2})
	return err
}
