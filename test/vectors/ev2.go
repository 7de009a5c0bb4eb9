package vectors

import "testing"

// EV2Auth is a handshake of AuthenticateEV2First or NonFirst. TI is that of the
// first handshake, which NonFirst keeps.
type EV2Auth struct {
	Info
	Key         Hex `json:"key"`
	KeyNo       Hex `json:"key_no"`
	RndA        Hex `json:"rnd_a"`
	RndB        Hex `json:"rnd_b"`
	CAPDU1      Hex `json:"capdu1"`
	RAPDU1      Hex `json:"rapdu1"`
	CAPDU2      Hex `json:"capdu2"`
	RAPDU2      Hex `json:"rapdu2"`
	TI          Hex `json:"ti"`
	TIUnchanged Hex `json:"ti_unchanged"`
	PDCap2      Hex `json:"pdcap2"`
	PCDCap2     Hex `json:"pcdcap2"`
	SV1         Hex `json:"sv1"`
	SV2         Hex `json:"sv2"`
	ENC         Hex `json:"ses_auth_enc"`
	MAC         Hex `json:"ses_auth_mac"`
}

// EV2AuthFirsts gives the handshakes of AuthenticateEV2First.
func EV2AuthFirsts(t testing.TB) []EV2Auth {
	t.Helper()
	return of[EV2Auth](t, "ev2_auth", "ev2_auth_first")
}

// EV2AuthNonFirsts gives the handshakes of AuthenticateEV2NonFirst.
func EV2AuthNonFirsts(t testing.TB) []EV2Auth {
	t.Helper()
	return of[EV2Auth](t, "ev2_auth", "ev2_auth_nonfirst")
}

// EV2IV is the IV of a command (label A55A) or of an answer (5AA5).
type EV2IV struct {
	Info
	ENC    Hex    `json:"ses_auth_enc"`
	Label  Hex    `json:"label"`
	TI     Hex    `json:"ti"`
	CmdCtr uint16 `json:"cmd_ctr"`
	IV     Hex    `json:"iv"`
}

// EV2IVs gives the IVs of ev2_auth.json.
func EV2IVs(t testing.TB) []EV2IV {
	t.Helper()
	return of[EV2IV](t, "ev2_auth", "ev2_iv")
}

// SessionState is an EV2 session before a command.
type SessionState struct {
	ENC    Hex    `json:"ses_auth_enc"`
	MAC    Hex    `json:"ses_auth_mac"`
	TI     Hex    `json:"ti"`
	CmdCtr uint16 `json:"cmd_ctr_before"`
}

// EV2Command is a command under EV2 secure messaging, and its answer.
type EV2Command struct {
	Info
	Name     string       `json:"name"`
	CommMode string       `json:"comm_mode"` // PLAIN, MAC, FULL
	Session  SessionState `json:"session"`
	INS      Hex          `json:"ins"`
	Header   Hex          `json:"cmd_header"`
	Data     Hex          `json:"cmd_data"`
	CAPDU    Hex          `json:"capdu"`
	RespData Hex          `json:"resp_data"`
	RAPDU    Hex          `json:"rapdu"`
	MACTResp Hex          `json:"mact_resp"`

	CAPDUs []Hex `json:"capdus"` // multiframe
	RAPDUs []Hex `json:"rapdus"`

	NewKey     Hex `json:"new_key"` // ChangeKey
	NewVersion Hex `json:"new_version"`
	OldKey     Hex `json:"old_key"`
	Case       int `json:"case"` // 1 other key, 2 own key
}

// EV2Commands gives the commands of one frame.
func EV2Commands(t testing.TB) []EV2Command {
	t.Helper()
	return of[EV2Command](t, "ev2_commands", "ev2_command")
}

// EV2Responses gives answers whose command was not published.
func EV2Responses(t testing.TB) []EV2Command {
	t.Helper()
	return of[EV2Command](t, "ev2_commands", "ev2_response")
}

// EV2Multiframes gives the commands with an answer of several frames.
func EV2Multiframes(t testing.TB) []EV2Command {
	t.Helper()
	return of[EV2Command](t, "ev2_commands", "ev2_command_multiframe")
}

// EV2ChangeKeys gives the vectors of ev2_changekey.json.
func EV2ChangeKeys(t testing.TB) []EV2Command {
	t.Helper()
	return of[EV2Command](t, "ev2_changekey", "ev2_changekey")
}

// Negative is an exchange whose answer must be rejected.
type Negative struct {
	Info
	Session SessionState `json:"session"` // of a command
	CAPDU   Hex          `json:"capdu"`
	RAPDU   Hex          `json:"rapdu"`
	Why     string       `json:"why"`

	Key    Hex `json:"key"` // of a handshake
	KeyNo  Hex `json:"key_no"`
	RndA   Hex `json:"rnd_a"`
	CAPDU1 Hex `json:"capdu1"`
	RAPDU1 Hex `json:"rapdu1"`
	CAPDU2 Hex `json:"capdu2"`
	RAPDU2 Hex `json:"rapdu2"`
}

// NegativeResponses gives the answers to commands.
func NegativeResponses(t testing.TB) []Negative {
	t.Helper()
	return of[Negative](t, "negative", "negative_ev2_response")
}

// NegativeAuths gives the answers to handshakes.
func NegativeAuths(t testing.TB) []Negative {
	t.Helper()
	return of[Negative](t, "negative", "negative_ev2_auth")
}
