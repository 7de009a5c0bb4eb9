package vectors

import "testing"

// TMAC are the session keys of a transaction. TMCUsed is TMCActual + 1.
type TMAC struct {
	Info
	Key       Hex    `json:"app_transaction_mac_key"`
	UID       Hex    `json:"uid"`
	TMCActual uint32 `json:"tmc_actual"`
	TMCUsed   uint32 `json:"tmc_used"`
	MAC       Hex    `json:"ses_tmmac"`
	ENC       Hex    `json:"ses_tmenc"`
}

// TMACs gives the transaction session keys of tmac.json.
func TMACs(t testing.TB) []TMAC {
	t.Helper()
	return of[TMAC](t, "tmac", "tmac_session_keys")
}

// SDM is what a card with Secure Dynamic Messaging mirrors.
type SDM struct {
	Info
	FileReadKey Hex `json:"sdm_file_read_key"`
	MetaReadKey Hex `json:"sdm_meta_read_key"`
	UID         Hex `json:"uid"`
	ReadCtr     Hex `json:"read_ctr_le"`
	MACKey      Hex `json:"ses_sdm_mac_key"`
	MACT        Hex `json:"sun_mact"` // over an empty input
	PICCDataEnc Hex `json:"picc_data_enc"`
	PICCData    Hex `json:"picc_data"`
}

// SDMs gives the SDM vectors of tmac.json.
func SDMs(t testing.TB) []SDM {
	t.Helper()
	return of[SDM](t, "tmac", "sdm")
}
