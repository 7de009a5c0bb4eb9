package vectors

import "testing"

// CMAC is a CMAC with its subkeys. DES keys have 8 bytes, two-key triple DES
// 16, three-key 24.
type CMAC struct {
	Info
	Cipher string `json:"cipher"` // aes, des, 2k3des, 3k3des
	Key    Hex    `json:"key"`
	L      Hex    `json:"l"`
	K1     Hex    `json:"k1"`
	K2     Hex    `json:"k2"`
	Msg    Hex    `json:"message"`
	Sum    Hex    `json:"cmac"`
}

// CMACs gives the vectors of cmac.json.
func CMACs(t testing.TB) []CMAC {
	t.Helper()
	return of[CMAC](t, "cmac", "cmac")
}

// CRC is a checksum, least significant byte first.
type CRC struct {
	Info
	Alg  string `json:"alg"` // crc32, crc16
	Data Hex    `json:"data"`
	CRC  Hex    `json:"crc_le"`
}

// CRCs gives the vectors of crc.json.
func CRCs(t testing.TB) []CRC {
	t.Helper()
	return of[CRC](t, "crc", "crc")
}

// AN10922 is a diversification. One with Conformant false is what a known
// wrong implementation computes.
type AN10922 struct {
	Info
	KeyType     string `json:"key_type"` // AES128, AES192, AES256, 2TDEA, 3TDEA
	Master      Hex    `json:"master_key"`
	UID         Hex    `json:"uid"`
	AID         Hex    `json:"aid_wire"`
	SystemID    Hex    `json:"system_id"`
	Input       Hex    `json:"div_input"` // M
	Diversified Hex    `json:"diversified_key"`
	Conformant  bool   `json:"conformant"`
}

// AN10922s gives the vectors of an10922.json.
func AN10922s(t testing.TB) []AN10922 {
	t.Helper()
	return of[AN10922](t, "an10922", "an10922")
}

// Originality is a signature of a UID, r ‖ s on secp224r1.
type Originality struct {
	Info
	Product   string `json:"product"`
	UID       Hex    `json:"uid"`
	Signature Hex    `json:"signature_rs"`
	PublicKey Hex    `json:"public_key"`
	Valid     bool   `json:"valid"`
}

// Originalities gives the vectors of originality.json.
func Originalities(t testing.TB) []Originality {
	t.Helper()
	return of[Originality](t, "originality", "originality_valid", "originality_invalid")
}
