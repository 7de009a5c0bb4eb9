package desfire

import (
	"crypto/subtle"
	"fmt"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

// PICCMasterAES is the key number that makes the PICC master key an AES key,
// whatever it was: bits 6 and 7 of KeyNo give the new key's type at PICC level
// (desfire-facts §7.1). For a PICC master key that is AES already it is used
// as well.
const PICCMasterAES byte = 0x80

// keyNoMask leaves the number in a KeyNo byte, without the type bits.
const keyNoMask = 0x3F

// keyChange is what a session needs for the cryptogram of ChangeKey.
type keyChange struct {
	header  []byte
	keyNo   byte
	next    key.AES128
	current *key.AES128 // nil when the session's own key is changed
	version byte
}

// ChangeOwnKey is ChangeKey (C4) of the key that the session was opened with:
// header KeyNo, cryptogram over NewKey(16) ‖ Version(1).
//
// The answer is a bare 9100 and the session is over. It carries no MAC, so it
// proves nothing: only an authentication with the new key does.
func ChangeOwnKey(keyNo byte, next key.AES128, version byte) Command {
	return changeKey(apdu.INSChangeKey, keyChange{header: []byte{keyNo}, keyNo: keyNo, next: next, version: version})
}

// ChangeKey is ChangeKey (C4) of another key than the session's: header KeyNo,
// cryptogram over NewKey^CurrentKey(16) ‖ Version(1) ‖ CRC32(NewKey)(4). The
// session goes on, and the MAC of the answer shows that the card did it.
func ChangeKey(keyNo byte, current, next key.AES128, version byte) Command {
	return changeKey(apdu.INSChangeKey, keyChange{
		header: []byte{keyNo}, keyNo: keyNo, next: next, current: &current, version: version,
	})
}

// ChangeKeyInSet is ChangeKeyEV2 (C6) of a key in a key set that is not the
// active one: header KeySetNo ‖ KeyNo, cryptogram as ChangeKey's, also for the
// key number of the session. The keys of a fresh set are zero.
func ChangeKeyInSet(set, keyNo byte, current, next key.AES128, version byte) Command {
	return changeKey(apdu.INSChangeKeyEV2, keyChange{
		header: []byte{set, keyNo}, keyNo: keyNo, next: next, current: &current, version: version,
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

// ev2 is the plaintext of the cryptogram in an EV2 session, before padding:
// New ‖ Ver, or New^Current ‖ Ver ‖ CRC32(New) (AN12196 tables 26 and 27).
func (k *keyChange) ev2(sessionKey byte) ([]byte, error) {
	if err := k.fits(sessionKey); err != nil {
		return nil, err
	}
	next := k.next.Reveal()
	defer clear(next[:])
	plain := append(make([]byte, 0, key.Size+1+4), next[:]...)
	if k.current == nil {
		return append(plain, k.version), nil
	}
	current := k.current.Reveal()
	subtle.XORBytes(plain, plain, current[:])
	clear(current[:])
	return appendCRC32(append(plain, k.version), next[:]), nil
}

// ev1 is the data of the command that changes the session's own key in an EV1
// session: New ‖ Ver. The CRC32 that Full mode appends there, over INS, KeyNo
// and data, is the one that ChangeKey asks for (desfire-facts §7.1).
func (k *keyChange) ev1(sessionKey byte) ([]byte, error) {
	if err := k.fits(sessionKey); err != nil {
		return nil, err
	}
	if k.current != nil {
		return nil, fmt.Errorf("%w: an ISO session changes its own key only", ErrCommand)
	}
	next := k.next.Reveal()
	defer clear(next[:])
	return append(append(make([]byte, 0, key.Size+1), next[:]...), k.version), nil
}
