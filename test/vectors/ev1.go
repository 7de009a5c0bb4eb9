package vectors

import "testing"

// Frame is one exchange: native frames (INS or status first) and their ISO
// wrapped form.
type Frame struct {
	TX    Hex `json:"tx"`
	RX    Hex `json:"rx"`
	CAPDU Hex `json:"capdu"`
	RAPDU Hex `json:"rapdu"`
}

// EV1Auth is a handshake of AuthenticateISO (1A), AuthenticateAES (AA) or the
// legacy Authenticate (0A). A DES key is shown as 8 bytes; session keys of the
// DES family have bit 0 of every byte cleared.
type EV1Auth struct {
	Info
	INS        Hex     `json:"ins"`
	KeyNo      Hex     `json:"key_no"`
	Cipher     string  `json:"cipher"` // des, 2k3des, 3k3des, aes
	Key        Hex     `json:"key"`
	RndA       Hex     `json:"rnd_a"`
	RndB       Hex     `json:"rnd_b"`
	SessionKey Hex     `json:"session_key"`
	Frames     []Frame `json:"frames"`
}

// EV1Auths gives the vectors of ev1_auth.json.
func EV1Auths(t testing.TB) []EV1Auth {
	t.Helper()
	return of[EV1Auth](t, "ev1_auth", "ev1_auth_iso", "ev1_auth_aes", "d40_auth")
}

// EV1Step is one command of a session.
type EV1Step struct {
	Name     string  `json:"name"`
	INS      Hex     `json:"ins"`
	Mode     string  `json:"mode"` // mac, full_cmd, full_resp, change_key
	IVBefore Hex     `json:"iv_before"`
	IVAfter  Hex     `json:"iv_after"`
	Frames   []Frame `json:"frames"`
	TXData   Hex     `json:"tx_data"`
	TXHeader Hex     `json:"tx_header"`
	TXPlain  Hex     `json:"tx_plain"`
	RXData   Hex     `json:"rx_data"`  // mac, full_cmd
	RXPlain  Hex     `json:"rx_plain"` // full_resp

	KeyNo      Hex  `json:"key_no"` // ChangeKey
	NewKey     Hex  `json:"new_key"`
	OldKey     Hex  `json:"old_key"`
	KeyVersion Hex  `json:"key_version"`
	SameKey    bool `json:"same_key"`
	Ends       bool `json:"session_ends"`
}

// EV1Session is a recorded session with its handshake.
type EV1Session struct {
	Info
	Auth  EV1Auth   `json:"auth"`
	Steps []EV1Step `json:"steps"`
}

// EV1Sessions gives the vectors of ev1_sessions.json.
func EV1Sessions(t testing.TB) []EV1Session {
	t.Helper()
	return of[EV1Session](t, "ev1_sessions", "ev1_session", "d40_session")
}

// EV1ChangeKey is a ChangeKey cryptogram of a session, with the IV before it.
type EV1ChangeKey struct {
	Info
	Cipher     string  `json:"cipher"`
	SessionKey Hex     `json:"session_key"`
	KeyNo      Hex     `json:"key_no"`
	NewKey     Hex     `json:"new_key"`
	OldKey     Hex     `json:"old_key"`
	KeyVersion Hex     `json:"key_version"`
	SameKey    bool    `json:"same_key"`
	IVBefore   Hex     `json:"iv_before"`
	Ciphertext Hex     `json:"ciphertext"`
	Frames     []Frame `json:"frames"`
}

// EV1ChangeKeys gives the vectors of ev1_changekey.json.
func EV1ChangeKeys(t testing.TB) []EV1ChangeKey {
	t.Helper()
	return of[EV1ChangeKey](t, "ev1_changekey", "ev1_changekey_same", "ev1_changekey_other")
}
