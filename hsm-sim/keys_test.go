package hsmsim

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestKeyObject(t *testing.T) {
	b := start(t, Options{Now: func() time.Time { return time.Unix(1700000000, 0) }})
	want := map[string]any{
		"name": "k", "type": "aes256-cmac", "keys": map[string]any{"1": json.Number("1700000000")},
		"latest_version": json.Number("1"), "min_available_version": json.Number("0"),
		"min_decryption_version": json.Number("1"), "min_encryption_version": json.Number("0"),
		"deletion_allowed": false, "derived": false, "exportable": false, "allow_plaintext_backup": false,
		"imported_key": false, "auto_rotate_period": json.Number("0"),
		"supports_encryption": false, "supports_decryption": false, "supports_derivation": false, "supports_signing": false,
	}
	created := b.write(t, "transit/keys/k", map[string]any{"type": "aes256-cmac"})
	if diff := cmp.Diff(want, created.Data); diff != "" {
		t.Errorf("created key: %s", diff)
	}
	read, err := b.client.Logical().Read("transit/keys/k")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, read.Data); diff != "" {
		t.Errorf("read key: %s", diff)
	}
	if read.MountType != "transit" || len(read.RequestID) != 36 {
		t.Errorf("mount_type %q, request_id %q", read.MountType, read.RequestID)
	}
}

func TestCreateTwiceKeepsTheKey(t *testing.T) {
	b := start(t, Options{})
	b.createKey(t, "k", "aes128-cmac")
	before := b.write(t, "transit/cmac/k", map[string]any{"input": "AA=="}).Data["cmac"]
	again := b.write(t, "transit/keys/k", map[string]any{"type": "aes256-cmac"})
	if again.Data["type"] != "aes128-cmac" || len(again.Warnings) != 1 || again.Warnings[0] != "key k already existed" {
		t.Errorf("second creation: type %v, warnings %q", again.Data["type"], again.Warnings)
	}
	if after := b.write(t, "transit/cmac/k", map[string]any{"input": "AA=="}).Data["cmac"]; after != before {
		t.Errorf("the key changed: %v, was %v", after, before)
	}
}

func TestListKeys(t *testing.T) {
	b := start(t, Options{})
	if secret, err := b.client.Logical().List("transit/keys"); secret != nil || err != nil {
		t.Errorf("empty list = %v, %v, want nothing (404)", secret, err)
	}
	b.createKey(t, "b", "aes128-cmac")
	b.createKey(t, "a.1-x_y", "aes128-cmac")
	secret, err := b.client.Logical().List("transit/keys")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"keys": []any{"a.1-x_y", "b"}}, secret.Data); diff != "" {
		t.Error(diff)
	}
	for _, request := range [][2]string{{"LIST", "/v1/transit/keys"}, {"LIST", "/v1/transit/keys/"}, {"GET", "/v1/transit/keys?list=true"}} {
		status, body := b.do(t, request[0], request[1], "", b.authorized())
		if status != 200 || !strings.Contains(body, `"keys":["a.1-x_y","b"]`) {
			t.Errorf("%v answers %d %s", request, status, body)
		}
	}
}

func TestDeleteNeedsPermission(t *testing.T) {
	b := start(t, Options{})
	b.createKey(t, "k", "aes128-cmac")
	remove := func(name string) error {
		_, err := b.client.Logical().Delete("transit/keys/" + name)
		return err
	}
	checkRefusal(t, remove("k"), 400, "error deleting policy k: deletion is not allowed for this key")
	checkRefusal(t, remove("other"), 400, "error deleting policy other: could not delete key; not found")
	b.write(t, "transit/keys/k/config", map[string]any{"deletion_allowed": true})
	if status, body := b.do(t, http.MethodDelete, "/v1/transit/keys/k", "", b.authorized()); status != 204 || body != "" {
		t.Errorf("delete answers %d %q, want 204 and nothing", status, body)
	}
	if status, body := b.do(t, http.MethodGet, "/v1/transit/keys/k", "", b.authorized()); status != 404 || body != "{\"errors\":[]}\n" {
		t.Errorf("read of a deleted key answers %d %s", status, body)
	}
}

func TestConfigIsCheckedAsAWhole(t *testing.T) {
	b := start(t, Options{})
	b.createKey(t, "k", "aes128-cmac")
	b.write(t, "transit/keys/k/rotate", nil)
	tests := []struct {
		body    map[string]any
		message string
	}{
		{map[string]any{"min_decryption_version": 3}, "cannot set min decryption version of 3, latest key version is 2"},
		{map[string]any{"min_encryption_version": 3}, "cannot set min encryption version of 3, latest key version is 2"},
		{map[string]any{"min_decryption_version": -1}, "min decryption version cannot be negative"},
		{map[string]any{"min_encryption_version": -1}, "min encryption version cannot be negative"},
		{map[string]any{"deletion_allowed": true, "min_decryption_version": 2, "min_encryption_version": 1},
			"cannot set min encryption/decryption values; min encryption version of 1 " +
				"must be greater than or equal to min decryption version of 2"},
		{map[string]any{"deletion_allowed": "perhaps"},
			`Field validation failed: error converting input for field "deletion_allowed": cannot parse "perhaps" as a bool`},
		{map[string]any{"exportable": true}, "exportable is not supported by hsm-sim, a simulator of Vault: leave it out"},
	}
	before := *b.store.read()
	for _, test := range tests {
		wantRefusal(t, b, "transit/keys/k/config", test.body, 400, test.message)
	}
	if b.store.read().keys["k"].deletionAllowed || before.keys["k"].minDecryption != b.store.read().keys["k"].minDecryption {
		t.Error("a refused config changed the key")
	}
	raised := b.write(t, "transit/keys/k/config", map[string]any{"min_decryption_version": 2})
	if versions := raised.Data["keys"].(map[string]any); len(versions) != 1 || versions["2"] == nil {
		t.Errorf("keys = %v, want version 2 only", versions)
	}
	lowered := b.write(t, "transit/keys/k/config", map[string]any{"min_decryption_version": 0})
	if len(lowered.Warnings) != 1 || lowered.Warnings[0] != forcedMinimum ||
		lowered.Data["min_decryption_version"] != json.Number("1") {
		t.Errorf("min_decryption_version 0: %v, warnings %q", lowered.Data["min_decryption_version"], lowered.Warnings)
	}
}

func TestKeyRefusals(t *testing.T) {
	b := start(t, Options{})
	const only = ": hsm-sim, a simulator of Vault, supports aes128-cmac and aes256-cmac only"
	wantRefusal(t, b, "transit/keys/k", map[string]any{"type": "rsa-4096"}, 400, "unknown key type rsa-4096"+only)
	wantRefusal(t, b, "transit/keys/k", nil, 400, "unknown key type aes256-gcm96"+only)
	wantRefusal(t, b, "transit/keys/k", map[string]any{"type": "aes128-cmac", "derived": true}, 400,
		"derived is not supported by hsm-sim, a simulator of Vault: leave it out")
	wantRefusal(t, b, "transit/keys/k/rotate", nil, 400, "key not found")
	wantRefusal(t, b, "transit/keys/k/config", nil, 400, "no existing key named k could be found")
	wantRefusal(t, b, "transit/keys/-bad", map[string]any{"type": "aes128-cmac"}, 404, "1 error occurred:\n\t* unsupported path\n\n")
	if n := len(b.store.read().keys); n != 0 {
		t.Errorf("%d keys after refusals only", n)
	}
	harmless := b.write(t, "transit/keys/k", map[string]any{
		"type": "aes128-cmac", "exportable": false, "auto_rotate_period": 0, "colour": "blue"})
	want := []string{"Endpoint ignored these unrecognized parameters: [colour]"}
	if diff := cmp.Diff(want, harmless.Warnings); diff != "" {
		t.Error(diff)
	}
}
