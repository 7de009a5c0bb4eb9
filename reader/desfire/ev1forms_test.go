package desfire

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"strings"
	"testing"

	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

// or 40, without a version byte (desfire-facts §7.3).
func TestEV1BackToDES(t *testing.T) {
	block := mustKey(t, 5).Block()
	for _, tt := range []struct {
		command Command
		size    int // of the key
	}{
		{ChangeOwnKeyTDEA2(PICCMaster2TDEA, key.TDEA2{}), key.Size},
		{ChangeOwnKeyTDEA3(PICCMaster3TDEA, key.TDEA3{}), key.SizeTDEA3},
	} {
		s := proved(0, block)
		x, err := s.Seal(tt.command)
		if err != nil {
			t.Fatal(err)
		}
		sent, err := apdu.Parse(x.Commands()[0].APDU)
		if err != nil || len(sent.Data) != 1+32 || sent.Data[0] != tt.command.Header[0] {
			t.Fatalf("%X, %v", sent.Data, err)
		}
		plain := sent.Data[1:]
		cipher.NewCBCDecrypter(block, make([]byte, 16)).CryptBlocks(plain, plain)
		want := make([]byte, tt.size)
		want = appendCRC32(want, []byte{0xC4, tt.command.Header[0]}, want)
		want = append(want, make([]byte, 32-len(want))...)
		if !bytes.Equal(plain, want) {
			t.Errorf("plaintext %X, want %X", plain, want)
		}
	}
}

// TestEV1SentMAC: in MACed mode, commands that write carry the first 8 bytes of
// the CMAC that moves the IV on, and all others only compute it.
func TestEV1SentMAC(t *testing.T) {
	data := []byte{1, 2, 3}
	tests := map[apdu.INS]struct {
		command Command
		sent    bool
	}{
		apdu.INSWriteData:        {WriteData(1, 0, data, MACed), true},
		apdu.INSWriteRecord:      {WriteRecord(1, 0, data, MACed), true},
		apdu.INSUpdateRecord:     {UpdateRecord(1, 0, 0, data, MACed), true},
		apdu.INSCredit:           {Credit(1, 5, MACed), true},
		apdu.INSDebit:            {Debit(1, 5, MACed), true},
		apdu.INSLimitedCredit:    {LimitedCredit(1, 5, MACed), true},
		apdu.INSCommitReaderID:   {CommitReaderID(ReaderID{}), true},
		apdu.INSInitializeKeySet: {InitializeKeySet(1, KeyTypeAES), true},
		apdu.INSFinalizeKeySet:   {FinalizeKeySet(1, 1), true},
		apdu.INSRollKeySet:       {RollKeySet(1), true},
		apdu.INSWriteDataISO:     {WriteDataISO(1, 0, data, MACed), true},
		apdu.INSWriteRecordISO:   {WriteRecordISO(1, 0, data, MACed), true},
		apdu.INSUpdateRecordISO:  {UpdateRecordISO(1, 0, 0, data, MACed), true},
		apdu.INSReadData:         {ReadData(1, 0, 3, MACed), false},
		apdu.INSClearRecordFile:  {ClearRecordFile(1), false},
		apdu.INSGetKeyVersion:    {GetKeyVersion(1), false},
	}
	for ins, tt := range tests {
		for _, mode := range []Mode{MACed, Plain} {
			c := tt.command
			c.Mode = mode
			k := mustKey(t, 3)
			s := proved(0, k.Block())
			x, err := s.Seal(c)
			if err != nil {
				t.Fatal(err)
			}
			sent, _ := apdu.Parse(x.Commands()[0].APDU)
			plain := concat(c.Header, c.Data)
			var sum [16]byte
			key.NewCMAC(k.Block()).Sum(sum[:], nil, append([]byte{byte(ins)}, plain...))
			want := plain
			if tt.sent && mode == MACed {
				want = append(want, sum[:8]...)
			}
			if !bytes.Equal(sent.Data, want) {
				t.Errorf("%s %s: sent %X, want %X", ins, mode, sent.Data, want)
			}
			if !c.EndsSession && !bytes.Equal(s.iv(), sum[:]) {
				t.Errorf("%s %s: the IV did not move on", ins, mode)
			}
		}
	}
}

// TestEV1MarkedATS: the ATS ends with 80 00.., also after whole blocks, and other
// options with zeros.
func TestEV1MarkedATS(t *testing.T) {
	for _, tt := range []struct {
		command Command
		tail    string // after data and CRC32
	}{
		{SetATS([]byte{6, 0x75, 0x77, 0x81, 2, 0x80}), "\x80" + strings.Repeat("\x00", 5)},
		{SetATS(make([]byte, 12)), "\x80" + strings.Repeat("\x00", 15)},
		{SetPICCConfiguration(RandomUID), strings.Repeat("\x00", 11)},
		{SetFailedAuthentications(FailedAuthentications{}), strings.Repeat("\x00", 7)},
		{Command{INS: apdu.INSSetConfiguration, Header: []byte{9}, Data: make([]byte, 12), Mode: Full}, ""},
	} {
		block := mustKey(t, 5).Block()
		x, err := proved(0, block).Seal(tt.command)
		if err != nil {
			t.Fatal(err)
		}
		sent, _ := apdu.Parse(x.Commands()[0].APDU)
		plain := sent.Data[1:]
		cipher.NewCBCDecrypter(block, make([]byte, 16)).CryptBlocks(plain, plain)
		want := append(bytes.Clone(tt.command.Data), appendCRC32(nil, []byte{0x5C}, sent.Data[:1], tt.command.Data)...)
		want = append(want, tt.tail...)
		if !bytes.Equal(plain, want) {
			t.Errorf("option %X: %X, want %X", sent.Data[0], plain, want)
		}
	}
}

// ev1Answer is a card's enciphered answer in a session that did not move since.
func ev1Answer(s *EV1Session, data, padding []byte) reader.Response {
	b := append(bytes.Clone(data), appendCRC32(nil, data, []byte{0})...)
	b = append(b, padding...)
	iv := bytes.Clone(s.iv())
	cbcEncrypt(s.block, iv, b)
	return reader.Response{Data: b, SW: 0x9100}
}

// TestEV1EncipheredAnswers covers the three paddings with and without a known
// length, and what must be refused.
func TestEV1EncipheredAnswers(t *testing.T) {
	zeros := make([]byte, 40)
	whole, some := ReadData(1, 0, 0, Full), func(n int) Command { return ReadData(1, 0, n, Full) }
	marker := append([]byte{0x80}, zeros...)
	tests := []struct {
		name          string
		command       Command
		data, padding []byte
		want          error
	}{
		{"zeros, length known", some(3), []byte{1, 2, 3}, zeros[:9], nil},
		{"zeros, length unknown", whole, []byte{1, 2, 3}, zeros[:9], nil},
		{"zeros with two readings", whole, []byte{0, 0}, zeros[:10], ErrAnswer},
		{"zeros with two readings, length known", some(2), []byte{0, 0}, zeros[:10], nil},
		{"marker", whole, []byte{1, 2, 3}, marker[:9], nil},
		{"marker, length known", some(3), []byte{1, 2, 3}, marker[:9], nil},
		{"no padding", some(12), bytes.Repeat([]byte{7}, 12), nil, nil},
		{"no padding, length unknown", whole, bytes.Repeat([]byte{7}, 12), nil, nil},
		{"a block of marker", whole, bytes.Repeat([]byte{7}, 12), marker[:16], nil},
		{"data that ends in zeros", whole, zeros[:20], marker[:8], nil},
		{"data that ends in a marker", whole, marker[:20], zeros[:8], nil},
		{"nothing", whole, nil, marker[:12], nil},
		{"a block of zeros", whole, bytes.Repeat([]byte{7}, 12), zeros[:16], ErrIntegrity},
		{"more than a block of marker", whole, bytes.Repeat([]byte{7}, 12), marker[:32], ErrIntegrity},
		{"other padding", whole, []byte{1}, append([]byte{1}, zeros[:10]...), ErrIntegrity},
		{"a marker and no zeros", whole, []byte{1}, append([]byte{0x80, 1}, zeros[:9]...), ErrIntegrity},
		{"shorter than asked for", some(4), []byte{1, 2, 3}, zeros[:9], ErrIntegrity},
		{"longer than asked for", some(2), []byte{1, 2, 3}, zeros[:9], ErrIntegrity},
		{"much longer than asked for", some(2), bytes.Repeat([]byte{7}, 44), nil, ErrIntegrity},
		{"much shorter than asked for", some(60), []byte{1, 2, 3}, zeros[:9], ErrIntegrity},
	}
	for _, tt := range tests {
		s := proved(0, mustKey(t, 9).Block())
		x, err := s.Seal(tt.command)
		if err != nil {
			t.Fatal(err)
		}
		_, err = x.Open([]reader.Response{ev1Answer(s, tt.data, tt.padding)})
		if !errors.Is(err, tt.want) || err == nil && !bytes.Equal(x.Data(), tt.data) || err != nil && !s.Over() {
			t.Errorf("%s: opened %X, %v", tt.name, x.Data(), err)
		}
	}
	for _, n := range []int{0, 8, 17} {
		s := proved(0, mustKey(t, 9).Block())
		x, _ := s.Seal(whole)
		if _, err := x.Open([]reader.Response{{Data: make([]byte, n), SW: 0x9100}}); !errors.Is(err, ErrAnswer) || !s.Over() {
			t.Errorf("%d enciphered bytes: %v", n, err)
		}
	}
}

// TestEV1KeySetChange pins the cryptogram of ChangeKeyEV2 in an EV1 session,
// which no vector shows: the CRC covers INS and both header bytes.
func TestEV1KeySetChange(t *testing.T) {
	block := mustKey(t, 5).Block()
	s := proved(0, block)
	current, next := mustKey(t, 0x0F), mustKey(t, 0xF1)
	x, err := s.Seal(ChangeKeyInSet(1, 0, current, next, 7))
	if err != nil {
		t.Fatal(err)
	}
	sent, _ := apdu.Parse(x.Commands()[0].APDU)
	plain := sent.Data[2:]
	cipher.NewCBCDecrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(plain, plain)
	want := append(bytes.Repeat([]byte{0xFE}, 16), 7)
	want = appendCRC32(want, []byte{0xC6, 1, 0}, want)
	want = appendCRC32(want, bytes.Repeat([]byte{0xF1}, 16))
	want = append(want, make([]byte, 7)...)
	if sent.INS != 0xC6 || !bytes.Equal(sent.Data[:2], []byte{1, 0}) || !bytes.Equal(plain, want) {
		t.Errorf("%02X %X, want %X", sent.INS, plain, want)
	}
}

// TestEV1Status: the status byte is part of what a CMAC and a CRC cover, so 9190
// cannot be made of 9100.
func TestEV1Status(t *testing.T) {
	for _, c := range []Command{ReadSig(), {INS: apdu.INSReadSig, Mode: MACed, Frames: 1, Success: apdu.StatusSignatureOK}} {
		for _, told := range []reader.SW{0x9100, 0x9190} {
			for _, covered := range []byte{0x00, 0x90} {
				s := proved(0, mustKey(t, 9).Block())
				x, err := s.Seal(c)
				if err != nil {
					t.Fatal(err)
				}
				data := make([]byte, signatureLen)
				if c.Mode == Full {
					data = append(data, appendCRC32(nil, data, []byte{covered})...)
					data = append(data, 0, 0, 0, 0)
					cbcEncrypt(s.block, bytes.Clone(s.iv()), data)
				} else {
					var sum [16]byte
					s.mac.Sum(sum[:], s.iv(), append(bytes.Clone(data), covered))
					data = append(data, sum[:8]...)
				}
				_, err = x.Open([]reader.Response{{Data: data, SW: told}})
				if honest := byte(told) == covered; (err == nil) != honest || !honest && !errors.Is(err, ErrIntegrity) {
					t.Errorf("%s: status %s, %02X covered: %v", c.Mode, told, covered, err)
				}
			}
		}
	}
}

// TestEV1Forgets: what a session sealed last does not outlive it.
