package cardsim

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"fmt"
)

// keyType is bits 6-7 of the second key settings byte.
type keyType byte

const (
	type2TDEA keyType = 0 // DES, two-key triple DES: 16 bytes
	type3TDEA keyType = 1 // three-key triple DES: 24 bytes
	typeAES   keyType = 2 // AES-128: 16 bytes
)

func (t keyType) valid() bool { return t <= typeAES }

// size is the length of a key of that type in bytes.
func (t keyType) size() int {
	if t == type3TDEA {
		return 24
	}
	return 16
}

// Delay after authentication failures in a row of an AES key (NT4H2421Gx §9;
// AN12196 §6.4 for the 50); failLimits has the limits in total. How many 91AD answers a real card gives per attempt
// is not published: here one more for each failure above the limit, to a
// maximum, so that the delay grows without a clock.
const (
	seqFailLimit   = 50
	maxDelayFrames = 32
)

// key is one key of the card, as it lies in EEPROM.
type key struct {
	Type    keyType  `json:"type"`
	Bytes   hexBytes `json:"bytes"`
	Version byte     `json:"version"`
	SeqFail int      `json:"seq_fail,omitempty"`
	TotFail int      `json:"tot_fail,omitempty"`
}

// newKey makes a key of type t from the leading bytes of raw. The version of a
// DES key lies in the least significant bits of its first eight bytes, the
// highest bit in byte 0; that of an AES key is apart.
func newKey(t keyType, raw []byte, version byte) *key {
	k := &key{Type: t, Bytes: bytes.Clone(raw[:t.size()]), Version: version}
	if t != typeAES {
		k.Version = desVersion(k.Bytes)
	}
	return k
}

func desVersion(raw []byte) byte {
	var v byte
	for _, b := range raw[:8] {
		v = v<<1 | b&1
	}
	return v
}

// withDESVersion puts a version into the least significant bits of a DES key.
func withDESVersion(raw []byte, version byte) []byte {
	out := bytes.Clone(raw)
	for i := range 8 {
		out[i] = out[i]&^1 | version>>(7-i)&1
	}
	return out
}

// block is the cipher of the key.
func (k *key) block() cipher.Block { return newBlock(k.Type, k.Bytes) }

// newBlock makes the cipher of an AES key or of a DES key of 8, 16 or 24 bytes.
func newBlock(t keyType, raw []byte) cipher.Block {
	var b cipher.Block
	var err error
	switch {
	case t == typeAES:
		b, err = aes.NewCipher(raw)
	case len(raw) == 8:
		b, err = des.NewCipher(raw)
	case len(raw) == 16:
		b, err = des.NewTripleDESCipher(append(bytes.Clone(raw), raw[:8]...))
	default:
		b, err = des.NewTripleDESCipher(raw)
	}
	if err != nil {
		panic("cardsim: internal error: a stored key has the wrong length: " + err.Error())
	}
	return b
}

// isSingleDES: a 2TDEA key whose halves are equal but for the version bits
// behaves as DES, and so does its session key.
func (k *key) isSingleDES() bool {
	if k.Type != type2TDEA {
		return false
	}
	for i := range 8 {
		if k.Bytes[i]&^1 != k.Bytes[i+8]&^1 {
			return false
		}
	}
	return true
}

// nonceLength is the length of RndA and RndB in the key's handshake.
func (k *key) nonceLength() int {
	if k.Type == type2TDEA {
		return 8
	}
	return 16
}

func (k *key) locked(l failLimits) bool {
	return k.Type == typeAES && l.Enabled && k.TotFail >= l.Limit
}

// delayFrames is how many attempts are answered 91AD before one is taken.
func (k *key) delayFrames() int {
	if k.Type != typeAES {
		return 0
	}
	return max(0, min(k.SeqFail-seqFailLimit+1, maxDelayFrames))
}

// failed and succeeded count an authentication and tell whether a counter
// changed. DES keys have no counters.
func (k *key) failed(l failLimits) bool {
	if k.Type != typeAES {
		return false
	}
	k.SeqFail++
	k.TotFail = min(k.TotFail+1, max(l.Limit, k.TotFail))
	return true
}

func (k *key) succeeded(l failLimits) bool {
	changed := k.SeqFail > 0 || k.TotFail > 0
	k.SeqFail, k.TotFail = 0, max(0, k.TotFail-l.Decrement)
	return changed
}

func (k *key) validate() error {
	if k == nil {
		return fmt.Errorf("a key is missing")
	}
	if !k.Type.valid() || len(k.Bytes) != k.Type.size() {
		return fmt.Errorf("a key of type %d has %d bytes", k.Type, len(k.Bytes))
	}
	if k.SeqFail < 0 || k.TotFail < 0 || k.TotFail > 0xFFFF {
		return fmt.Errorf("a key has impossible failure counters (%d, %d)", k.SeqFail, k.TotFail)
	}
	return nil
}
