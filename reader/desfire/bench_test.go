package desfire

import (
	"bytes"
	"crypto/aes"
	"testing"

	aead "github.com/aead/cmac"

	"badgekms/reader"
	"badgekms/reader/key"
	"badgekms/test/vectors"
)

// Each benchmark stands next to its floor: the AES blocks and key schedules
// that the protocol cannot do without, and nothing else.

// floor runs the given number of key schedules and dependent AES blocks.
func floor(b *testing.B, schedules, encrypt, decrypt int) {
	b.Helper()
	k := make([]byte, key.Size)
	block, err := aes.NewCipher(k)
	if err != nil {
		b.Fatal(err)
	}
	var x [blockSize]byte
	b.ReportAllocs()
	for b.Loop() {
		for range schedules {
			if block, err = aes.NewCipher(k); err != nil {
				b.Fatal(err)
			}
		}
		for range encrypt {
			block.Encrypt(x[:], x[:])
		}
		for range decrypt {
			block.Decrypt(x[:], x[:])
		}
	}
}

// BenchmarkAuthenticateEV2 is the KMS's side of AuthenticateEV2First, from key
// and challenge to the session.
func BenchmarkAuthenticateEV2(b *testing.B) {
	v := vectors.EV2AuthFirsts(b)[0]
	k := aesKey(b, v.Key)
	challenge, proof := v.RAPDU1[:rndLen], []reader.Response{response(b, v.RAPDU2)}
	random := bytes.NewReader(v.RndA)
	b.Run("desfire", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			random.Reset(v.RndA)
			h, err := ContinueEV2First(0, k, challenge, random)
			if err != nil {
				b.Fatal(err)
			}
			x, err := h.Prove()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := x.Open(proof); err != nil || h.Session() == nil {
				b.Fatal(err)
			}
		}
	})
	// Schedules: K, ENC, MAC. Enciphered: token 2, subkeys of K 1, SV1 2, SV2
	// 2, subkeys of MAC 1. Deciphered: challenge 1, proof 2.
	b.Run("floor: 3 schedules, 8 + 3 blocks", func(b *testing.B) { floor(b, 3, 8, 3) })
}

func BenchmarkSessionKeys(b *testing.B) {
	h := AuthenticateEV2First(0, mustKey(b, 1), nil)
	b.Run("desfire", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h.derive()
		}
	})
	b.Run("floor: 2 schedules, 6 blocks", func(b *testing.B) { floor(b, 2, 6, 0) })
	b.Run("aead/cmac, without schedules", func(b *testing.B) {
		sv := make([]byte, 32)
		b.ReportAllocs()
		for b.Loop() {
			for range 2 {
				if _, err := aead.Sum(sv, h.block, 16); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// sealAndOpen seals c in a session at CmdCtr 0 and opens the answer to it.
func sealAndOpen(b *testing.B, c Command, plain []byte) {
	b.Helper()
	s := newEV2Session([16]byte{1}, [16]byte{2})
	data := plain
	if c.Mode == Full && len(plain) > 0 {
		data = appendPadded(nil, plain)
		s.setIV(0x5A, 0xA5, 1)
		cbcEncrypt(s.enc, s.iv[:], data)
	}
	rs := []reader.Response{answer(s, 1, data)}
	b.ReportAllocs()
	for b.Loop() {
		s.counter = 0
		x, err := s.Seal(c)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := x.Open(rs); err != nil || len(x.Data()) != len(plain) {
			b.Fatal(err)
		}
	}
}

func BenchmarkMACedCommand(b *testing.B) {
	c := GetKeyVersion(1)
	b.Run("desfire", func(b *testing.B) { sealAndOpen(b, c, []byte{1}) })
	b.Run("floor: 2 blocks", func(b *testing.B) { floor(b, 0, 2, 0) })
	b.Run("aead/cmac, 2 MACs", func(b *testing.B) {
		block := mustKey(b, 1).Block()
		msg := make([]byte, 8)
		b.ReportAllocs()
		for b.Loop() {
			for range 2 {
				if _, err := aead.Sum(msg, block, 16); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkEncipheredCommand(b *testing.B) {
	// Command: IV 1, data 2, MAC 3. Answer: MAC 1.
	b.Run("WriteData 16", func(b *testing.B) { sealAndOpen(b, WriteData(1, 0, make([]byte, 16), Full), nil) })
	b.Run("WriteData floor: 7 blocks", func(b *testing.B) { floor(b, 0, 7, 0) })
	// Command: MAC 1. Answer: MAC 3, IV 1, data 2.
	b.Run("ReadData 16", func(b *testing.B) { sealAndOpen(b, ReadData(1, 0, 16, Full), make([]byte, 16)) })
	b.Run("ReadData floor: 5 + 2 blocks", func(b *testing.B) { floor(b, 0, 5, 2) })
}

func BenchmarkChangeKey(b *testing.B) {
	s := newEV2Session([16]byte{1}, [16]byte{2})
	c := ChangeKey(1, mustKey(b, 1), mustKey(b, 2), 1)
	b.Run("seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.counter = 0
			if _, err := s.Seal(c); err != nil {
				b.Fatal(err)
			}
		}
	})
	// IV 1, cryptogram 2, MAC 3.
	b.Run("floor: 6 blocks", func(b *testing.B) { floor(b, 0, 6, 0) })
}

// desFloor is floor for blocks of triple DES.
func desFloor(b *testing.B, blocks int) {
	b.Helper()
	block := key.TDEA2{}.Block()
	var x [desRndLen]byte
	b.ReportAllocs()
	for b.Loop() {
		for range blocks {
			block.Encrypt(x[:], x[:])
		}
	}
}

// ev1SealAndOpen seals c in a session at IV 0 and opens the answer to it, plain,
// whose last frame is made once.
func ev1SealAndOpen(b *testing.B, s *EV1Session, c Command, plain []byte) {
	b.Helper()
	x, err := s.Seal(c)
	if err != nil {
		b.Fatal(err)
	}
	r := reader.Response{Data: append(bytes.Clone(plain), 0), SW: 0x9100}
	if x.reads {
		padding := make([]byte, (blockSize-(len(plain)+crc32Len)%blockSize)%blockSize)
		r = ev1Answer(s, plain, padding)
	} else {
		var sum [blockSize]byte
		s.mac.Sum(sum[:], s.iv(), r.Data)
		r.Data = append(r.Data[:len(plain)], sum[:macLen]...)
	}
	rs := []reader.Response{r}
	b.ReportAllocs()
	for b.Loop() {
		s.chain, s.pending = [blockSize]byte{}, nil
		x, err := s.Seal(c)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := x.Open(rs); err != nil || len(x.Data()) != len(plain) {
			b.Fatal(err)
		}
	}
}

// BenchmarkEV1Command is one command and its answer in EV1 sessions.
func BenchmarkEV1Command(b *testing.B) {
	aes := func() *EV1Session { return proved(0, mustKey(b, 1).Block()) }
	// CMAC of the command 1, of the answer 1.
	b.Run("MACed AES", func(b *testing.B) { ev1SealAndOpen(b, aes(), GetKeyVersion(1), []byte{1}) })
	b.Run("MACed AES floor: 2 blocks", func(b *testing.B) { floor(b, 0, 2, 0) })
	b.Run("MACed DES", func(b *testing.B) {
		ev1SealAndOpen(b, proved(0, key.TDEA2{}.Block()), GetKeyVersion(1), []byte{1})
	})
	b.Run("MACed DES floor: 2 blocks", func(b *testing.B) { desFloor(b, 2) })
	// Data, CRC and padding 2, CMAC of the answer 1.
	b.Run("WriteData 16 AES", func(b *testing.B) { ev1SealAndOpen(b, aes(), WriteData(1, 0, make([]byte, 16), Full), nil) })
	b.Run("WriteData floor: 3 blocks", func(b *testing.B) { floor(b, 0, 3, 0) })
	// CMAC of the command 1, answer 2.
	b.Run("ReadData 16 AES", func(b *testing.B) { ev1SealAndOpen(b, aes(), ReadData(1, 0, 16, Full), make([]byte, 16)) })
	b.Run("ReadData floor: 1 + 2 blocks", func(b *testing.B) { floor(b, 0, 1, 2) })
}

// BenchmarkAuthenticateEV1 is the KMS's side of AuthenticateAES, from the key to
// the session.
func BenchmarkAuthenticateEV1(b *testing.B) {
	var v vectors.EV1Auth
	for _, v = range vectors.EV1Auths(b) {
		if v.Cipher == "aes" {
			break
		}
	}
	k := aesKey(b, v.Key)
	challenge, proof := []reader.Response{response(b, v.Frames[0].RAPDU)}, []reader.Response{response(b, v.Frames[1].RAPDU)}
	random := bytes.NewReader(v.RndA)
	b.Run("desfire", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			random.Reset(v.RndA)
			h := AuthenticateAES(v.KeyNo[0], k, random)
			x, err := h.Start()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := x.Open(challenge); err != nil {
				b.Fatal(err)
			}
			y, err := h.Prove()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := y.Open(proof); err != nil {
				b.Fatal(err)
			}
		}
	})
	// Schedules: K, session key. Enciphered: token 2, subkeys 1. Deciphered:
	// challenge 1, proof 1.
	b.Run("floor: 2 schedules, 3 + 2 blocks", func(b *testing.B) { floor(b, 2, 3, 2) })
}
