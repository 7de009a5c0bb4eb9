package desfire

import (
	"bytes"
	"errors"
	"testing"

	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/key"
	"badgekms/test/vectors"
)

// d40Session runs the handshake of a vector.
func d40Session(t *testing.T, v vectors.EV1Auth) *D40Session {
	t.Helper()
	h := Authenticate(v.KeyNo[0], tdea2(t, v.Key), bytes.NewReader(v.RndA))
	start(t, h, v.Frames[0].CAPDU, v.Frames[0].RAPDU)
	x := prove(t, h)
	step(t, x, v.Frames[1].CAPDU, v.Frames[1].RAPDU)
	return h.Session()
}

func TestD40Handshakes(t *testing.T) {
	n := 0
	for _, v := range vectors.EV1Auths(t) {
		if !isD40(v) {
			continue
		}
		n++
		t.Run(v.ID, func(t *testing.T) {
			checkSameKey(t, d40Session(t, v).block, blockOf(t, v.Cipher, v.SessionKey))
		})
	}
	if n != 2 {
		t.Errorf("%d handshakes, want 2", n)
	}
}

// TestD40Session replays a factory card's way to AES.
func TestD40Session(t *testing.T) {
	n := 0
	for _, v := range vectors.EV1Sessions(t) {
		if !isD40(v.Auth) {
			continue
		}
		n++
		s := d40Session(t, v.Auth)
		exchange(t, s, ChangeKeySettings(0x0F), v.Steps[0].Name, v.Steps[0].Frames, nil)
		st := v.Steps[1]
		exchange(t, s, ChangeOwnKey(st.KeyNo[0], aesKey(t, st.NewKey), st.KeyVersion[0]), st.Name, st.Frames, nil)
		if len(v.Steps) != 2 || !s.Over() {
			t.Errorf("%d steps, over %t", len(v.Steps), s.Over())
		}
	}
	if n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
}

func TestCRC16(t *testing.T) {
	n := 0
	for _, v := range vectors.CRCs(t) {
		if v.Alg != "crc16" {
			continue
		}
		n++
		if got := appendCRC16(nil, v.Data); !bytes.Equal(got, v.CRC) {
			t.Errorf("%s: %X, want %s", v.ID, got, v.CRC)
		}
	}
	if n != 1 {
		t.Errorf("%d vectors, want 1", n)
	}
}

// d40 is a session with a two-key session key, its handshake behind it.
func d40(t testing.TB) *D40Session {
	return &D40Session{block: tdea2(t, []byte("0123456789abcdef")).Block(), proved: true}
}

// cardReads is what a D40 card makes of a cryptogram: it only enciphers, block
// by block, and adds the block before.
func cardReads(s *D40Session, sent []byte) []byte {
	plain := bytes.Clone(sent)
	before := make([]byte, 8)
	for i := 0; i < len(sent); i += 8 {
		s.block.Encrypt(plain[i:], sent[i:i+8])
		for j := range 8 {
			plain[i+j] ^= before[j]
		}
		before = sent[i : i+8]
	}
	return plain
}

// TestD40ChangeKeys covers the forms of ChangeKey that no vector shows.
func TestD40ChangeKeys(t *testing.T) {
	old2, new2 := bytes.Repeat([]byte{0x0F}, 16), bytes.Repeat([]byte{0xF0, 0x18}, 8)
	xor := bytes.Repeat([]byte{0xFF, 0x17}, 8)
	old3, new3 := bytes.Repeat([]byte{0x0F}, 24), bytes.Repeat([]byte{0xF0, 0x18}, 12)
	xor3 := bytes.Repeat([]byte{0xFF, 0x17}, 12)
	for name, tt := range map[string]struct {
		command   Command
		data, new []byte // new of another key
	}{
		"own 2TDEA":   {ChangeOwnKeyTDEA2(0, tdea2(t, new2)), new2, nil},
		"own 3TDEA":   {ChangeOwnKeyTDEA3(PICCMaster3TDEA, tdea3(t, new3)), new3, nil},
		"other 2TDEA": {ChangeKeyTDEA2(1, tdea2(t, old2), tdea2(t, new2)), xor, new2},
		"other 3TDEA": {ChangeKeyTDEA3(1, tdea3(t, old3), tdea3(t, new3)), xor3, new3},
		"other AES":   {ChangeKey(1, aesKey(t, old2), aesKey(t, new2), 9), append(bytes.Clone(xor), 9), new2},
	} {
		s := d40(t)
		x, err := s.Seal(tt.command)
		if err != nil {
			t.Fatal(err)
		}
		want := appendCRC16(bytes.Clone(tt.data), tt.data)
		if tt.new != nil {
			want = appendCRC16(want, tt.new)
		}
		want = append(want, make([]byte, (8-len(want)%8)%8)...)
		sent, _ := apdu.Parse(x.Commands()[0].APDU)
		if got := cardReads(s, sent.Data[1:]); sent.Data[0] != tt.command.Header[0] || !bytes.Equal(got, want) {
			t.Errorf("%s: %X, want %X", name, got, want)
		}
		if _, err := s.Seal(FreeMemory()); (err != nil) != (tt.new == nil) {
			t.Errorf("%s: the next command: %v", name, err)
		}
	}
}

// TestD40MACs: data written to a file and read from one has a MAC of 4 bytes in
// MACed mode; every other command and answer goes as it is.
func TestD40MACs(t *testing.T) {
	data := []byte("twelve bytes")
	s := d40(t)
	chain := make([]byte, 8)
	cbcEncrypt(s.block, chain, append(bytes.Clone(data), 0, 0, 0, 0))
	withMAC := append(bytes.Clone(data), chain[:4]...)
	for _, tt := range []struct {
		name         string
		command      Command
		sent, answer []byte
		want         []byte
	}{
		{"write", WriteData(1, 0, data, MACed), withMAC, nil, nil},
		{"write plain", WriteData(1, 0, data, Plain), data, nil, nil},
		{"read", ReadData(1, 0, 12, MACed), nil, withMAC, data},
		{"write by ISO chaining", WriteDataISO(1, 0, data, MACed), withMAC, nil, nil},
		{"no file command", Command{INS: apdu.INSCreateDelegatedApplication, Data: data, Mode: MACed}, data, nil, nil},
		{"no data", InitializeKeySet(1, KeyTypeAES), nil, nil, nil},
		{"read by ISO chaining", ReadDataISO(1, 0, 12, MACed), nil, withMAC, data},
		{"read records by ISO chaining", ReadRecordsISO(1, Records{Count: 1, Size: 12}, MACed), nil, withMAC, data},
		{"value", GetValue(1, MACed), nil, withMAC, data},
		{"read plain", ReadData(1, 0, 12, Plain), nil, withMAC, withMAC},
		{"read records", ReadRecords(1, Records{Count: 1, Size: 12}, MACed), nil, withMAC, data},
		{"listing", GetApplicationIDs(), nil, data, data},
	} {
		x, err := s.Seal(tt.command)
		if err != nil {
			t.Fatal(err)
		}
		sent, _ := apdu.Parse(x.Commands()[0].APDU)
		if got := sent.Data[len(tt.command.Header):]; !bytes.Equal(got, tt.sent) {
			t.Errorf("%s: sent %X, want %X", tt.name, got, tt.sent)
		}
		if _, err := x.Open([]reader.Response{{Data: tt.answer, SW: 0x9100}}); err != nil || !bytes.Equal(x.Data(), tt.want) {
			t.Errorf("%s: opened %X, %v", tt.name, x.Data(), err)
		}
	}
	for _, bad := range [][]byte{withMAC[:15], append([]byte{1}, withMAC[1:]...), chain[:3], nil} {
		s := d40(t)
		x, _ := s.Seal(ReadData(1, 0, 0, MACed))
		if _, err := x.Open([]reader.Response{{Data: bad, SW: 0x9100}}); !errors.Is(err, ErrIntegrity) || !s.Over() {
			t.Errorf("%X passes: %v", bad, err)
		}
	}
}

// TestD40EncipheredAnswers: the CRC16 also fits one byte after its place when
// zeros follow, so zeros are accepted where the length is known only.
func TestD40EncipheredAnswers(t *testing.T) {
	for _, tt := range []struct {
		name          string
		length        int
		data, padding []byte
		want          error
	}{
		{"UID", 7, []byte{4, 0x44, 0x0F, 0x32, 0x76, 0x31, 0x80}, make([]byte, 7), nil},
		{"zeros, length unknown", 0, []byte{4, 0x44, 0x0F}, make([]byte, 3), ErrAnswer},
		{"no padding, length unknown", 0, []byte{4, 0x44, 0x0F, 1, 2, 3}, nil, nil},
		{"marker", 0, []byte{4, 0x44, 0x0F}, []byte{0x80, 0, 0}, nil},
		{"ends with its own CRC", 3, selfChecking([]byte{1, 2}), make([]byte, 3), nil},
		{"ends with its own CRC, marker", 0, selfChecking([]byte{1, 2}), []byte{0x80, 0, 0}, nil},
		{"another length", 2, []byte{4, 0x44, 0x0F}, make([]byte, 3), ErrIntegrity},
		{"wrong padding", 0, []byte{4, 0x44, 0x0F}, []byte{1, 2, 3}, ErrIntegrity},
	} {
		s := d40(t)
		x, err := s.Seal(ReadData(1, 0, tt.length, Full))
		if err != nil {
			t.Fatal(err)
		}
		b := append(appendCRC16(bytes.Clone(tt.data), tt.data), tt.padding...)
		cbcEncrypt(s.block, make([]byte, 8), b)
		_, err = x.Open([]reader.Response{{Data: b, SW: 0x9100}})
		if !errors.Is(err, tt.want) || err == nil && !bytes.Equal(x.Data(), tt.data) {
			t.Errorf("%s: opened %X, %v", tt.name, x.Data(), err)
		}
	}
	for _, n := range []int{0, 7} {
		x, _ := d40(t).Seal(GetCardUID())
		if _, err := x.Open([]reader.Response{{Data: make([]byte, n), SW: 0x9100}}); !errors.Is(err, ErrAnswer) {
			t.Errorf("%d enciphered bytes: %v", n, err)
		}
	}
}

// selfChecking ends with the first byte of the CRC16 over the rest.
func selfChecking(b []byte) []byte { return append(b, appendCRC16(nil, b)[0]) }

// TestD40Ahead: D40 chains nothing, so commands are sealed ahead, up to one
// that ends the session; a refusal ends it too.
func TestD40Ahead(t *testing.T) {
	s := d40(t)
	var b Batch
	b.Seal(s, FreeMemory())
	b.Seal(s, ChangeKeySettings(0x0F))
	if err := b.Open([]reader.Response{{Data: []byte{1, 0, 0}, SW: 0x9100}, {SW: 0x919D}}, nil); !errors.Is(err, apdu.StatusPermissionDenied) || !s.Over() {
		t.Errorf("error %v, over %t", err, s.Over())
	}
	if _, err := s.Seal(FreeMemory()); !errors.Is(err, ErrSessionOver) {
		t.Errorf("Seal afterwards: %v", err)
	}
	s = d40(t)
	for _, c := range []Command{GetDFNames(), ChangeKeyTDEA2(0, key.TDEA2{}, key.TDEA2{}), WriteDataISO(1, 0, make([]byte, 255), Plain)} {
		if _, err := s.Seal(c); !errors.Is(err, ErrCommand) {
			t.Errorf("%s: %v, want ErrCommand", c, err)
		}
	}
}

// TestD40MarkedATS: the ATS ends with 80 00.. behind its CRC16.
func TestD40MarkedATS(t *testing.T) {
	s := d40(t)
	ats := []byte{6, 0x75, 0x77, 0x81, 2, 0x80}
	x, err := s.Seal(SetATS(ats))
	if err != nil {
		t.Fatal(err)
	}
	sent, _ := apdu.Parse(x.Commands()[0].APDU)
	want := append(appendCRC16(bytes.Clone(ats), ats), 0x80, 0, 0, 0, 0, 0, 0, 0)
	if got := cardReads(s, sent.Data[1:]); !bytes.Equal(got, want) {
		t.Errorf("%X, want %X", got, want)
	}
}

// TestD40EndsBare: nothing is believed of the answer that ends a session.
func TestD40EndsBare(t *testing.T) {
	for n, want := range map[int]error{0: nil, 8: nil, 3: ErrAnswer} {
		s := d40(t)
		x, err := s.Seal(ChangeOwnKeyTDEA2(0, key.TDEA2{}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = x.Open([]reader.Response{{Data: make([]byte, n), SW: 0x9100}})
		if !errors.Is(err, want) || len(x.Data()) != 0 || !s.Over() {
			t.Errorf("%d bytes: data %X, %v", n, x.Data(), err)
		}
	}
}
