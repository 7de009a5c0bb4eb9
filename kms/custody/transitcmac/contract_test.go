package transitcmac_test

import (
	"crypto/rand"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/hashicorp/vault/api"

	hsmsim "badgekms/hsm-sim"
	"badgekms/kms/custody"
	"badgekms/kms/custody/custodytest"
	"badgekms/kms/custody/transitcmac"
	"badgekms/reader/key"
)

// vault is a simulated Vault over TLS, with the official client.
type vault struct {
	sim    *hsmsim.Server
	server *httptest.Server
	client *api.Client
	random *scripted
	calls  *recorder
}

// recorder counts the requests that reach the simulator.
type recorder struct {
	mu    sync.Mutex
	paths []string
	next  http.Handler
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	r.paths = append(r.paths, q.Method+" "+q.URL.Path)
	r.mu.Unlock()
	r.next.ServeHTTP(w, q)
}

func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.paths...)
}

// scripted is crypto/rand, save that a planted key is the next 16 bytes drawn.
type scripted struct {
	mu    sync.Mutex
	plant []byte
}

func (s *scripted) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.plant) > 0 && len(b) == len(s.plant) {
		n := copy(b, s.plant)
		s.plant = nil
		return n, nil
	}
	return io.ReadFull(rand.Reader, b)
}

func (s *scripted) next(k key.AES128) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw := k.Reveal()
	s.plant = raw[:]
}

func (s *scripted) used() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plant == nil
}

func startVault(t testing.TB, edition hsmsim.Edition) *vault {
	t.Helper()
	v := &vault{random: new(scripted)}
	sim, token, err := hsmsim.Open(hsmsim.Options{Edition: edition, Rand: v.random})
	if err != nil {
		t.Fatal(err)
	}
	v.sim = sim
	t.Cleanup(func() { _ = sim.Close() })
	v.calls = &recorder{next: sim.Handler()}
	v.server = httptest.NewUnstartedServer(v.calls)
	v.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	v.server.StartTLS()
	t.Cleanup(v.server.Close)
	v.client = newClient(t, v.server, token)
	return v
}

// newClient sets what a developer's VAULT_* variables could have set.
func newClient(t testing.TB, server *httptest.Server, token string) *api.Client {
	t.Helper()
	config := &api.Config{Address: server.URL, HttpClient: server.Client()}
	client, err := api.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	client.SetToken(token)
	client.ClearNamespace()
	return client
}

func newCustody(t testing.TB, v *vault, opts transitcmac.Options) *transitcmac.Custody {
	t.Helper()
	c, err := transitcmac.New(v.client, opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestContract holds the custody to the contract over the simulator's real
// HTTP handler. The keys come from the simulator's source of randomness, the
// tags from github.com/aead/cmac on its side.
func TestContract(t *testing.T) {
	custodytest.Run(t, func(t testing.TB) custodytest.Backend {
		v := startVault(t, hsmsim.Enterprise)
		c := newCustody(t, v, transitcmac.Options{})
		return custodytest.Backend{Custody: c, Plant: v.planter(c)}
	})
}

// planter makes known masters by scripting what the simulator draws next.
func (v *vault) planter(c *transitcmac.Custody) func(testing.TB, string, int, key.AES128) custody.Master {
	made := map[string]bool{}
	return func(t testing.TB, domain string, generation int, k key.AES128) custody.Master {
		t.Helper()
		v.random.next(k)
		grow := c.CreateMaster
		if made[domain] {
			grow = c.Rotate
		}
		made[domain] = true
		m, err := grow(t.Context(), domain, generation)
		if err != nil {
			t.Fatal(err)
		}
		if !v.random.used() {
			t.Fatal("the simulator did not draw the planted key")
		}
		return m
	}
}
