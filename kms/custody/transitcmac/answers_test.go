package transitcmac_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	hsmsim "badgekms/hsm-sim"
	"badgekms/kms/an10922"
	"badgekms/kms/custody"
	"badgekms/kms/custody/transitcmac"
)

// alter puts a hand between Vault and the client: change sees the decoded
// answer of each CMAC call.
func (v *vault) alter(change func(request, answer map[string]any)) {
	honest := v.calls.next
	v.calls.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "/cmac/") {
			honest.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		recorded := httptest.NewRecorder()
		honest.ServeHTTP(recorded, r)
		request, answer := map[string]any{}, map[string]any{}
		_ = json.Unmarshal(body, &request)
		_ = json.Unmarshal(recorded.Body.Bytes(), &answer)
		change(request, answer)
		w.WriteHeader(recorded.Code)
		_ = json.NewEncoder(w).Encode(answer)
	})
}

func results(answer map[string]any) []any {
	return answer["data"].(map[string]any)["batch_results"].([]any)
}

// TestWrongAnswers has Vault answer CMAC calls wrongly. No key may come out,
// neither of Derive nor of KCV, and the self-test has to find it.
func TestWrongAnswers(t *testing.T) {
	each := func(change func(item, input map[string]any)) func(request, answer map[string]any) {
		return func(request, answer map[string]any) {
			inputs := request["batch_input"].([]any)
			for i, r := range results(answer) {
				change(r.(map[string]any), inputs[i].(map[string]any))
			}
		}
	}
	set := func(value any) func(request, answer map[string]any) {
		return each(func(item, _ map[string]any) { item["cmac"] = value })
	}
	tag := base64.StdEncoding.EncodeToString(make([]byte, 16))
	for name, change := range map[string]func(request, answer map[string]any){
		// The fault of Vault Enterprise 1.17.0 and 1.17.1.
		"input and CMAC": each(func(item, input map[string]any) {
			message, _ := base64.StdEncoding.DecodeString(input["input"].(string))
			item["cmac"] = "vault:v1:" + base64.StdEncoding.EncodeToString(append(message, make([]byte, 16)...))
		}),
		"another version": set("vault:v2:" + tag),
		"no version":      set(tag),
		"cut tag":         set("vault:v1:" + base64.StdEncoding.EncodeToString(make([]byte, 15))),
		"empty tag":       set("vault:v1:"),
		"not base64":      set("vault:v1:????"),
		"loose base64":    set("vault:v1:AAAAAAAAAAAAAAAAAAAAAB=="),
		"no tag":          set(nil),
		"a number":        set(7),
		"one too few": func(_, answer map[string]any) {
			answer["data"].(map[string]any)["batch_results"] = results(answer)[1:]
		},
		"one too many": func(_, answer map[string]any) {
			answer["data"].(map[string]any)["batch_results"] = append(results(answer), results(answer)[0])
		},
		"foreign reference": each(func(item, _ map[string]any) { item["reference"] = "7" }),
		"no data":           func(_, answer map[string]any) { delete(answer, "data") },
		"item error":        each(func(item, _ map[string]any) { item["error"] = "something new" }),
	} {
		t.Run(name, func(t *testing.T) {
			v := startVault(t, hsmsim.Enterprise)
			c := newCustody(t, v, transitcmac.Options{})
			m := mustCreate(t, c, "staff-doors")
			v.alter(change)
			keys, err := c.Derive(t.Context(), m, []an10922.M{newInput(t), newInput(t)})
			if keys != nil || !errors.Is(err, custody.ErrWrongAnswer) {
				t.Errorf("Derive: %d keys, error %v, want ErrWrongAnswer", len(keys), err)
			}
			if kcv, err := c.KCV(t.Context(), m); kcv != (an10922.KCV{}) || !errors.Is(err, custody.ErrWrongAnswer) {
				t.Errorf("KCV: %v, error %v, want ErrWrongAnswer", kcv, err)
			}
			if err := c.Check(t.Context()); !errors.Is(err, custody.ErrWrongAnswer) {
				t.Errorf("Check: %v, want ErrWrongAnswer", err)
			}
		})
	}
}

// TestSelfTest has Vault answer with tags of the right form that are not
// CMACs of the messages.
func TestSelfTest(t *testing.T) {
	for name, change := range map[string]func(request, answer map[string]any){
		"one tag for all": func(_, answer map[string]any) {
			for _, r := range results(answer) {
				r.(map[string]any)["cmac"] = results(answer)[0].(map[string]any)["cmac"]
			}
		},
		"swapped": func(_, answer map[string]any) {
			list := results(answer)
			a, b := list[0].(map[string]any), list[1].(map[string]any)
			a["cmac"], b["cmac"] = b["cmac"], a["cmac"]
		},
		"not repeatable": func(_, answer map[string]any) {
			list := results(answer)
			list[2].(map[string]any)["cmac"] = list[1].(map[string]any)["cmac"]
		},
		"own invention": func(_, answer map[string]any) {
			for i, r := range results(answer) {
				invented := bytes.Repeat([]byte{byte(i % 2)}, 16)
				r.(map[string]any)["cmac"] = "vault:v1:" + base64.StdEncoding.EncodeToString(invented)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := startVault(t, hsmsim.Enterprise)
			c := newCustody(t, v, transitcmac.Options{})
			v.alter(change)
			if err := c.Check(t.Context()); !errors.Is(err, custody.ErrWrongAnswer) {
				t.Errorf("error %v, want ErrWrongAnswer", err)
			}
		})
	}
}

// TestVerifyAcceptsAll: a Vault that confirms every tag confirms nothing.
func TestVerifyAcceptsAll(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	c := newCustody(t, v, transitcmac.Options{})
	honest := v.calls.next
	v.calls.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/verify/") {
			_, _ = io.WriteString(w, `{"data":{"valid":true}}`)
			return
		}
		honest.ServeHTTP(w, r)
	})
	if err := c.Check(t.Context()); !errors.Is(err, custody.ErrWrongAnswer) {
		t.Errorf("error %v, want ErrWrongAnswer", err)
	}
}

// TestErrorPage: a proxy's page is no answer, and its text is not repeated.
func TestErrorPage(t *testing.T) {
	for _, status := range []int{200, 500} {
		v := startVault(t, hsmsim.Enterprise)
		c := newCustody(t, v, transitcmac.Options{})
		v.calls.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>secret page</html>")
		})
		err := c.Check(t.Context())
		if err == nil || strings.Contains(err.Error(), "secret page") {
			t.Errorf("status %d: error %v", status, err)
		}
	}
}

// TestRequests: a batch is one request that names its key version, and every
// input begins with the constant of AN10922.
func TestRequests(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	c := newCustody(t, v, transitcmac.Options{})
	mustCreate(t, c, "staff-doors")
	m, err := c.Rotate(t.Context(), "staff-doors", 2)
	if err != nil {
		t.Fatal(err)
	}
	var requests []map[string]any
	v.alter(func(request, _ map[string]any) { requests = append(requests, request) })
	inputs := []an10922.M{newInput(t), newInput(t), newInput(t)}
	if _, err := c.Derive(t.Context(), m, inputs); err != nil {
		t.Fatal(err)
	}
	if len(requests) != 1 || requests[0]["key_version"] != 2.0 || len(requests[0]["batch_input"].([]any)) != 3 {
		t.Fatalf("requests %v", requests)
	}
	for i, item := range requests[0]["batch_input"].([]any) {
		sent, err := base64.StdEncoding.DecodeString(item.(map[string]any)["input"].(string))
		if err != nil || !bytes.Equal(sent, append([]byte{1}, inputs[i].Bytes()...)) {
			t.Errorf("input %d was sent as %x (error %v)", i, sent, err)
		}
	}
}

// TestRotateOnce loses the answer of a rotation that took place. Exactly one
// request was made, and a second rotation names the version it made itself.
func TestRotateOnce(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	c := newCustody(t, v, transitcmac.Options{})
	mustCreate(t, c, "staff-doors")
	honest := v.calls.next
	v.calls.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/rotate") {
			honest.ServeHTTP(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		honest.ServeHTTP(w, r)
	})
	if _, err := c.Rotate(t.Context(), "staff-doors", 2); !errors.Is(err, custody.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
	v.calls.next = honest
	rotations := slices.DeleteFunc(v.calls.all(), func(path string) bool { return !strings.HasSuffix(path, "/rotate") })
	if len(rotations) != 1 {
		t.Errorf("%d rotations were sent, want 1", len(rotations))
	}
	m, err := c.Rotate(t.Context(), "staff-doors", 2)
	if err != nil || m.KeyVersion != 3 {
		t.Errorf("master %+v, error %v, want version 3", m, err)
	}
}

// TestRotateRace has another program rotate the key at the same time.
func TestRotateRace(t *testing.T) {
	v := startVault(t, hsmsim.Enterprise)
	c := newCustody(t, v, transitcmac.Options{})
	mustCreate(t, c, "staff-doors")
	honest := v.calls.next
	v.calls.next = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/rotate") {
			honest.ServeHTTP(httptest.NewRecorder(), r.Clone(r.Context()))
		}
		honest.ServeHTTP(w, r)
	})
	if m, err := c.Rotate(t.Context(), "staff-doors", 2); !errors.Is(err, custody.ErrUnavailable) || !strings.Contains(err.Error(), "rotate again") {
		t.Errorf("master %+v, error %v, want a refusal to name a version", m, err)
	}
}
