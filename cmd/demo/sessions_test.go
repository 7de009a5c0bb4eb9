package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"testing"

	"github.com/aead/cmac"
)

// What a handshake looks like on a tape (AN12343 §9.3): AuthenticateEV2First,
// then its second part in an additional frame.
const (
	insAuthenticateEV2First = 0x71
	insAdditionalFrame      = 0xAF
	insSelectApplication    = 0x5A
	insGetUID               = 0xCA // of the reader, class FF
)

// handshake is one complete AuthenticateEV2First: what both sides sent, and
// the command that followed it.
type handshake struct {
	uid              string
	challenge, token []byte // E(RndB), E(RndA ‖ RndB')
	answer           []byte // E(TI ‖ RndA' ‖ capabilities); nil if the card refused
	next             []byte // the APDU after it, if any
}

// sessionKeys are the keys of all sessions that the KMS opened with AES keys.
// Each handshake must open under a key that c.secrets knows of that card: a
// key that was used and is not searched for fails the test.
func (c captured) sessionKeys(t *testing.T, daughters []daughter) []secret {
	t.Helper()
	var all []secret
	births, proven := map[string]bool{}, 0
	handshakes := c.handshakes()
	for n, h := range handshakes {
		d, rndA, rndB := h.open(t, daughters)
		if d == nil {
			t.Errorf("handshake %d of %d: no known key opens it", n, len(handshakes))
			continue
		}
		births[h.uid] = births[h.uid] || d.birth
		enc, mac := sessionKey(t, d.key, 0xA55A, rndA, rndB), sessionKey(t, d.key, 0x5AA5, rndA, rndB)
		all = append(all, secret{fmt.Sprintf("session %d, ENC", n), enc}, secret{fmt.Sprintf("session %d, MAC", n), mac})
		if h.verifies(t, d.key, mac) {
			proven++
		}
	}
	// Three badges were made, each under its own default key first.
	if len(births) < 3 || proven < 3 {
		t.Fatalf("%d handshakes on %d cards, %d proven by a MAC: the tapes are not understood", len(handshakes), len(births), proven)
	}
	for uid, seen := range births {
		if !seen {
			t.Errorf("no session under the default key of card %X", uid)
		}
	}
	return all
}

// handshakes finds the complete handshakes on all tapes.
func (c captured) handshakes() []handshake {
	var all []handshake
	for _, recorded := range c.tapes {
		uid := ""
		for n, x := range recorded.exchanges {
			if x.apdu[0] == 0xFF && x.apdu[1] == insGetUID && len(x.answer) == 9 {
				uid = string(x.answer[:7])
			}
			if n == 0 || x.apdu[1] != insAdditionalFrame || len(x.apdu) != 5+32+1 {
				continue
			}
			first := recorded.exchanges[n-1]
			if first.apdu[1] != insAuthenticateEV2First || len(first.answer) != 16+2 {
				continue
			}
			h := handshake{uid: uid, challenge: first.answer[:16], token: x.apdu[5:37]}
			if len(x.answer) == 32+2 {
				h.answer = x.answer[:32]
			}
			if n+1 < len(recorded.exchanges) {
				h.next = recorded.exchanges[n+1].apdu
			}
			all = append(all, h)
		}
	}
	return all
}

// open finds the key of the card under which the token holds RndB', RndB
// rotated by one byte.
func (h handshake) open(t *testing.T, daughters []daughter) (*daughter, []byte, []byte) {
	t.Helper()
	for i := range daughters {
		d := &daughters[i]
		if d.uid != h.uid {
			continue
		}
		rndB, token := decrypt(t, d.key, h.challenge), decrypt(t, d.key, h.token)
		if bytes.Equal(token[16:], append(bytes.Clone(rndB[1:]), rndB[0])) {
			return d, token[:16], rndB
		}
	}
	return nil, nil, nil
}

// decrypt is AES-128-CBC with a zero IV.
func decrypt(t *testing.T, k, data []byte) []byte {
	t.Helper()
	b, err := aes.NewCipher(k)
	if err != nil {
		t.Fatal(err)
	}
	plain := make([]byte, len(data))
	cipher.NewCBCDecrypter(b, make([]byte, aes.BlockSize)).CryptBlocks(plain, data)
	return plain
}

// sessionKey is SesAuthENCKey or SesAuthMACKey (AN12343 §9.3.3): the CMAC over
// label ‖ 0001 0080 ‖ RndA[0..1] ‖ (RndA[2..7] XOR RndB[0..5]) ‖ RndB[6..15] ‖
// RndA[8..15].
func sessionKey(t *testing.T, k []byte, label uint16, rndA, rndB []byte) []byte {
	t.Helper()
	sv := []byte{byte(label >> 8), byte(label), 0x00, 0x01, 0x00, 0x80, rndA[0], rndA[1]}
	mixed := make([]byte, 6)
	subtle.XORBytes(mixed, rndA[2:8], rndB[:6])
	sv = append(append(append(sv, mixed...), rndB[6:]...), rndA[8:]...)
	return aesCMAC(t, k, sv)
}

func aesCMAC(t *testing.T, k, message []byte) []byte {
	t.Helper()
	b, err := aes.NewCipher(k)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := cmac.Sum(message, b, b.BlockSize())
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// verifies tells whether the command after the handshake carries a MAC under
// the session key: the odd bytes of CMAC(INS ‖ counter 0 ‖ TI ‖ data). That
// shows that the session keys searched for are the ones in use.
func (h handshake) verifies(t *testing.T, k, mac []byte) bool {
	t.Helper()
	if h.answer == nil || len(h.next) < 5+8+1 || h.next[1] == insSelectApplication || h.next[1] == insAuthenticateEV2First {
		return false
	}
	ti := decrypt(t, k, h.answer)[:4]
	data, got := h.next[5:len(h.next)-9], h.next[len(h.next)-9:len(h.next)-1]
	full := aesCMAC(t, mac, append(append([]byte{h.next[1], 0, 0}, ti...), data...))
	var odd []byte
	for i := 1; i < len(full); i += 2 {
		odd = append(odd, full[i])
	}
	return bytes.Equal(odd, got)
}
