package e2e_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"badgekms/reader/cardsim"
)

// hospital is one establishment: a simulated Vault, a CA with certificates,
// and a KMS with its key domains.
type hospital struct {
	t   *testing.T
	dir string

	vault   *process
	kms     *process
	url     string // of the Vault
	address string // of the KMS

	terminal, station, officer identity
	field                      *field // nil without readers
}

// identity is a certificate with its key, and the CA of the other side.
type identity struct{ cert, key, ca string }

const trustDomain = "badges.hopital.test"

// quick skips the tests of this package in the inner loop (make check).
func quick(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs all programs")
	}
}

// newHospital sets up everything as its administrators would, by the commands
// of the README.
func newHospital(t *testing.T) *hospital {
	t.Helper()
	quick(t)
	h := &hospital{t: t, dir: t.TempDir()}
	h.write("passphrase", "correct horse battery staple\n")
	h.startVault("127.0.0.1:0")
	h.terminal, h.station, h.officer = h.certificates()
	h.configure()
	h.runKMS("init").ends(exitDone)
	h.startKMS()
	created := h.kmsctl(h.officer, "domain", "create", "--profile-domains", "--json").ends(exitDone)
	if n := strings.Count(created.stdout.String(), "\n"); n < 2 {
		t.Fatalf("%d domains were created", n)
	}
	return h
}

func (h *hospital) path(name string) string { return filepath.Join(h.dir, name) }

func (h *hospital) write(name, content string) {
	h.t.Helper()
	if err := os.WriteFile(h.path(name), []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// forget removes the address file of a server that was killed: whoever waits
// for the new one must not read the old.
func (h *hospital) forget(name string) {
	h.t.Helper()
	if err := os.Remove(h.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.t.Fatal(err)
	}
}

// startVault starts the simulated Vault, with the keys that it has by now.
func (h *hospital) startVault(listen string) {
	h.t.Helper()
	h.forget("vault.address")
	h.vault = start(h.t, nil, "hsm-sim", "--listen", listen, "--address-file", h.path("vault.address"),
		"--root-token-file", h.path("vault.token"), "--state", h.path("vault.state"), "--passphrase-file", h.path("passphrase"))
	h.url = h.vault.publishes(h.path("vault.address"))
}

// certificates makes the CA and one certificate for each peer.
func (h *hospital) certificates() (terminal, station, officer identity) {
	h.t.Helper()
	h.authority("ca", trustDomain)
	h.issue("ca", "kms", "kms-1", "--host", "127.0.0.1")
	return h.issue("ca", "terminal", "main-door"), h.issue("ca", "station", "badge-office"), h.issue("ca", "officer", "security")
}

// authority makes a CA in its own folder.
func (h *hospital) authority(dir, domain string) {
	h.t.Helper()
	start(h.t, nil, "kmsctl", "pki", "init", "--dir", h.path(dir), "--trust-domain", domain).ends(exitDone)
}

// issue makes a certificate of a CA; the files are where the program says.
func (h *hospital) issue(ca, role, name string, more ...string) identity {
	h.t.Helper()
	args := append([]string{"pki", "issue", "--dir", h.path(ca), "--role", role, "--name", name, "--out", h.path(ca + "-certs")}, more...)
	p := start(h.t, nil, "kmsctl", args...).ends(exitDone)
	files := strings.Fields(p.stdout.String())
	if len(files) != 2 {
		h.t.Fatalf("kmsctl pki issue printed %q, want two files", p.stdout)
	}
	return identity{cert: files[0], key: files[1], ca: filepath.Join(h.path(ca), "ca.crt")}
}

// configure writes the KMS's configuration file. The Vault's address and the
// instance come from the environment, see kmsEnv.
func (h *hospital) configure() {
	h.t.Helper()
	point, err := cardsim.OriginalityKey().Bytes()
	if err != nil {
		h.t.Fatal(err)
	}
	h.write("cards.hex", hex.EncodeToString(point)+"\n")
	if err := os.Mkdir(h.path("state"), 0o700); err != nil {
		h.t.Fatal(err)
	}
	h.write("kms.yaml", fmt.Sprintf(`listen: 127.0.0.1:0
tls:
  cert: %[1]s/ca-certs/kms-kms-1.crt
  key: %[1]s/ca-certs/kms-kms-1.key
  client_ca: %[1]s/ca/ca.crt
  trust_domain: %[2]s
state_dir: %[1]s/state
establishment:
  name: Hôpital d'essai
  system_id: "750712184"
cards:
  test_key_file: %[1]s/cards.hex
custody:
  token_file: %[1]s/vault.token
  timeout: 500ms
log:
  level: debug
`, h.dir, trustDomain))
}

func (h *hospital) kmsEnv() []string {
	return []string{"BADGEKMS_CONFIG=" + h.path("kms.yaml"), "VAULT_ADDR=" + h.url, "BADGEKMS_INSTANCE=kms-e2e"}
}

// runKMS runs a command of program kms.
func (h *hospital) runKMS(args ...string) *process {
	h.t.Helper()
	return start(h.t, h.kmsEnv(), "kms", args...)
}

func (h *hospital) startKMS() {
	h.t.Helper()
	h.forget("kms.address")
	h.kms = h.runKMS("serve", "--address-file", h.path("kms.address"))
	h.address = h.kms.publishes(h.path("kms.address"))
}

// killKMS ends the KMS as a crash of the machine would. Its address file stays
// behind.
func (h *hospital) killKMS() {
	h.t.Helper()
	h.kms.signal(syscall.SIGKILL)
	h.kms.ends(-1)
}

// env tells a program at a reader who it is and where the KMS is.
func (h *hospital) env(who identity) []string {
	env := []string{"BADGEKMS_KMS=" + h.address, "BADGEKMS_CERT=" + who.cert, "BADGEKMS_KEY=" + who.key,
		"BADGEKMS_CA=" + who.ca, "BADGEKMS_LANG=en"}
	if h.field != nil {
		env = append(env, h.field.daemon.Env()...)
	}
	return env
}

// kmsctl runs an officer's command.
func (h *hospital) kmsctl(who identity, args ...string) *process {
	h.t.Helper()
	return start(h.t, h.env(who), "kmsctl", args...)
}

// enroll runs a command of the badge office.
func (h *hospital) enroll(args ...string) *process {
	h.t.Helper()
	return start(h.t, h.env(h.station), "enroll", append(args, "--json")...)
}
