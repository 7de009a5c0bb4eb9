package cardsim

import (
	"bytes"
	"testing"
)

func TestTransactionMACKeys(t *testing.T) {
	played := 0
	for _, v := range loadVectors[struct {
		Kind, UID string
		Key       string `json:"app_transaction_mac_key"`
		Counter   uint32 `json:"tmc_actual"`
		Mac       string `json:"ses_tmmac"`
		Enc       string `json:"ses_tmenc"`
	}](t, "tmac.json") {
		if v.Kind != "tmac_session_keys" {
			continue // secure dynamic messaging
		}
		m := &transactionMAC{Key: unhex(t, v.Key), Counter: v.Counter}
		if got := m.sessionKey(0x5A, unhex(t, v.UID)); !bytes.Equal(got, unhex(t, v.Mac)) {
			t.Errorf("MAC key %X", got)
		}
		if got := m.sessionKey(0xA5, unhex(t, v.UID)); !bytes.Equal(got, unhex(t, v.Enc)) {
			t.Errorf("ENC key %X", got)
		}
		played++
	}
	if played == 0 {
		t.Error("no vector was played")
	}
}

// TestTransactionMAC: counter and value change with each commit, and only then;
// CommitReaderID is compulsory where the ReadWrite right names a key, and gives
// the reader of the transaction before.
func TestTransactionMAC(t *testing.T) {
	c := newClient(t)
	c.app(0x0F, 2)
	c.must(modeMAC, 0, 0xCB, 1, 0, 0x0E, 0xEE, 4, 0, 0)
	c.mustAuth(0, zeroKey)
	tmac := append(unhex(t, "0F 03 10 1F 02"), append(keyFilled(0x4C), 0)...)
	c.must(modeFull, 5, 0xCE, tmac...)
	if got := c.must(modeMAC, 0, 0xF5, 0x0F); !bytes.Equal(got, unhex(t, "05 03 101F 02 00")) {
		t.Errorf("settings %X", got)
	}
	write := func(data byte) { c.t.Helper(); c.must(modePlain, 7, 0x3D, 1, 0, 0, 0, 1, 0, 0, data) }
	read := func() []byte { c.t.Helper(); return c.must(modeFull, 7, 0xBD, 0x0F, 0, 0, 0, 0, 0, 0) }

	c.mustAuth(1, zeroKey)
	write(1)
	c.refused(statusDenied, modeMAC, 0, 0xC7) // without CommitReaderID
	var readers [][]byte
	var values [][]byte
	for i := range byte(2) {
		c.mustAuth(1, zeroKey)
		write(i)
		mac := c.card.macFile().MAC
		key := newBlock(typeAES, mac.sessionKey(0xA5, c.card.state.UID))
		readers = append(readers, decipher(key, zeroKey, c.must(modeMAC, 0, 0xC8, keyFilled(0xD0+i)...)))
		c.must(modeMAC, 0, 0xF5, 1) // not part of it
		got := c.must(modeMAC, 0, 0xC7, returnMAC)
		if len(got) != 12 || got[0] != i+1 || !bytes.Equal(read(), got) {
			t.Errorf("commit answers %X, the file has %X", got, read())
		}
		values = append(values, got[4:])
	}
	if !isZero(readers[0]) || !bytes.Equal(readers[1], keyFilled(0xD0)) || bytes.Equal(values[0], values[1]) {
		t.Errorf("readers %X, values %X", readers, values)
	}
}
