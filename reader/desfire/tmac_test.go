package desfire

import (
	"crypto/aes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"badgekms/reader"
	"badgekms/test/vectors"
)

func TestTMACKeys(t *testing.T) {
	for _, v := range vectors.TMACs(t) {
		k := DeriveTMACKeys(aesKey(t, v.Key), v.TMCActual, UID(v.UID))
		if !k.MAC.Equal(aesKey(t, v.MAC)) || !k.ENC.Equal(aesKey(t, v.ENC)) {
			t.Errorf("%s: the session keys differ", v.ID)
		}
		id := ReaderID{1, 2, 3}
		block, err := aes.NewCipher(v.ENC)
		if err != nil {
			t.Fatal(err)
		}
		var enc [16]byte
		block.Encrypt(enc[:], id[:])
		if k.PreviousReader(enc) != id {
			t.Error("the reader's identity does not come back")
		}
	}
}

func TestSDM(t *testing.T) {
	for _, v := range vectors.SDMs(t) {
		got, err := ParsePICCData(aesKey(t, v.MetaReadKey), [16]byte(v.PICCDataEnc))
		want := SDM{UID: UID(v.UID), Counter: uint24(v.ReadCtr)}
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", v.ID, got, err)
		}
		if mac := got.MAC(aesKey(t, v.FileReadKey), nil); !slices.Equal(mac[:], v.MACT) {
			t.Errorf("%s: MAC %X, want %s", v.ID, mac, v.MACT)
		}
		if mac := got.MAC(aesKey(t, v.FileReadKey), []byte{0}); slices.Equal(mac[:], v.MACT) {
			t.Errorf("%s: the MAC does not depend on the input", v.ID)
		}
		var other [16]byte // data of another form: no counter
		aesKey(t, v.MetaReadKey).Block().Encrypt(other[:], append([]byte{0x87}, v.PICCData[1:]...))
		if got, err := ParsePICCData(aesKey(t, v.MetaReadKey), other); !errors.Is(err, ErrSDM) || got != (SDM{}) {
			t.Errorf("PICCDataTag 87: %v", err)
		}
		if got, err := ParsePICCData(mustKey(t, 1), [16]byte(v.PICCDataEnc)); !errors.Is(err, ErrSDM) || got != (SDM{}) {
			t.Errorf("%s under another key: %v", v.ID, err)
		}
	}
}

// TestCommitmentVector opens the answer to a commit that AN12343 publishes.
func TestCommitmentVector(t *testing.T) {
	n := 0
	for _, v := range vectors.EV2Commands(t) {
		if v.ID != "ev2-committransaction-t32" {
			continue
		}
		n++
		x, err := sessionOf(t, v.Session).Seal(CommitTransactionTMAC())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Open([]reader.Response{response(t, v.RAPDU)}); err != nil {
			t.Fatal(err)
		}
		got, err := ParseCommitment(x.Data())
		if err != nil || got.TMC != binary.LittleEndian.Uint32(v.RespData) || !slices.Equal(got.TMV[:], v.RespData[4:]) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if n != 1 {
		t.Error("the vector is gone")
	}
}
