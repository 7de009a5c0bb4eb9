package desfire

import "badgekms/reader/apdu"

// Key sets let all keys of an application change at once (EV2 and later;
// desfire-facts §3.3). Set 0 is active when the application is created. The
// flow is InitializeKeySet, ChangeKeyInSet for every key, FinalizeKeySet,
// RollKeySet. It comes from proxmark3 and one set of notes on EV3 cards, and no
// recorded exchange shows it.

// maxKeySets is how many key sets an application can have.
const maxKeySets = 16

// InitializeKeySet is 56 KeySetNo ‖ KeyType: it fills a set that is not active
// with zero keys of a type, which may differ from the application's: so a roll
// takes an application from DES to AES.
func InitializeKeySet(set byte, t KeyType) Command {
	return Command{INS: apdu.INSInitializeKeySet, Header: []byte{set, byte(t)}, Mode: MACed, Frames: 1}
}

// FinalizeKeySet is 57 KeySetNo ‖ KeySetVersion: it closes a set whose keys were
// changed, so that it can become active.
func FinalizeKeySet(set, version byte) Command {
	return Command{INS: apdu.INSFinalizeKeySet, Header: []byte{set, version}, Mode: MACed, Frames: 1}
}

// RollKeySet is 55 KeySetNo: it makes a finalized set the active one. It needs
// a session under the roll key of the application (KeySets.Settings), else the
// card answers 91AE.
//
// The answer is bare and the session is over: only an authentication with a key
// of the set proves the roll.
func RollKeySet(set byte) Command {
	return Command{INS: apdu.INSRollKeySet, Header: []byte{set}, Mode: MACed, Frames: 1, EndsSession: true}
}
