package hsmsim

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// What every client can see without a token: this is not Vault and not an HSM.
const (
	clusterName = "hsm-sim-SIMULATOR-NOT-AN-HSM"
	// playedVersion is the Vault release whose answers are imitated.
	playedVersion    = "1.21.0"
	simulatorVersion = "hsm-sim.simulator.not-an-hsm"
)

// version is a semantic version; what follows the "+" is build metadata, where
// Vault Enterprise writes "ent".
func (s *Server) version() string {
	if s.edition == Enterprise {
		return playedVersion + "+ent." + simulatorVersion
	}
	return playedVersion + "+" + simulatorVersion
}

// healthBody is the answer of sys/health (Vault API, system/health).
type healthBody struct {
	Initialized                bool   `json:"initialized"`
	Sealed                     bool   `json:"sealed"`
	Standby                    bool   `json:"standby"`
	PerformanceStandby         bool   `json:"performance_standby"`
	ReplicationPerformanceMode string `json:"replication_performance_mode"`
	ReplicationDRMode          string `json:"replication_dr_mode"`
	ServerTimeUTC              int64  `json:"server_time_utc"`
	Version                    string `json:"version"`
	Enterprise                 bool   `json:"enterprise"`
	ClusterName                string `json:"cluster_name,omitempty"`
	ClusterID                  string `json:"cluster_id,omitempty"`
	EchoDurationMillis         int64  `json:"echo_duration_ms"`
	ClockSkewMillis            int64  `json:"clock_skew_ms"`
	PrimaryCanaryAgeMillis     int64  `json:"replication_primary_canary_age_ms"`
}

// health serves GET and HEAD sys/health, which needs no token: 200 active, 429
// standby, 503 sealed. The query can name other codes (activecode,
// standbycode, sealedcode) and standbyok=true makes a standby answer as an
// active node does.
func (s *Server) health(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return writeRefusal(w, errMethodNotAllowed)
	}
	status, err := s.healthStatus(r.URL.Query())
	if err != nil {
		return writeErrors(w, http.StatusBadRequest, []string{err.Error()})
	}
	return writeJSON(w, status, s.healthBody())
}

func (s *Server) healthBody() healthBody {
	body := healthBody{
		Initialized: true, Sealed: s.sealed.Load(), Standby: s.standby.Load(),
		ReplicationPerformanceMode: "disabled", ReplicationDRMode: "disabled",
		ServerTimeUTC: s.now().Unix(),
		Version:       s.version(), Enterprise: s.edition == Enterprise,
	}
	if !body.Sealed {
		body.ClusterName, body.ClusterID = clusterName, s.store.read().clusterID
	}
	return body
}

// healthCodes are the status codes of sys/health with their query parameters.
// Only the first three states exist here; the others are checked, because
// Vault's own client sends them.
var healthCodes = map[string]int{
	"activecode":             http.StatusOK,
	"standbycode":            http.StatusTooManyRequests,
	"sealedcode":             http.StatusServiceUnavailable,
	"uninitcode":             http.StatusNotImplemented,
	"drsecondarycode":        472,
	"performancestandbycode": 473,
	"haunhealthycode":        474,
	"removedcode":            530,
}

func (s *Server) healthStatus(query url.Values) (int, error) {
	codes := make(map[string]int, len(healthCodes))
	for name, usual := range healthCodes {
		code, err := codeParameter(query, name, usual)
		if err != nil {
			return 0, err
		}
		codes[name] = code
	}
	standbyOK, err := boolParameter(query, "standbyok")
	if err != nil {
		return 0, err
	}
	if _, err := boolParameter(query, "perfstandbyok"); err != nil {
		return 0, err
	}
	switch {
	case s.sealed.Load():
		return codes["sealedcode"], nil
	case s.standby.Load() && !standbyOK:
		return codes["standbycode"], nil
	}
	return codes["activecode"], nil
}

func codeParameter(query url.Values, name string, usual int) (int, error) {
	if !query.Has(name) {
		return usual, nil
	}
	code, err := strconv.Atoi(query.Get(name))
	if err != nil || code < 200 || code > 999 {
		return 0, fmt.Errorf("bad value for %s parameter: want an HTTP status code", name)
	}
	return code, nil
}

func boolParameter(query url.Values, name string) (bool, error) {
	if query.Get(name) == "" {
		return false, nil
	}
	value, err := strconv.ParseBool(query.Get(name))
	if err != nil {
		return false, fmt.Errorf("bad value for %s parameter: want true or false", name)
	}
	return value, nil
}

// sealStatusBody is the answer of sys/seal-status (Vault API,
// system/seal-status).
type sealStatusBody struct {
	Type         string `json:"type"`
	Initialized  bool   `json:"initialized"`
	Sealed       bool   `json:"sealed"`
	T            int    `json:"t"`
	N            int    `json:"n"`
	Progress     int    `json:"progress"`
	Nonce        string `json:"nonce"`
	Version      string `json:"version"`
	BuildDate    string `json:"build_date"`
	Migration    bool   `json:"migration"`
	ClusterName  string `json:"cluster_name,omitempty"`
	ClusterID    string `json:"cluster_id,omitempty"`
	RecoverySeal bool   `json:"recovery_seal"`
	StorageType  string `json:"storage_type"`
}

// sealStatus serves GET sys/seal-status, which needs no token.
func (s *Server) sealStatus(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		return writeRefusal(w, errMethodNotAllowed)
	}
	body := sealStatusBody{
		Type: "shamir", Initialized: true, Sealed: s.sealed.Load(), T: 1, N: 1,
		Version: s.version(), StorageType: "inmem",
	}
	if s.store.path != "" {
		body.StorageType = "file"
	}
	if !body.Sealed {
		body.ClusterName, body.ClusterID = clusterName, s.store.read().clusterID
	}
	return writeJSON(w, http.StatusOK, body)
}
