package desfire

import (
	"encoding/binary"

	"badgekms/reader/apdu"
	"badgekms/reader/key"
)

// TMACFile is what CreateTransactionMACFile sets. An application has at most
// one; it counts the application's transactions and signs each.
type TMACFile struct {
	No   byte // 0 to 31
	Mode Mode
	// Rights: Write is AccessNever, and ReadWrite is the key that
	// CommitReaderID needs, or AccessNever when it is not required.
	Rights  AccessRights
	Key     key.AES128
	Version byte
}

// tmKeyAES is the KeyOption of an AES key.
const tmKeyAES = 0x02

// CreateTransactionMACFile is CE FileNo FileOption AR(2) KeyOption(1) ‖
// TMKey(16) ‖ TMKeyVer(1), with key and version enciphered (AN12343 §6.1).
func CreateTransactionMACFile(f TMACFile) Command {
	header := append(fileHead(f.No, 0, f.Mode, f.Rights), tmKeyAES)
	return Command{
		INS: apdu.INSCreateTransactionMACFile, Header: header, Data: append(f.Key.AppendReveal(nil), f.Version),
		Mode: Full, Frames: 1,
	}
}

// ReaderID is the identity that a reader leaves in a transaction.
type ReaderID [16]byte

// CommitReaderID is C8 TMRI(16): it binds a reader's identity into the
// transaction. The answer is EncTMRI(16), the identity that the transaction
// before had, which TMACKeys.PreviousReader deciphers.
func CommitReaderID(id ReaderID) Command {
	return Command{INS: apdu.INSCommitReaderID, Data: id[:], Mode: MACed, Frames: 1}
}

// TMACKeys are the session keys of one transaction, computed from the
// transaction MAC key of the file.
type TMACKeys struct {
	MAC, ENC key.AES128
}

// DeriveTMACKeys computes the keys of the transaction that follows counter tmc,
// on the card uid: CMAC(K, SV) with SV = 5A 00 01 00 80 ‖ (TMC+1)(4, LSB first)
// ‖ UID(7) for MAC, and A5 for ENC (proxmark3, desfirecrypto.c).
func DeriveTMACKeys(k key.AES128, tmc uint32, uid UID) TMACKeys {
	sv := []byte{0x5A, 0x00, 0x01, 0x00, 0x80}
	sv = append(binary.LittleEndian.AppendUint32(sv, tmc+1), uid[:]...)
	mac := key.NewCMAC(k.Block())
	keys := TMACKeys{MAC: cmacKey(mac, sv)}
	sv[0] = 0xA5
	keys.ENC = cmacKey(mac, sv)
	return keys
}

// cmacKey is the key that the CMAC of an input is.
func cmacKey(mac *key.CMAC, input []byte) key.AES128 {
	var sum [key.Size]byte
	defer clear(sum[:])
	mac.Sum(sum[:], nil, input)
	k, err := key.NewAES128(sum[:])
	if err != nil {
		panic("desfire: internal error: " + err.Error())
	}
	return k
}

// PreviousReader deciphers EncTMRI, one block under ENC. AN12343 table 32 uses
// the session's own key instead; proxmark3 and the purpose (whoever holds the
// transaction key checks the chain of readers, not whoever held the session)
// speak for ENC. The MAC of the answer verifies either way.
func (t TMACKeys) PreviousReader(encTMRI [16]byte) (id ReaderID) {
	t.ENC.Block().Decrypt(id[:], encTMRI[:])
	return id
}
