package hsmsim

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/vault/api"
)

// cheap keeps Argon2id out of the tests' time.
var cheap = argonCost{passes: 1, memoryKiB: 8, lanes: 1}

// bench is a simulator behind a real listener, with Vault's own client.
type bench struct {
	*Server
	url    string
	token  string
	client *api.Client
	log    *syncBuffer
}

// start runs a simulator that was never there before.
func start(t *testing.T, o Options) *bench {
	t.Helper()
	log := new(syncBuffer)
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if o.cost == (argonCost{}) {
		o.cost = cheap
	}
	sim, token, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	return &bench{Server: sim, url: server.URL, token: token, client: newClient(t, server.URL, token), log: log}
}

// newClient is Vault's client without retries and without the environment.
func newClient(t *testing.T, url, token string) *api.Client {
	t.Helper()
	config := api.DefaultConfig()
	if config.Error != nil {
		t.Fatal(config.Error)
	}
	config.Address = url
	config.MaxRetries = 0
	client, err := api.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	client.SetToken(token)
	client.ClearNamespace()
	return client
}

// write is Logical().Write that must succeed.
func (b *bench) write(t *testing.T, path string, data map[string]any) *api.Secret {
	t.Helper()
	secret, err := b.client.Logical().Write(path, data)
	if err != nil {
		t.Fatalf("write %s: %v", path, err)
	}
	return secret
}

func (b *bench) createKey(t *testing.T, name, keyType string) {
	t.Helper()
	b.write(t, "transit/keys/"+name, map[string]any{"type": keyType})
}

// do sends a request without Vault's client and returns status and body.
func (b *bench) do(t *testing.T, method, path, body string, header http.Header) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// authorized is the header of a request with the root token.
func (b *bench) authorized() http.Header {
	return http.Header{"X-Vault-Token": {b.token}}
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// syncBuffer is a log that many goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// chosenKeys is a random source that gives out the keys put into it, one per
// read, and otherwise draws from crypto/rand.
type chosenKeys struct {
	mu   sync.Mutex
	next [][]byte
}

func (c *chosenKeys) put(key []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = append(c.next, key)
}

func (c *chosenKeys) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.next) > 0 && len(c.next[0]) == len(p) {
		n := copy(p, c.next[0])
		c.next = c.next[1:]
		return n, nil
	}
	return rand.Read(p)
}
