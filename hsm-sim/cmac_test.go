package hsmsim

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/vault/api"
)

// cmacVector is one entry of ../test/vectors/data/cmac.json.
type cmacVector struct {
	ID      string `json:"id"`
	Cipher  string `json:"cipher"`
	Key     string `json:"key"`
	Message string `json:"message"`
	CMAC    string `json:"cmac"`
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// aesVectors are the vectors whose key type exists here.
func aesVectors(t testing.TB) []cmacVector {
	t.Helper()
	content, err := os.ReadFile("../test/vectors/data/cmac.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []cmacVector `json:"vectors"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	var usable []cmacVector
	for _, v := range file.Vectors {
		if _, ok := typeOfLength(len(v.Key) / 2); ok && v.Cipher == "aes" {
			usable = append(usable, v)
		}
	}
	return usable
}

func typeOfLength(n int) (string, bool) {
	for name, size := range keySizes {
		if size == n {
			return name, true
		}
	}
	return "", false
}

// moreVectors are the examples of RFC 4493 §4 and NIST SP 800-38B D.3 that the
// shared file does not have.
var moreVectors = []cmacVector{
	{"rfc4493-example-3", "aes", "2b7e151628aed2a6abf7158809cf4f3c",
		"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
		"dfa66747de9ae63030ca32611497c827"},
	{"sp800-38b-d3-16", "aes", "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
		"6bc1bee22e409f96e93d7e117393172a", "28a7023f452e8f82bd4bf28d8c37c35c"},
	{"sp800-38b-d3-64", "aes", "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
		"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
		"e1992190549f6ed5696a2c056c315410"},
}

// The published vectors come out of the whole path: Vault's client, HTTP, key
// store, CMAC. An empty message cannot be sent, as in Vault.
func TestPublishedVectors(t *testing.T) {
	keys := new(chosenKeys)
	b := start(t, Options{Rand: keys})
	computed := 0
	for i, v := range append(aesVectors(t), moreVectors...) {
		t.Run(v.ID, func(t *testing.T) {
			name := "vector-" + strconv.Itoa(i)
			key := unhex(t, v.Key)
			keyType, _ := typeOfLength(len(key))
			keys.put(key)
			b.createKey(t, name, keyType)
			if v.Message == "" {
				wantRefusal(t, b, "transit/cmac/"+name, map[string]any{"input": ""}, 400, "input item 0 was blank")
				return
			}
			computed++
			input, want := b64(unhex(t, v.Message)), unhex(t, v.CMAC)
			full := b.write(t, "transit/cmac/"+name, map[string]any{"input": input}).Data["cmac"]
			if full != "vault:v1:"+b64(want) {
				t.Errorf("cmac = %v, want vault:v1:%s", full, b64(want))
			}
			valid := b.write(t, "transit/verify/"+name, map[string]any{"input": input, "cmac": full}).Data["valid"]
			if valid != true {
				t.Errorf("verify says valid = %v", valid)
			}
			for _, n := range []int{1, 8, 16} {
				cut := b.write(t, "transit/cmac/"+name, map[string]any{"input": input, "mac_length": n}).Data["cmac"]
				if cut != "vault:v1:"+b64(want[:n]) {
					t.Errorf("mac_length %d gives %v", n, cut)
				}
			}
		})
	}
	if computed < 6 {
		t.Errorf("only %d vectors computed", computed)
	}
}

// wantRefusal sends a write that must be refused with exactly this code and
// text.
func wantRefusal(t *testing.T, b *bench, path string, data map[string]any, status int, message string) {
	t.Helper()
	_, err := b.client.Logical().Write(path, data)
	checkRefusal(t, err, status, message)
}

func checkRefusal(t *testing.T, err error, status int, message string) {
	t.Helper()
	refused, ok := err.(*api.ResponseError)
	if !ok {
		t.Fatalf("error = %v, want a refusal with %d %q", err, status, message)
	}
	want := []string{message}
	if message == "" {
		want = nil
	}
	if refused.StatusCode != status || strings.Join(refused.Errors, "|") != strings.Join(want, "|") {
		t.Errorf("refused with %d %q, want %d %q", refused.StatusCode, refused.Errors, status, want)
	}
}

func TestBatchKeepsOrderAndReportsItems(t *testing.T) {
	keys := new(chosenKeys)
	b := start(t, Options{Rand: keys})
	keys.put(unhex(t, "2b7e151628aed2a6abf7158809cf4f3c"))
	b.createKey(t, "k", "aes128-cmac")
	block := unhex(t, "6bc1bee22e409f96e93d7e117393172a")
	full := unhex(t, "070a16b46b4d4144f79bdd9dd04a287c") // RFC 4493 §4, example 2

	answer := b.write(t, "transit/cmac/k", map[string]any{
		"input": "ignored", // batch_input wins
		"batch_input": []map[string]any{
			{"input": b64(block), "reference": "first"},
			{"input": "?", "reference": "bad base64"},
			{"input": b64(block), "mac_length": 4},
			{"input": b64(block), "mac_length": 17, "reference": "too long"},
		},
	})
	want := []any{
		map[string]any{"cmac": "vault:v1:" + b64(full), "reference": "first"},
		map[string]any{"error": "failed processing item 1: failed base 64 decoding: illegal base64 data at input byte 0",
			"reference": "bad base64"},
		map[string]any{"cmac": "vault:v1:" + b64(full[:4]), "reference": ""},
		map[string]any{"error": "failed processing item 3: failed generating cmac hash function: " +
			"tags size must between 1 and the cipher's block size", "reference": "too long"},
	}
	if diff := cmp.Diff(want, answer.Data["batch_results"]); diff != "" {
		t.Error(diff)
	}
}

func TestBatchVerify(t *testing.T) {
	b := start(t, Options{})
	b.createKey(t, "k", "aes256-cmac")
	input := b64([]byte("message"))
	tag := b.write(t, "transit/cmac/k", map[string]any{"input": input}).Data["cmac"].(string)
	short := b.write(t, "transit/cmac/k/8", map[string]any{"input": input}).Data["cmac"].(string)
	answer := b.write(t, "transit/verify/k", map[string]any{"batch_input": []map[string]any{
		{"input": input, "cmac": tag, "reference": "good"},
		{"input": b64([]byte("other")), "cmac": tag, "reference": "other"},
		{"input": input, "cmac": "nonsense"},
		{"input": input, "cmac": short, "mac_length": 8},
		{"input": input, "cmac": short},
		{"input": input, "cmac": strings.Replace(tag, "v1", "v2", 1)},
	}})
	want := []any{
		map[string]any{"valid": true, "reference": "good"},
		map[string]any{"valid": false, "reference": "other"},
		map[string]any{"valid": false, "reference": "", "error": "prefix is not vault:v"},
		map[string]any{"valid": true, "reference": ""},
		map[string]any{"valid": false, "reference": ""},
		map[string]any{"valid": false, "reference": "", "error": "failed fetching CMAC key for k with version 2: " +
			"key version does not exist; latest key version is 1"},
	}
	if diff := cmp.Diff(want, answer.Data["batch_results"]); diff != "" {
		t.Error(diff)
	}
}

func TestURLMACLengthWins(t *testing.T) {
	b := start(t, Options{})
	b.createKey(t, "k", "aes128-cmac")
	answer := b.write(t, "transit/cmac/k/5", map[string]any{"input": "AA==", "mac_length": 9})
	if got := tagOf(t, answer.Data["cmac"]); len(got) != 5 {
		t.Errorf("tag of %d bytes, want 5", len(got))
	}
	want := []string{"input item 0 mac_length of 9 overridden by url_mac_length 5"}
	if diff := cmp.Diff(want, answer.Warnings); diff != "" {
		t.Error(diff)
	}
}

func TestKeyVersionInsideBatchIsWarnedAbout(t *testing.T) {
	b := start(t, Options{})
	b.createKey(t, "k", "aes128-cmac")
	answer := b.write(t, "transit/cmac/k", map[string]any{
		"batch_input": []map[string]any{{"input": "AA==", "key_version": 1}}})
	if len(answer.Warnings) != 1 || !strings.Contains(answer.Warnings[0], "input item 0 has a key_version, which is ignored") {
		t.Errorf("warnings = %q", answer.Warnings)
	}
}

func tagOf(t *testing.T, value any) []byte {
	t.Helper()
	text, _ := value.(string)
	fields := strings.Split(text, ":")
	if len(fields) != 3 {
		t.Fatalf("%q is not a Vault tag", text)
	}
	tag, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

// Every version keeps computing what it computed before, until the policy
// forbids it.
func TestVersions(t *testing.T) {
	b := start(t, Options{})
	b.createKey(t, "k", "aes128-cmac")
	input := map[string]any{"input": b64([]byte("message"))}
	tags := map[int]string{1: b.write(t, "transit/cmac/k", input).Data["cmac"].(string)}
	for v := 2; v <= 3; v++ {
		rotated := b.write(t, "transit/keys/k/rotate", nil)
		if got := rotated.Data["latest_version"]; got != json.Number(strconv.Itoa(v)) {
			t.Fatalf("latest_version = %v, want %d", got, v)
		}
		tags[v] = b.write(t, "transit/cmac/k", input).Data["cmac"].(string)
	}
	for v, want := range tags {
		got := b.write(t, "transit/cmac/k", map[string]any{"input": input["input"], "key_version": v}).Data["cmac"]
		if got != want {
			t.Errorf("version %d gives %v, gave %v before", v, got, want)
		}
		for other, tag := range tags {
			if other != v && bytes.Equal(tagOf(t, tag), tagOf(t, want)) {
				t.Errorf("versions %d and %d give the same tag", v, other)
			}
		}
	}

	b.write(t, "transit/keys/k/config", map[string]any{"min_encryption_version": 2})
	withVersion := func(v int) map[string]any {
		return map[string]any{"input": input["input"], "key_version": v}
	}
	wantRefusal(t, b, "transit/cmac/k", withVersion(1), 400,
		"cannot use key version 1: version is too old (disallowed by policy) for key k")
	wantRefusal(t, b, "transit/cmac/k", withVersion(4), 400,
		"failed fetching CMAC key for k with version 4: key version does not exist; latest key version is 3")
	wantRefusal(t, b, "transit/cmac/k", withVersion(-1), 400, "cannot use negative key version -1")

	b.write(t, "transit/keys/k/config", map[string]any{"min_encryption_version": 0, "min_decryption_version": 2})
	wantRefusal(t, b, "transit/cmac/k", withVersion(1), 400,
		"failed fetching CMAC key for k with version 1: no such key version")
	wantRefusal(t, b, "transit/verify/k", map[string]any{"input": input["input"], "cmac": tags[1]}, 500,
		"1 error occurred:\n\t* failed fetching CMAC key for k with version 1: no such key version\n\n")
	if got := b.write(t, "transit/cmac/k", withVersion(2)).Data["cmac"]; got != tags[2] {
		t.Errorf("version 2 gives %v, want %v", got, tags[2])
	}

	// What is archived comes back when the minimum goes down again.
	b.write(t, "transit/keys/k/config", map[string]any{"min_decryption_version": 1})
	if got := b.write(t, "transit/cmac/k", withVersion(1)).Data["cmac"]; got != tags[1] {
		t.Errorf("version 1 gives %v after unarchiving, want %v", got, tags[1])
	}
}

func TestCMACRefusals(t *testing.T) {
	b := start(t, Options{})
	b.createKey(t, "k", "aes128-cmac")
	good := map[string]any{"input": "AA=="}
	item := func(fields map[string]any) map[string]any {
		return map[string]any{"batch_input": []any{fields}}
	}
	tests := []struct {
		name, path string
		body       map[string]any
		status     int
		message    string
	}{
		{"no such key", "transit/cmac/missing", good, 400, "invalid request: key missing not found"},
		{"no input", "transit/cmac/k", nil, 400, "input item 0 was blank"},
		{"empty batch", "transit/cmac/k", map[string]any{"batch_input": []any{}}, 400, "no inputs to process"},
		{"blank item", "transit/cmac/k", item(map[string]any{"reference": "r"}), 400, "input item 0 was blank"},
		{"batch is no list", "transit/cmac/k", map[string]any{"batch_input": "x"}, 400,
			"failed to parse batch input: expected a list"},
		{"item is no map", "transit/cmac/k", map[string]any{"batch_input": []any{1}}, 400,
			"failed to parse batch input: '[0]' expected a map"},
		{"item input is a number", "transit/cmac/k", item(map[string]any{"input": 1}), 400,
			"failed to parse batch input: '[0].input' expected type 'string'"},
		{"item length is text", "transit/cmac/k", item(map[string]any{"input": "AA==", "mac_length": "8"}), 400,
			"failed to parse batch input: '[0].mac_length' expected type 'int'"},
		{"bad base64", "transit/cmac/k", map[string]any{"input": "%"}, 500,
			"1 error occurred:\n\t* failed processing item 0: failed base 64 decoding: illegal base64 data at input byte 0\n\n"},
		{"length too long", "transit/cmac/k", map[string]any{"input": "AA==", "mac_length": 17}, 500,
			"1 error occurred:\n\t* failed processing item 0: failed generating cmac hash function: " +
				"tags size must between 1 and the cipher's block size\n\n"},
		{"url length too long", "transit/cmac/k/17", good, 400,
			"the url mac-length parameter is invalid: must not be greater than 16"},
		{"url length negative", "transit/cmac/k/-1", good, 400,
			"the url mac-length parameter is invalid: must not be less than 0"},
		{"url length no number", "transit/cmac/k/x", good, 400,
			`the url mac-length parameter failed parsing: strconv.Atoi: parsing "x": invalid syntax`},
		{"version no number", "transit/cmac/k", map[string]any{"input": "AA==", "key_version": "new"}, 400,
			`Field validation failed: error converting input for field "key_version": cannot parse "new" as an int`},
		{"verify nothing", "transit/verify/k", good, 400, "missing 'signature', 'hmac' or 'cmac' were given to verify"},
		{"verify empty batch", "transit/verify/k", map[string]any{"batch_input": []any{}}, 400, "missing batch input to process"},
		{"verify batch without", "transit/verify/k", item(good), 400,
			"no batch_input elements have 'signature', 'hmac' or 'cmac'"},
		{"verify batch partly without", "transit/verify/k", map[string]any{"batch_input": []any{
			map[string]any{"input": "AA==", "cmac": "x"}, good}}, 400, "some elements of batch_input are missing 'cmac'"},
		{"verify mixed", "transit/verify/k", map[string]any{"batch_input": []any{
			map[string]any{"input": "AA==", "cmac": "x"}, map[string]any{"input": "AA==", "hmac": "x"}}}, 400,
			"elements of batch_input must all provide either 'signature', 'hmac' or 'cmac'"},
		{"verify hmac", "transit/verify/k", map[string]any{"input": "AA==", "hmac": "x"}, 400,
			"no HMAC key exists for that key version"},
		{"verify signature", "transit/verify/k", map[string]any{"input": "AA==", "signature": "x"}, 400,
			"key type aes128-cmac does not support verification"},
		{"verify blank input", "transit/verify/k", map[string]any{"cmac": "x"}, 400, "input field on item 0 was blank"},
		{"verify blank cmac", "transit/verify/k", map[string]any{"input": "AA==", "cmac": " "}, 400,
			"cmac field on item 0 was blank"},
		{"verify length", "transit/verify/k", map[string]any{"input": "AA==", "cmac": "x", "mac_length": 17}, 400,
			"mac_length field on item 0 was not valid: must not be greater than 16"},
		{"verify no such key", "transit/verify/missing", map[string]any{"input": "AA==", "cmac": "x"}, 400,
			"invalid request: key missing not found"},
		{"verify malformed", "transit/verify/k", map[string]any{"input": "AA==", "cmac": "vault:v0:AA=="}, 500,
			"1 error occurred:\n\t* key version less than 1 are invalid got: 0\n\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantRefusal(t, b, test.path, test.body, test.status, test.message)
		})
	}
}

// Vault Community 1.21.0 was seen to refuse CMAC in three different ways.
func TestCommunityRefusesCMAC(t *testing.T) {
	b := start(t, Options{Edition: Community})
	wantRefusal(t, b, "transit/keys/k", map[string]any{"type": "aes128-cmac"}, 400,
		"key type aes128-cmac is only available in enterprise versions of Vault")
	status, body := b.do(t, http.MethodPost, "/v1/transit/cmac/k", `{"input":"AA=="}`, b.authorized())
	if want := `{"errors":["1 error occurred:\n\t* unsupported path\n\n"]}` + "\n"; status != 404 || body != want {
		t.Errorf("cmac answers %d %s, want 404 %s", status, body, want)
	}
	wantRefusal(t, b, "transit/verify/k", map[string]any{"input": "AA==", "cmac": "vault:v1:AA=="}, 400,
		"key type cmac is only available in enterprise versions of Vault")
}

// Readers see whole states only while keys rotate under them.
func TestConcurrentUse(t *testing.T) {
	b := start(t, Options{StateFile: t.TempDir() + "/state", Passphrase: []byte("pass")})
	b.createKey(t, "k", "aes128-cmac")
	input := map[string]any{"input": b64([]byte("message")), "key_version": 1}
	want := b.write(t, "transit/cmac/k", input).Data["cmac"]
	const rotations = 8
	var group sync.WaitGroup
	for range rotations {
		group.Go(func() {
			if _, err := b.client.Logical().Write("transit/keys/k/rotate", nil); err != nil {
				t.Error(err)
			}
		})
		group.Go(func() {
			answer, err := b.client.Logical().Write("transit/cmac/k", input)
			if err != nil || answer.Data["cmac"] != want {
				t.Errorf("answer %v, error %v, want %v", answer, err, want)
			}
		})
	}
	group.Wait()
	if got := b.store.read().keys["k"].latest(); got != 1+rotations {
		t.Errorf("%d versions after %d rotations", got, rotations)
	}
}
