package desfire

import (
	"bytes"
	"errors"
	"io"
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
		if ids, err := ParseISOFileIDs(data); err != nil && ids != nil || err == nil && 2*len(ids) != len(data) {
			t.Error("ParseISOFileIDs: an error with a result, or bytes left over")
		}
		if d, err := ParseDelegatedInfo(data); err != nil && d != (DelegatedInfo{}) {
			t.Error("ParseDelegatedInfo: an error with a result")
		}
		if c, err := ParseCommitment(data); err != nil && c != (Commitment{}) {
			t.Error("ParseCommitment: an error with a result")
		}
		if rs, err := ParseRecords(data, 3); err != nil && rs != nil || err == nil && 3*len(rs) != len(data) {
			t.Error("ParseRecords: an error with a result, or bytes left over")
		}
		if _, err := ParseValue(data); (err == nil) != (len(data) == 4) {
			t.Error("ParseValue: another length")
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

// FuzzEV1Open feeds sessions of each cipher, and of D40, hostile answers. What
// passes in an EV1 session would need its key; D40 protects a few answers with
// 2 bytes of CRC only, so there just the bounds are checked.
func FuzzEV1Open(f *testing.F) {
	seeds := 0
	for _, v := range vectors.EV1Sessions(f) {
		for _, st := range v.Steps {
			for _, frame := range st.Frames {
				seeds++
				f.Add([]byte(frame.RAPDU), byte(18), byte(seeds), byte(seeds/7))
			}
		}
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, raw []byte, cut, which, cipher byte) {
		commands := []Command{
			FreeMemory(), GetCardUID(), ReadData(1, 0, 0, Full), GetValue(1, Full), ReadData(1, 0, 0, MACed), ReadSig(), WriteData(1, 0, make([]byte, 80), Full),
		}
		c := commands[int(which)%len(commands)]
		sessions := []interface {
			Session
			Over() bool
		}{proved(0, mustKey(t, 0x77).Block()), proved(0, tdea2(t, bytes.Repeat([]byte{0x76}, 16)).Block()), d40(t)}
		s := sessions[int(cipher)%len(sessions)]
		_, weak := s.(*D40Session)
		x, err := s.Seal(c)
		if err != nil {
			t.Fatal(err)
		}
		for !x.Done() {
			used, err := x.Open(responses(raw, int(cut)))
			if err != nil {
				if x.Data() != nil || !s.Over() || len(x.Commands()) != 0 {
					t.Fatal("an error with data, or the session goes on")
				}
				return
			}
			if used == 0 {
				t.Fatal("Open used nothing and gave no error")
			}
			if x.Done() && (!weak || len(x.Data()) > len(raw)) {
				t.Fatalf("%s: %X passed without the session's key", c, raw)
			}
		}
	})
}

// FuzzDataEnd: where dataEnd finds an end, there is data, CRC and padding, and
// what an honest card sends is always found.
func FuzzDataEnd(f *testing.F) {
	for _, v := range vectors.EV1Sessions(f) {
		for _, st := range v.Steps {
			if len(st.RXPlain) > 0 {
				f.Add([]byte(st.RXPlain), true, true)
				f.Add([]byte(st.RXPlain), false, false)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, marked, known bool) {
		for _, size := range []int{8, 16} {
			b := appendCRC32(bytes.Clone(data), data, []byte{0})
			b = appendZeroPadding(b, 0, size, marked)
			want := 0
			if known {
				want = len(data)
			}
			n, err := dataEnd(b, size, crc32Len, want, func(n int) bool {
				return bytes.Equal(appendCRC32(nil, b[:n], []byte{0}), b[n:n+crc32Len])
			})
			if refused := errors.Is(err, ErrAnswer) && !marked && !known; !refused && (err != nil || n != len(data)) {
				t.Errorf("%d bytes of data end at %d: %v", len(data), n, err)
			}
			if n, err := dataEnd(data, size, crc16Len, want, func(int) bool { return true }); err == nil &&
				(n+crc16Len > len(data) || len(data)-n-crc16Len > size) {
				t.Errorf("an end at %d of %d", n, len(data))
			}
		}
	})
}

// FuzzProximityCheck feeds a check hostile answers: it never verifies.
func FuzzProximityCheck(f *testing.F) {
	f.Add([]byte{1, 3, 0x20, 0}, []byte{1, 2, 3, 4, 5, 6, 7, 8}, make([]byte, 8))
	f.Fuzz(func(t *testing.T, prepared, response, proof []byte) {
		p := NewProximityCheck(mustKey(t, 0x77), bytes.NewReader(make([]byte, 8)))
		for i, next := range []func() (*Sealed, error){p.Prepare, func() (*Sealed, error) { return p.Round(8) }, p.Verify} {
			x, err := next()
			if err != nil {
				t.Fatal(err)
			}
			answer := [][]byte{prepared, response, proof}[i]
			if _, err := x.Open([]reader.Response{{Data: bytes.Clone(answer), SW: 0x9190}}); err != nil {
				return
			}
		}
		t.Error("verified without the key")
	})
}

// FuzzDFNames: the frames of a listing never cost more than an error.
func FuzzDFNames(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0x10, 0xE1, 'a', 0x91, 0xAF, 4, 5, 6, 0x10, 0xE1, 'b', 0x91, 0x00}, byte(8))
	f.Fuzz(func(t *testing.T, raw []byte, cut byte) {
		x, err := PlainSession{}.Seal(GetDFNames())
		if err != nil {
			t.Fatal(err)
		}
		rs := responses(raw, int(cut))
		if _, err := x.Open(rs); err != nil || !x.Done() {
			return
		}
		names, err := ParseDFNames(x)
		total := 0
		for _, n := range names {
			total += 5 + len(n.Name)
		}
		if err != nil && names != nil || err == nil && total != len(x.Data()) {
			t.Errorf("%d names of %d bytes in all, of %d: %v", len(names), total, len(x.Data()), err)
		}
	})
}

// FuzzHandshakes feeds both steps of every handshake hostile answers.
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
		// The keys are none of the seeds', and RndA is fixed.
		random := func() io.Reader { return bytes.NewReader(bytes.Repeat([]byte{0x3C}, rndLen)) }
		fill := bytes.Repeat([]byte{0x77}, key.SizeTDEA3)
		for name, h := range map[string]handshake{
			"EV2":   AuthenticateEV2First(0, mustKey(t, 0x77), random()),
			"ISO":   AuthenticateISO(0, tdea2(t, fill[:16]), random()),
			"3TDEA": AuthenticateISO3TDEA(0, tdea3(t, fill), random()),
			"AES":   AuthenticateAES(0, mustKey(t, 0x77), random()),
			"D40":   Authenticate(0, tdea2(t, fill[:16]), random()),
		} {
			if hostile(t, h, r1, r2) == nil {
				t.Errorf("%s: %X and %X authenticate", name, first, second)
			}
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
	r1.Data, r2.Data = bytes.Clone(r1.Data), bytes.Clone(r2.Data)
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
