package transitcmac

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"testing"

	"github.com/hashicorp/vault/api"
)

// FuzzParseTag: what is accepted is exactly what encodes to the same text.
func FuzzParseTag(f *testing.F) {
	seeds := []string{
		"vault:v1:qN1jo7idVLN8qAJHP9qRdQ==", // AN10922 §2.2.1
		"vault:v10:AAAAAAAAAAAAAAAAAAAAAA==",
		"vault:v1:AAAAAAAAAAAAAAAAAAAAAB==",
		"vault:v01:AAAAAAAAAAAAAAAAAAAAAA==",
		"vault:v1:AAAAAAAAAAAAAAAAAAAAAA==\n",
		"vault:v1:AQR4LiGAHYAwQvVOWFAgQWJ1ux0WkpPlkoe3+hN5t1Z0Rg==",
	}
	for _, s := range seeds {
		for _, version := range []int{1, 10} {
			f.Add(s, version)
		}
	}
	f.Fuzz(func(t *testing.T, value string, version int) {
		tag, err := parseTag(value, version)
		if err != nil {
			if tag != [tagSize]byte{} {
				t.Error("a tag in spite of the error")
			}
			return
		}
		if want := "vault:v" + strconv.Itoa(version) + ":" + base64.StdEncoding.EncodeToString(tag[:]); value != want {
			t.Errorf("%q was accepted, it should be %q", value, want)
		}
	})
}

// FuzzParseBatch: no answer makes it panic or give a number of tags that was
// not asked for.
func FuzzParseBatch(f *testing.F) {
	for _, s := range []string{
		`{"batch_results":[{"cmac":"vault:v1:qN1jo7idVLN8qAJHP9qRdQ==","reference":"0"}]}`,
		`{"batch_results":[{"error":"no such key version"}]}`,
		`{"batch_results":[null]}`, `{"batch_results":[[]]}`, `{"batch_results":{}}`, `{}`,
	} {
		f.Add([]byte(s), 1)
	}
	f.Fuzz(func(t *testing.T, data []byte, want int) {
		secret := new(api.Secret)
		if json.Unmarshal(data, &secret.Data) != nil || want < 0 {
			return
		}
		tags, err := parseBatch(secret, 1, want)
		if err == nil && len(tags) != want || err != nil && tags != nil {
			t.Errorf("%d tags for %d inputs, error %v", len(tags), want, err)
		}
	})
}
