package hsmsim

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/vault/api"
)

func TestEnvelope(t *testing.T) {
	b := start(t, Options{})
	_, body := b.do(t, http.MethodPost, "/v1/transit/keys/k", `{"type":"aes128-cmac"}`, b.authorized())
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := []string{"auth", "data", "lease_duration", "lease_id", "mount_type", "renewable", "request_id", "warnings", "wrap_info"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Error(diff)
	}
}

func TestTokens(t *testing.T) {
	b := start(t, Options{})
	b.createKey(t, "k", "aes128-cmac")
	const invalid = `{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}` + "\n"
	tests := []struct {
		name   string
		header http.Header
		status int
		body   string
	}{
		{"none", nil, 403, `{"errors":["permission denied"]}` + "\n"},
		{"wrong", http.Header{"X-Vault-Token": {"hvs.wrong"}}, 403, invalid},
		{"wrong bearer", http.Header{"Authorization": {"Bearer hvs.wrong"}}, 403, invalid},
		{"other scheme", http.Header{"Authorization": {"Basic " + b.token}}, 403, `{"errors":["permission denied"]}` + "\n"},
		{"vault header wins", http.Header{"X-Vault-Token": {"hvs.wrong"}, "Authorization": {"Bearer " + b.token}}, 403, invalid},
		{"good", http.Header{"X-Vault-Token": {b.token}}, 200, ""},
		{"good bearer", http.Header{"Authorization": {"Bearer " + b.token}}, 200, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, body := b.do(t, http.MethodGet, "/v1/transit/keys/k", "", test.header)
			if status != test.status || test.body != "" && body != test.body {
				t.Errorf("answers %d %s, want %d %s", status, body, test.status, test.body)
			}
		})
	}
}

func TestTokenSelf(t *testing.T) {
	b := start(t, Options{})
	self, err := b.client.Auth().Token().LookupSelf()
	if err != nil {
		t.Fatal(err)
	}
	if id, err := self.TokenID(); id != b.token || err != nil {
		t.Errorf("lookup-self id %q, error %v", id, err)
	}
	if ttl, err := self.TokenTTL(); ttl != 0 || err != nil {
		t.Errorf("lookup-self ttl %v, error %v", ttl, err)
	}
	renewed, err := b.client.Auth().Token().RenewSelf(3600)
	if err != nil {
		t.Fatal(err)
	}
	if renewed.Auth == nil || renewed.Auth.ClientToken != b.token || renewed.Auth.Renewable || renewed.Auth.LeaseDuration != 0 {
		t.Errorf("renew-self = %+v", renewed.Auth)
	}
}

func TestHealth(t *testing.T) {
	b := start(t, Options{})
	type node struct{ sealed, standby bool }
	active, sealed, standby := node{}, node{sealed: true}, node{standby: true}
	tests := []struct {
		node   node
		query  string
		status int
	}{
		{active, "", 200}, {active, "?activecode=299", 299}, {active, "?sealedcode=299", 200},
		{active, "?activecode=204", 204},
		{sealed, "", 503}, {sealed, "?sealedcode=299&standbyok=true", 299},
		{standby, "", 429}, {standby, "?standbyok=true", 200}, {standby, "?standbyok=false", 429},
		{standby, "?standbycode=250", 250}, {standby, "?perfstandbyok=true", 429},
		{active, "?standbyok=perhaps", 400}, {active, "?activecode=x", 400}, {active, "?removedcode=10", 400},
	}
	for _, test := range tests {
		b.SetSealed(test.node.sealed)
		b.SetStandby(test.node.standby)
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if status, body := b.do(t, method, "/v1/sys/health"+test.query, "", nil); status != test.status {
				t.Errorf("%+v: %s health%s answers %d %s, want %d", test.node, method, test.query, status, body, test.status)
			}
		}
	}
}

// A client sees what this is before it has any token.
func TestSaysThatItIsASimulator(t *testing.T) {
	for _, edition := range []Edition{Enterprise, Community} {
		b := start(t, Options{Edition: edition})
		health, err := b.client.Sys().Health()
		if err != nil {
			t.Fatal(err)
		}
		if !health.Initialized || health.Sealed || health.Enterprise != (edition == Enterprise) {
			t.Errorf("health = %+v", health)
		}
		seal, err := b.client.Sys().SealStatus()
		if err != nil {
			t.Fatal(err)
		}
		for _, said := range []string{health.Version, health.ClusterName, seal.Version, seal.ClusterName} {
			said = strings.ToLower(said)
			if !strings.Contains(said, "simulator") || !strings.Contains(said, "not-an-hsm") {
				t.Errorf("%s says %q", edition, said)
			}
		}
	}
}

func TestSealed(t *testing.T) {
	b := start(t, Options{})
	b.SetSealed(true)
	_, err := b.client.Logical().List("transit/keys")
	checkRefusal(t, err, 503, "Vault is sealed")
	if health, err := b.client.Sys().Health(); err != nil || !health.Sealed || health.ClusterName != "" {
		t.Errorf("health = %+v, %v", health, err)
	}
	if seal, err := b.client.Sys().SealStatus(); err != nil || !seal.Sealed {
		t.Errorf("seal status = %+v, %v", seal, err)
	}
	b.SetSealed(false)
	b.createKey(t, "k", "aes128-cmac")
}

func TestStandbyStillServes(t *testing.T) {
	b := start(t, Options{})
	b.SetStandby(true)
	b.createKey(t, "k", "aes128-cmac")
	if health, err := b.client.Sys().Health(); err != nil || !health.Standby {
		t.Errorf("health = %+v, %v", health, err)
	}
}

func TestFaultHook(t *testing.T) {
	b := start(t, Options{})
	b.createKey(t, "k", "aes128-cmac")
	rotate := func() error {
		_, err := b.client.Logical().Write("transit/keys/k/rotate", nil)
		return err
	}
	b.SetFault(func(*http.Request) error { return &Fault{Status: 429, Errors: []string{"slow down"}} })
	checkRefusal(t, rotate(), 429, "slow down")
	b.SetFault(func(*http.Request) error { return errors.New("disk on fire") })
	checkRefusal(t, rotate(), 500, "1 error occurred:\n\t* disk on fire\n\n")
	b.SetFault(func(*http.Request) error { return ErrDropConnection })
	var refused *api.ResponseError
	if err := rotate(); err == nil || errors.As(err, &refused) {
		t.Errorf("dropped connection gives %v", err)
	}
	b.SetFault(nil)
	if err := rotate(); err != nil {
		t.Error(err)
	}
	if got := b.store.read().keys["k"].latest(); got != 2 {
		t.Errorf("latest version %d: a faulty rotate was carried out", got)
	}
}

func TestPathsAndMethods(t *testing.T) {
	b := start(t, Options{})
	b.createKey(t, "k", "aes128-cmac")
	const unsupported = `{"errors":["1 error occurred:\n\t* unsupported path\n\n"]}` + "\n"
	const operation = `{"errors":["1 error occurred:\n\t* unsupported operation\n\n"]}` + "\n"
	tests := []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/", 404, `{"errors":[]}` + "\n"},
		{"GET", "/v1/secret/x", 404, `{"errors":["no handler for route \"secret/x\". route entry not found."]}` + "\n"},
		{"POST", "/v1/transit/encrypt/k", 404, unsupported},
		{"GET", "/v1/transit/export/encryption-key/k", 404, unsupported},
		{"GET", "/v1/transit/cmac/k", 405, operation},
		{"GET", "/v1/transit/keys/k/rotate", 405, operation},
		{"PATCH", "/v1/transit/keys/k", 405, operation},
		{"GET", "/v1/transit/keys", 405, operation},
		{"POST", "/v1/sys/health", 405, `{"errors":[]}` + "\n"},
		{"POST", "/v1/sys/seal-status", 405, `{"errors":[]}` + "\n"},
	}
	for _, test := range tests {
		if status, body := b.do(t, test.method, test.path, "{}", b.authorized()); status != test.status || body != test.body {
			t.Errorf("%s %s answers %d %s, want %d %s", test.method, test.path, status, body, test.status, test.body)
		}
	}
}

func TestPutAndPostAreTheSame(t *testing.T) {
	b := start(t, Options{})
	for _, method := range []string{http.MethodPut, http.MethodPost} {
		if status, body := b.do(t, method, "/v1/transit/keys/"+method, `{"type":"aes128-cmac"}`, b.authorized()); status != 200 {
			t.Errorf("%s answers %d %s", method, status, body)
		}
	}
}

func TestNamespaces(t *testing.T) {
	b := start(t, Options{})
	for namespace, want := range map[string]int{"": 404, "root": 404, "root/": 404, "hospital": 400, "root/a": 400} {
		header := b.authorized()
		header.Set("X-Vault-Namespace", namespace)
		status, body := b.do(t, "LIST", "/v1/transit/keys", "", header)
		if status != want || want == 400 && !strings.Contains(body, "has the root namespace only; unset VAULT_NAMESPACE") {
			t.Errorf("namespace %q answers %d %s, want %d", namespace, status, body, want)
		}
	}
}

func TestBodies(t *testing.T) {
	b := start(t, Options{})
	b.createKey(t, "k", "aes128-cmac")
	huge := `{"input":"` + strings.Repeat("A", maxBodyBytes) + `"}`
	tests := []struct {
		name, body string
		status     int
		answer     string
	}{
		{"nothing", "", 400, "input item 0 was blank"},
		{"null", "null", 400, "input item 0 was blank"},
		{"no object", "[1]", 400, "error parsing JSON"},
		{"cut", `{"input":`, 400, "error parsing JSON"},
		{"two objects", `{"input":"AA=="} {}`, 400, "error parsing JSON"},
		{"large", `{"input":"` + strings.Repeat("A", 20<<20) + `"}`, 200, "vault:v1:"},
		{"too large", huge, 413, "http: request body too large"},
	}
	for _, test := range tests {
		status, body := b.do(t, http.MethodPost, "/v1/transit/cmac/k", test.body, b.authorized())
		if status != test.status || !strings.Contains(body, test.answer) {
			t.Errorf("%s: answers %d %.200s, want %d %s", test.name, status, body, test.status, test.answer)
		}
	}
}

// Neither the log nor any answer tells a key, in any of the encodings that
// could slip through.
func TestNoSecretLeaves(t *testing.T) {
	keys := new(chosenKeys)
	path := t.TempDir() + "/state"
	b := start(t, Options{Rand: keys, StateFile: path, Passphrase: []byte("correct horse")})
	versions := [][]byte{
		unhex(t, "00112233445566778899aabbccddeeff"),
		unhex(t, "fedcba98765432100123456789abcdef"),
	}
	keys.put(versions[0])
	b.createKey(t, "k", "aes128-cmac")
	keys.put(versions[1])
	b.write(t, "transit/keys/k/rotate", nil)
	said := new(strings.Builder)
	for _, request := range [][3]string{
		{"GET", "/v1/transit/keys/k", ""}, {"LIST", "/v1/transit/keys", ""},
		{"POST", "/v1/transit/keys/k/config", `{"deletion_allowed":true}`},
		{"POST", "/v1/transit/cmac/k", `{"input":"AA=="}`}, {"POST", "/v1/transit/cmac/k", `{"input":"%"}`},
		{"POST", "/v1/transit/verify/k", `{"input":"AA==","cmac":"vault:v1:AA=="}`},
		{"POST", "/v1/transit/keys/k", `{"type":"aes256-cmac"}`}, {"GET", "/v1/sys/health", ""},
		{"GET", "/v1/transit/export/cmac-key/k", ""}, {"GET", "/v1/transit/backup/k", ""},
	} {
		_, body := b.do(t, request[0], request[1], request[2], b.authorized())
		said.WriteString(body)
	}
	if !strings.Contains(b.log.String(), "path=/v1/transit/cmac/k status=200") {
		t.Errorf("the log tells no request: %s", b.log)
	}
	for where, text := range map[string]string{"log": b.log.String(), "answers": said.String(), "state file": readAll(t, path)} {
		for _, key := range versions {
			for _, form := range encodings(key) {
				if strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
					t.Errorf("the %s contain a key as %q", where, form)
				}
			}
		}
		if strings.Contains(text, b.token) || strings.Contains(text, "correct horse") {
			t.Errorf("the %s contain the token or the passphrase", where)
		}
	}
}

func TestServeStopsGracefully(t *testing.T) {
	b := start(t, Options{})
	done, stop := serveOnce(t, b.Server)
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(shutdownTimeout):
		t.Error("Serve did not return")
	}
}
