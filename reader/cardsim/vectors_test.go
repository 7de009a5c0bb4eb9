package cardsim

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// loadVectors reads one file of the published vectors. An empty set fails.
func loadVectors[T any](t testing.TB, name string) []T {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "test", "vectors", "data", name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Count   int
		Vectors []T
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) == 0 || len(file.Vectors) != file.Count {
		t.Fatalf("%s: %d vectors, it says %d", name, len(file.Vectors), file.Count)
	}
	return file.Vectors
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newCard makes a card in memory that draws its random bytes from random.
func newCard(t testing.TB, random string) *Card {
	t.Helper()
	c, err := New(Options{Type: EV3, UID: unhex(t, "04DE5F1EACC040"), Rand: bytes.NewReader(unhex(t, random))})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// giveApp adds an application with n keys that all are raw, and selects it.
func giveApp(c *Card, kt keyType, n int, raw []byte, ks1 byte) *application {
	a := &application{AID: hexBytes{1, 2, 3}, KeySettings: ks1, KeyType: kt}
	for range n {
		a.Keys = append(a.Keys, newKey(kt, raw, 0))
	}
	c.state.Apps = append(c.state.Apps, a)
	c.enter(a)
	return a
}

// expect sends one frame and compares the answer.
func expect(t testing.TB, c *Card, command, want string) {
	t.Helper()
	got, err := c.Exchange(t.Context(), unhex(t, command))
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	if w := unhex(t, want); !bytes.Equal(got, w) {
		t.Fatalf("%s:\n got %X\nwant %X", command, got, w)
	}
}

func TestEV2Handshakes(t *testing.T) {
	type vector struct {
		ID, Kind, Key, Label, IV, TI   string
		KeyNo                          string `json:"key_no"`
		CAPDU1, RAPDU1, CAPDU2, RAPDU2 string
		RndB                           string `json:"rnd_b"`
		TIUnchanged                    string `json:"ti_unchanged"`
		Enc                            string `json:"ses_auth_enc"`
		Mac                            string `json:"ses_auth_mac"`
		Ctr                            uint16 `json:"cmd_ctr"`
	}
	for _, v := range loadVectors[vector](t, "ev2_auth.json") {
		t.Run(v.ID, func(t *testing.T) {
			switch v.Kind {
			case "ev2_iv":
				s := &ev2{enc: newBlock(typeAES, unhex(t, v.Enc)), ti: [4]byte(unhex(t, v.TI))}
				if got := s.iv(0xA5, 0x5A, v.Ctr); v.Label != "A55A" || !bytes.Equal(got, unhex(t, v.IV)) {
					t.Fatalf("IV %X, want %s", got, v.IV)
				}
				return
			case "ev2_auth_first", "ev2_auth_nonfirst":
			default:
				t.Fatalf("unknown kind %q", v.Kind)
			}
			c := newCard(t, v.RndB+v.TI)
			giveApp(c, typeAES, 5, unhex(t, v.Key), 0x0B)
			if v.TIUnchanged != "" {
				c.session = &ev2{ti: [4]byte(unhex(t, v.TIUnchanged)), counter: 7}
			}
			expect(t, c, v.CAPDU1, v.RAPDU1)
			expect(t, c, v.CAPDU2, v.RAPDU2)
			s := c.session.(*ev2)
			sameKey(t, "ENC", s.enc, v.Enc)
			sameKey(t, "MAC", s.auth, v.Mac)
			if v.TIUnchanged != "" && (s.counter != 7 || !bytes.Equal(s.ti[:], unhex(t, v.TIUnchanged))) {
				t.Error("NonFirst did not keep TI and CmdCtr")
			}
		})
	}
}

// sameKey compares a cipher with the key it should have.
func sameKey(t *testing.T, name string, got interface{ Encrypt(dst, src []byte) }, key string) {
	t.Helper()
	a, b := make([]byte, 16), make([]byte, 16)
	got.Encrypt(a, a)
	newBlock(typeAES, unhex(t, key)).Encrypt(b, b)
	if !bytes.Equal(a, b) {
		t.Errorf("wrong session key %s", name)
	}
}

// ev2Setup prepares the card that a vector of ev2_commands or ev2_changekey was
// recorded on. Vectors without one are of commands that are not simulated;
// unsimulatedEV2 has the status word they get.
var ev2Setup = map[string]func(t *testing.T, c *Card){
	"ev2-getcarduid-t7":                                      func(t *testing.T, c *Card) {},
	"ev2-changefilesettings-t11":                             aFile(4, 0x03, "30 10", 64, ""),
	"ev2-writedata-plain-t21":                                aFile(0, 0x00, "00 00", 64, ""),
	"ev2-writedata-mac-t23":                                  aFile(0, 0x01, "00 00", 64, ""),
	"ev2-writedata-full-t25":                                 aFile(0, 0x03, "00 00", 64, ""),
	"ev2-readdata-full-t26":                                  aFile(0, 0x03, "00 00", 64, strings.Repeat("22", 25)),
	"ev2-getkeyversion-t38":                                  func(t *testing.T, c *Card) {},
	"ev2-writedata-full-128":                                 aFile(2, 0x03, "00 00", 256, ""),
	"ev2-computed-00-createapplication-aes-5-keys":           atCardLevel,
	"ev2-computed-03-getapplicationids":                      withApps("F032F5", "F132F5", "F232F5"),
	"ev2-computed-05-getkeysettings":                         func(t *testing.T, c *Card) {},
	"ev2-computed-06-changekeysettings":                      func(t *testing.T, c *Card) {},
	"ev2-computed-08-formatpicc":                             atCardLevel,
	"ev2-computed-09-createstddatafile":                      func(t *testing.T, c *Card) {},
	"ev2-computed-12-setconfiguration-00-picc-configuration": atCardLevel,
	"ev2-computed-19-changefilesettings":                     aFile(1, 0x00, "30 10", 64, ""),
	"ev2-computed-20-getcarduid-counter-rollover-area":       withUID("04AABBCCDDEE80"),
	"ev2-getversion-multiframe-1": func(t *testing.T, c *Card) {
		withUID("04597A32501490")(t, c)
		c.state.Storage, c.state.Batch, c.state.Week, c.state.Year = storage2K, unhex(t, "2046643030"), 0x48, 0x22
	},
	"ev2-changekey-case1-an12196":                           func(t *testing.T, c *Card) {},
	"ev2-changekey-case2-an12343":                           func(t *testing.T, c *Card) {},
	"ev2-changekey-computed-picc-aes":                       atCardLevel,
	"ev2-writerecord-full-t32":                              aRecordFile(1, 16, ""),
	"ev2-getvalue-full-t35":                                 aValueFile(3, 0),
	"ev2-credit-full-t36":                                   aValueFile(3, 0),
	"ev2-computed-01-createapplication-iso-fid-and-df-name": atCardLevel,
	"ev2-computed-11-createtransactionmacfile":              func(t *testing.T, c *Card) {},
	"ev2-computed-15-initializekeyset":                      aKeySet(""),
	"ev2-computed-17-rollkeyset":                            aKeySet("00000000000000000000000000000000"),
	"ev2-changekeyev2-computed-keyset1":                     aKeySet("958212EFF45C3BE2BC09723151B77B4D"),
}

// unsimulatedEV2 has the status word that the card gives to what it is not:
// a DESFire Light, an NTAG 424, and the holder of an unpublished key.
var unsimulatedEV2 = map[string]string{
	"ev2-setconfig-09":          "919D", // an option of the Light, at application level
	"ev2-committransaction-t32": "919E", // its transaction MAC key is not published; TestTransactionMAC has the rest
	"ev2-getfilesettings-mac":   "91F0", // a file with SDM, of an NTAG 424
}

func aRecordFile(number byte, size int, records string) func(*testing.T, *Card) {
	return func(t *testing.T, c *Card) {
		c.app.Files = append(c.app.Files, &file{
			Number: number, Type: fileLinear, Option: 3, Rights: hexBytes{0, 0}, RecordSize: size, MaxRecords: 5, Data: unhex(t, records),
		})
	}
}

func aValueFile(number byte, v int32) func(*testing.T, *Card) {
	return func(t *testing.T, c *Card) {
		c.app.Files = append(c.app.Files, &file{
			Number: number, Type: fileValue, Option: 3, Rights: hexBytes{0, 0}, Value: &value{Upper: 1000, Value: v},
		})
	}
}

// aKeySet gives the application two key sets; the keys of set 1 are raw, and
// ready to be rolled to.
func aKeySet(raw string) func(*testing.T, *Card) {
	return func(t *testing.T, c *Card) {
		c.app.Sets, c.app.MaxKeySize = make([]keySet, 2), 16
		if raw == "" {
			return
		}
		s := &c.app.Sets[1]
		s.Type, s.Final = typeAES, true
		for range c.app.Keys {
			s.Keys = append(s.Keys, newKey(typeAES, unhex(t, raw), 0))
		}
	}
}

func aFile(number, option byte, rights string, size int, content string) func(*testing.T, *Card) {
	return func(t *testing.T, c *Card) {
		data := make([]byte, size)
		copy(data, unhex(t, content))
		c.app.Files = append(c.app.Files, &file{Number: number, Option: option, Rights: unhex(t, rights), Data: data})
	}
}

func atCardLevel(t *testing.T, c *Card) {
	s := c.session
	c.state.PICC.Keys[0], c.state.PICC.KeyType = newKey(typeAES, make([]byte, 16), 0), typeAES
	c.state.Apps = nil
	c.enter(c.state.PICC)
	c.session = s
}

func withApps(aids ...string) func(*testing.T, *Card) {
	return func(t *testing.T, c *Card) {
		atCardLevel(t, c)
		for _, aid := range aids {
			c.state.Apps = append(c.state.Apps, &application{AID: unhex(t, aid)})
		}
	}
}

func withUID(uid string) func(*testing.T, *Card) {
	return func(t *testing.T, c *Card) { c.state.UID = unhex(t, uid) }
}

type ev2Vector struct {
	ID, Kind, Ins, CAPDU, RAPDU string
	CAPDUs, RAPDUs              []string
	Session                     struct {
		Enc string `json:"ses_auth_enc"`
		Mac string `json:"ses_auth_mac"`
		TI  string
		Ctr uint16 `json:"cmd_ctr_before"`
	}
	KeyNo      string `json:"cmd_header"`
	NewKey     string `json:"new_key"`
	NewVersion string `json:"new_version"`
}

// card is the card in the middle of the vector's session under key 0.
func (v ev2Vector) card(t *testing.T) *Card {
	c := newCard(t, "")
	giveApp(c, typeAES, 5, make([]byte, 16), 0x0B)
	enc := v.Session.Enc
	if enc == "" {
		enc = v.Session.Mac
	}
	c.session = &ev2{
		enc: newBlock(typeAES, unhex(t, enc)), auth: newBlock(typeAES, unhex(t, v.Session.Mac)),
		ti: [4]byte(unhex(t, v.Session.TI)), counter: v.Session.Ctr,
	}
	return c
}

// key is the one that a ChangeKey or ChangeKeyEV2 vector changes.
func (v ev2Vector) key(t *testing.T, c *Card) *key {
	header := unhex(t, v.KeyNo)
	if len(header) == 2 {
		return c.app.Sets[header[0]].Keys[header[1]]
	}
	return c.app.key(header[0] & 0x3F)
}

func TestEV2Commands(t *testing.T) {
	vectors := append(loadVectors[ev2Vector](t, "ev2_commands.json"), loadVectors[ev2Vector](t, "ev2_changekey.json")...)
	played := 0
	for _, v := range vectors {
		if v.Kind == "ev2_response" {
			continue // an answer alone, of CommitReaderID
		}
		t.Run(v.ID, func(t *testing.T) {
			c := v.card(t)
			if sw := unsimulatedEV2[v.ID]; sw != "" {
				expect(t, c, v.CAPDU, sw)
				return
			}
			setup := ev2Setup[v.ID]
			if setup == nil {
				t.Fatal("a new vector: say what card it needs")
			}
			setup(t, c)
			if v.CAPDU != "" {
				v.CAPDUs, v.RAPDUs = []string{v.CAPDU}, []string{v.RAPDU}
			}
			for i := range v.CAPDUs {
				expect(t, c, v.CAPDUs[i], v.RAPDUs[i])
				played++
			}
			if v.NewKey != "" {
				k := v.key(t, c)
				if !bytes.Equal(k.Bytes, unhex(t, v.NewKey)) || k.Version != unhex(t, v.NewVersion)[0] {
					t.Error("the key did not change as the vector says")
				}
			}
		})
	}
	if played < 28 {
		t.Errorf("only %d commands were played", played)
	}
}

func TestCRC(t *testing.T) {
	for _, v := range loadVectors[struct {
		ID, Alg, Data string
		CRC           string `json:"crc_le"`
	}](t, "crc.json") {
		got := crc16(unhex(t, v.Data))
		if v.Alg == "crc32" {
			got = crc(unhex(t, v.Data))
		}
		if !bytes.Equal(got, unhex(t, v.CRC)) {
			t.Errorf("%s: %X, want %s", v.ID, got, v.CRC)
		}
	}
}

// TestOriginality holds the way the simulated signature is verified to NXP's:
// the same check accepts and refuses signatures of real cards.
func TestOriginality(t *testing.T) {
	genuine := func(key *ecdsa.PublicKey, uid, sig []byte) bool {
		r, s := new(big.Int).SetBytes(sig[:28]), new(big.Int).SetBytes(sig[28:])
		return ecdsa.Verify(key, uid, r, s)
	}
	for _, v := range loadVectors[struct {
		ID, UID   string
		Signature string `json:"signature_rs"`
		PublicKey string `json:"public_key"`
		Valid     bool
	}](t, "originality.json") {
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P224(), unhex(t, v.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		if got := genuine(key, unhex(t, v.UID), unhex(t, v.Signature)); got != v.Valid {
			t.Errorf("%s: %v, want %v", v.ID, got, v.Valid)
		}
	}
	c := newCard(t, "")
	got, err := c.Exchange(t.Context(), unhex(t, "903C0000010000"))
	if err != nil || len(got) != signatureLength+2 || !bytes.HasSuffix(got, []byte{0x91, 0x90}) {
		t.Fatalf("Read_Sig: %X, %v", got, err)
	}
	if !genuine(OriginalityKey(), c.UID(), got[:signatureLength]) {
		t.Error("the card's signature does not verify")
	}
	if genuine(OriginalityKey(), unhex(t, "04DE5F1EACC041"), got[:signatureLength]) {
		t.Error("the signature verifies for another UID")
	}
	expect(t, c, "903C0000010100", "919E")
}
