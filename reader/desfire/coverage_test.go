package desfire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"badgekms/test/vectors"
)

// notCovered are the protocol vectors that no test of this package uses, by
// file, kind and cipher. EV1 messaging with AES and 3K3DES keys, the legacy D40
// messaging and transaction MACs are not implemented yet. Whoever implements
// them shortens this list.
var notCovered = map[string]int{
	"crc crc16":                       1,
	"ev1_auth ev1_auth_iso 3k3des":    6,
	"ev1_auth ev1_auth_aes aes":       10,
	"ev1_auth d40_auth des":           2,
	"ev1_sessions ev1_session 3k3des": 6,
	"ev1_sessions ev1_session aes":    10,
	"ev1_sessions d40_session des":    1,
	"ev1_changekey same 3k3des":       2,
	"ev1_changekey same aes":          4,
	"ev1_changekey other key 3k3des":  2,
	"ev1_changekey other key aes":     3,
	"tmac sdm":                        1,
	"tmac tmac_session_keys":          1,
}

// TestVectorCoverage keeps the count honest: every vector is either used by a
// test of this package or listed above. With -v it prints the count.
func TestVectorCoverage(t *testing.T) {
	elsewhere := map[string]bool{"an10922": true, "cmac": true} // kms/an10922, reader/key
	got := map[string]int{}
	total := 0
	for _, name := range vectors.Files(t) {
		if elsewhere[name] {
			continue
		}
		for kind, n := range vectors.Kinds(t, name) {
			total += n
			if name == "tmac" {
				got[name+" "+kind] += n
			}
		}
	}
	for _, v := range vectors.CRCs(t) {
		if v.Alg != "crc32" {
			got["crc "+v.Alg]++
		}
	}
	for _, v := range vectors.EV1Auths(t) {
		if !isTDEA2(v) {
			got["ev1_auth "+v.Kind+" "+v.Cipher]++
		}
	}
	for _, v := range vectors.EV1Sessions(t) {
		if !isTDEA2(v.Auth) {
			got["ev1_sessions "+v.Kind+" "+v.Auth.Cipher]++
		}
	}
	for _, v := range vectors.EV1ChangeKeys(t) {
		if !isTDEA2Change(v) {
			form := map[bool]string{true: "same", false: "other key"}[v.SameKey]
			got[strings.Join([]string{"ev1_changekey", form, v.Cipher}, " ")]++
		}
	}
	if diff := cmp.Diff(notCovered, got); diff != "" {
		t.Errorf("vectors without a test differ from the list (-list +found):\n%s", diff)
	}
	missing := 0
	for what, n := range got {
		missing += n
		t.Logf("not covered: %-34s %2d", what, n)
	}
	t.Logf("%d of %d protocol vectors covered", total-missing, total)
}
