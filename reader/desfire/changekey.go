package desfire

import (
	"crypto/subtle"
	"fmt"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

// Key numbers of the PICC master key, which is key 0. Bits 6 and 7 of KeyNo give
// the type of the new key at PICC level, whatever the type was before
// (desfire-facts §7.1). They are part of KeyNo in every CRC. In applications
// the type is fixed and the bits stay 0.
//
// Sources agree that the way back from AES to DES goes through an EV1 session
// (AuthenticateAES); an EV2 session is reported not to do it, and this package
// refuses it there (desfire-facts §7.3).
const (
	PICCMaster2TDEA byte = 0x00
	PICCMaster3TDEA byte = 0x40
	PICCMasterAES   byte = 0x80
)

// keyNoMask leaves the number in a KeyNo byte, without the type bits.
const keyNoMask = 0x3F

// cardKey is a key of any type that a card can hold.
type cardKey interface {
	AppendReveal(dst []byte) []byte
}

// keyChange is what a session needs for the cryptogram of ChangeKey.
type keyChange struct {
	header  []byte
	keyNo   byte
	next    cardKey
	current cardKey // nil when the session's own key is changed
	aes     bool    // the keys are AES keys, so that version is sent
	version byte
}

// ChangeOwnKey is ChangeKey (C4) of the key that the session was opened with:
// header KeyNo, cryptogram over NewKey(16) ‖ Version(1), to which EV1 adds a
// CRC32 and D40 a CRC16.
//
// The answer is a bare 9100 and the session is over. It carries no MAC, so it
// proves nothing: only an authentication with the new key does.
func ChangeOwnKey(keyNo byte, next key.AES128, version byte) Command {
	return changeKey(apdu.INSChangeKey, keyChange{
		header: []byte{keyNo}, keyNo: keyNo, next: next, aes: true, version: version,
	})
}

// ChangeOwnKeyTDEA2 is ChangeOwnKey with a DES or two-key triple DES key, which
// carries its version in its own bits (key.TDEA2.WithVersion): cryptogram over
// NewKey(16). Sessions of EV1 and D40 take it.
func ChangeOwnKeyTDEA2(keyNo byte, next key.TDEA2) Command {
	return changeKey(apdu.INSChangeKey, keyChange{header: []byte{keyNo}, keyNo: keyNo, next: next})
}

// ChangeOwnKeyTDEA3 is ChangeOwnKeyTDEA2 with a three-key triple DES key:
// cryptogram over NewKey(24).
func ChangeOwnKeyTDEA3(keyNo byte, next key.TDEA3) Command {
	return changeKey(apdu.INSChangeKey, keyChange{header: []byte{keyNo}, keyNo: keyNo, next: next})
}

// ChangeKey is ChangeKey (C4) of another key than the session's: header KeyNo,
// cryptogram over NewKey^CurrentKey(16) ‖ Version(1) ‖ CRC32(NewKey)(4); EV1
// has the CRC32 of the command before that of the key, D40 has CRC16s. The
// session goes on, and the MAC of the answer shows that the card did it, except
// in a D40 session, which has none.
func ChangeKey(keyNo byte, current, next key.AES128, version byte) Command {
	return changeKey(apdu.INSChangeKey, keyChange{
		header: []byte{keyNo}, keyNo: keyNo, next: next, current: current, aes: true, version: version,
	})
}

// ChangeKeyTDEA2 is ChangeKey of a DES or two-key triple DES key: cryptogram
// over NewKey^CurrentKey(16) and the CRCs. current is the key with the version
// bits that the card stores; with other bits the card answers 911E.
func ChangeKeyTDEA2(keyNo byte, current, next key.TDEA2) Command {
	return changeKey(apdu.INSChangeKey, keyChange{header: []byte{keyNo}, keyNo: keyNo, next: next, current: current})
}

// ChangeKeyTDEA3 is ChangeKeyTDEA2 of a three-key triple DES key:
// NewKey^CurrentKey(24).
func ChangeKeyTDEA3(keyNo byte, current, next key.TDEA3) Command {
	return changeKey(apdu.INSChangeKey, keyChange{header: []byte{keyNo}, keyNo: keyNo, next: next, current: current})
}

// ChangeKeyInSet is ChangeKeyEV2 (C6) of a key in a key set that is not the
// active one: header KeySetNo ‖ KeyNo, cryptogram as ChangeKey's, also for the
// key number of the session. current is the key of that slot in that set, zero
// in a fresh set; one source takes the active set's key instead, which would
// make no set independent of the other (desfire-facts §7.1).
func ChangeKeyInSet(set, keyNo byte, current, next key.AES128, version byte) Command {
	return changeKey(apdu.INSChangeKeyEV2, keyChange{
		header: []byte{set, keyNo}, keyNo: keyNo, next: next, current: current, aes: true, version: version,
	})
}

func changeKey(ins apdu.INS, k keyChange) Command {
	return Command{INS: ins, Header: k.header, Mode: Full, Frames: 1, EndsSession: k.current == nil, change: &k}
}

// fits refuses the form of ChangeKey that does not fit the session's own key
// number; the card would answer 911E.
func (k *keyChange) fits(sessionKey byte) error {
	own := k.keyNo&keyNoMask == sessionKey
	switch {
	case len(k.header) > 1:
		return nil
	case own && k.current != nil:
		return fmt.Errorf("%w: key %d is the session's own; use ChangeOwnKey", ErrCommand, sessionKey)
	case !own && k.current == nil:
		return fmt.Errorf("%w: key %d is not the session's own (%d); use ChangeKey", ErrCommand, k.keyNo, sessionKey)
	}
	return nil
}

// material is New [‖ Ver], or New^Current [‖ Ver] and New by itself for a key
// that is not the session's own. Ver is there for AES keys only. Both are to
// be cleared after use.
func (k *keyChange) material(sessionKey byte) (data, next []byte, err error) {
	if err := k.fits(sessionKey); err != nil {
		return nil, nil, err
	}
	data = k.next.AppendReveal(make([]byte, 0, key.SizeTDEA3+4))
	if k.current != nil {
		next = k.next.AppendReveal(make([]byte, 0, key.SizeTDEA3))
		current := k.current.AppendReveal(make([]byte, 0, key.SizeTDEA3))
		subtle.XORBytes(data, data, current)
		clear(current)
	}
	if k.aes {
		data = append(data, k.version)
	}
	return data, next, nil
}

// ev2 is the plaintext of the cryptogram in an EV2 session, before padding:
// New ‖ Ver, or New^Current ‖ Ver ‖ CRC32(New) (AN12196 tables 26 and 27).
func (k *keyChange) ev2(sessionKey byte) ([]byte, error) {
	if !k.aes {
		return nil, fmt.Errorf("%w: an EV2 session sets AES keys only; use AuthenticateAES", ErrCommand)
	}
	data, next, err := k.material(sessionKey)
	if err != nil || next == nil {
		return data, err
	}
	defer clear(next)
	return appendCRC32(data, next), nil
}
