package desfire

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"badgekms/test/vectors"
)

// covered are the protocol vectors by file and kind: how many there are, and
// the tests of this package that compare every one of them.
var covered = map[string]struct {
	n     int
	tests []func(*testing.T)
}{
	"crc crc":                          {6, []func(*testing.T){TestCRC32, TestCRC16}},
	"ev1_auth ev1_auth_iso":            {12, []func(*testing.T){TestEV1Handshakes}},
	"ev1_auth ev1_auth_aes":            {10, []func(*testing.T){TestEV1Handshakes}},
	"ev1_auth d40_auth":                {2, []func(*testing.T){TestD40Handshakes}},
	"ev1_sessions ev1_session":         {22, []func(*testing.T){TestEV1Sessions}},
	"ev1_sessions d40_session":         {1, []func(*testing.T){TestD40Session}},
	"ev1_changekey ev1_changekey_same": {9, []func(*testing.T){TestEV1ChangeKeys}},
	"ev1_changekey ev1_changekey_other": {
		5, []func(*testing.T){TestEV1ChangeKeys},
	},
	"ev2_auth ev2_auth_first":             {5, []func(*testing.T){TestEV2First}},
	"ev2_auth ev2_auth_nonfirst":          {2, []func(*testing.T){TestEV2NonFirst}},
	"ev2_auth ev2_iv":                     {2, []func(*testing.T){TestEV2IVs}},
	"ev2_commands ev2_command":            {27, []func(*testing.T){TestEV2Commands}},
	"ev2_commands ev2_response":           {1, []func(*testing.T){TestEV2Responses}},
	"ev2_commands ev2_command_multiframe": {1, []func(*testing.T){TestEV2Multiframe}},
	"ev2_changekey ev2_changekey":         {4, []func(*testing.T){TestEV2ChangeKeys}},
	"negative negative_ev2_response":      {3, []func(*testing.T){TestEV2Rejects}},
	"negative negative_ev2_auth":          {1, []func(*testing.T){TestEV2AuthRejects}},
	"originality originality_valid":       {13, []func(*testing.T){TestOriginalityVectors}},
	"originality originality_invalid":     {7, []func(*testing.T){TestOriginalityVectors}},
	"parse get_version":                   {2, []func(*testing.T){TestParseVersion}},
	"parse file_settings":                 {4, []func(*testing.T){TestParseFileSettings}},
	"tmac tmac_session_keys":              {1, []func(*testing.T){TestTMACKeys}},
	"tmac sdm":                            {1, []func(*testing.T){TestSDM}},
}

// TestVectorCoverage: every vector of every kind has a test here, or belongs to
// reader/key (cmac) or kms/an10922. With -v it prints the count.
func TestVectorCoverage(t *testing.T) {
	elsewhere := map[string]bool{"an10922": true, "cmac": true}
	want, got, total := map[string]int{}, map[string]int{}, 0
	for kind, c := range covered {
		want[kind] = c.n
		total += c.n
		if len(c.tests) == 0 || c.n == 0 {
			t.Errorf("%s: no test", kind)
		}
	}
	for _, name := range vectors.Files(t) {
		if elsewhere[name] {
			continue
		}
		for kind, n := range vectors.Kinds(t, name) {
			got[name+" "+kind] = n
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the vectors are not those that the tests cover (-list +found):\n%s", diff)
	}
	t.Logf("%d protocol vectors, all covered", total)
}
