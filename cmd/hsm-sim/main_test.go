package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
)

// console collects what the program says and tells when it serves.
type console struct {
	mu      sync.Mutex
	b       bytes.Buffer
	once    sync.Once
	serving chan string
}

var servingLine = regexp.MustCompile(`msg=serving url=(\S+)`)

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.b.Write(p)
	if found := servingLine.FindSubmatch(c.b.Bytes()); found != nil {
		c.once.Do(func() { c.serving <- string(found[1]) })
	}
	return len(p), nil
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.b.String()
}

// program is hsm-sim running inside the test.
type program struct {
	url     string
	console *console
	stop    context.CancelFunc
	exit    chan int
}

// launch runs hsm-sim until the test or stop ends it.
func launch(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &program{console: &console{serving: make(chan string, 1)}, stop: cancel, exit: make(chan int, 1)}
	go func() {
		p.exit <- run(ctx, append([]string{"--listen", "127.0.0.1:0"}, args...), io.Discard, p.console)
	}()
	select {
	case p.url = <-p.console.serving:
	case code := <-p.exit:
		t.Fatalf("exit %d: %s", code, p.console)
	}
	return p
}

// end stops the program as a signal does.
func (p *program) end(t *testing.T) {
	t.Helper()
	p.stop()
	if code := <-p.exit; code != 0 {
		t.Fatalf("exit %d: %s", code, p.console)
	}
}

func client(t *testing.T, url, token, caFile string) *api.Client {
	t.Helper()
	config := api.DefaultConfig()
	config.Address = url
	config.MaxRetries = 0
	if caFile != "" {
		if err := config.ConfigureTLS(&api.TLSConfig{CACert: caFile}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := api.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	c.SetToken(token)
	c.ClearNamespace()
	return c
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A script's view: files appear, keys survive the restart, nothing secret is
// said.
func TestKeysSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	passphrase := write(t, file("pass"), "correct horse\r\nsecond line\n")
	args := []string{"--state", file("state"), "--passphrase-file", passphrase, "--address-file", file("addr")}

	first := launch(t, append(args, "--root-token-file", file("token"))...)
	if got := read(t, file("addr")); got != first.url {
		t.Errorf("address file says %q, log says %q", got, first.url)
	}
	token := read(t, file("token"))
	vault := client(t, first.url, token, "")
	if _, err := vault.Logical().Write("transit/keys/k", map[string]any{"type": "aes128-cmac"}); err != nil {
		t.Fatal(err)
	}
	input := map[string]any{"input": "AA=="}
	want, err := vault.Logical().Write("transit/cmac/k", input)
	if err != nil {
		t.Fatal(err)
	}
	first.end(t)
	if _, err := os.Stat(file("addr")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the address file outlives the server")
	}
	if !strings.Contains(first.console.String(), "SIMULATOR, NOT AN HSM") {
		t.Errorf("no banner: %s", first.console)
	}
	for _, secret := range []string{token, "correct horse"} {
		if strings.Contains(first.console.String(), secret) {
			t.Errorf("the console shows %q", secret)
		}
	}

	second := launch(t, args...)
	got, err := client(t, second.url, token, "").Logical().Write("transit/cmac/k", input)
	if err != nil || got.Data["cmac"] != want.Data["cmac"] {
		t.Errorf("after restart %v, %v, want %v", got, err, want)
	}
	second.end(t)
}

func TestServesHTTPS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := selfSigned(t, dir)
	tokenFile := filepath.Join(dir, "token")
	p := launch(t, "--tls-cert", certFile, "--tls-key", keyFile, "--root-token-file", tokenFile, "--edition", "community")
	if !strings.HasPrefix(p.url, "https://") {
		t.Errorf("url %q", p.url)
	}
	health, err := client(t, p.url, read(t, tokenFile), certFile).Sys().Health()
	if err != nil || health.Enterprise {
		t.Errorf("health %+v, %v", health, err)
	}
	p.end(t)
}

// selfSigned makes a certificate for 127.0.0.1.
func selfSigned(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile = write(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	keyFile = write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return certFile, keyFile
}

func TestRefusedCommandLines(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	token := file("token")
	passphrase := write(t, file("pass"), "p\n")
	empty := write(t, file("empty"), "\n")
	notAState := write(t, file("other"), strings.Repeat("x", 200))
	tests := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no token file", nil, 2, "--root-token-file is needed"},
		{"no token file for a new state", []string{"--state", file("new"), "--passphrase-file", passphrase}, 2,
			"does not exist yet, so a root token is created"},
		{"open to the network", []string{"--listen", "0.0.0.0:0", "--root-token-file", token}, 2, "not a loopback address"},
		{"all interfaces", []string{"--listen", ":0", "--root-token-file", token}, 2, "not a loopback address"},
		{"no port", []string{"--listen", "127.0.0.1", "--root-token-file", token}, 2, "want HOST:PORT"},
		{"half of TLS", []string{"--tls-cert", "c", "--root-token-file", token}, 2, "belong together"},
		{"missing certificate", []string{"--tls-cert", file("c"), "--tls-key", file("k"), "--root-token-file", token}, 1, "no such file"},
		{"state without passphrase", []string{"--state", file("new"), "--root-token-file", token}, 2, "--state needs --passphrase-file"},
		{"passphrase without state", []string{"--passphrase-file", passphrase, "--root-token-file", token}, 2, "without --state"},
		{"empty passphrase", []string{"--state", file("new"), "--passphrase-file", empty, "--root-token-file", token}, 2,
			"first line is empty"},
		{"not a state file", []string{"--state", notAState, "--passphrase-file", passphrase}, 1, "damaged state file"},
		{"edition", []string{"--edition", "oss", "--root-token-file", token}, 2, "use enterprise or community"},
		{"unknown flag", []string{"--port", "1"}, 2, "unknown flag: --port"},
		{"argument", []string{"serve"}, 2, `unexpected argument "serve"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stderr bytes.Buffer
			args := append([]string{"--listen", "127.0.0.1:0"}, test.args...)
			if code := run(t.Context(), args, io.Discard, &stderr); code != test.code || !strings.Contains(stderr.String(), test.says) {
				t.Errorf("exit %d, want %d saying %q:\n%s", code, test.code, test.says, &stderr)
			}
		})
	}
	for _, name := range []string{token, file("new")} {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a refused start made %s", name)
		}
	}
}

func TestHelpSaysWhatItIs(t *testing.T) {
	var stdout bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, &stdout, io.Discard); code != 0 {
		t.Errorf("exit %d", code)
	}
	for _, said := range []string{"SIMULATOR, NOT AN HSM", "--state FILE", "--edition EDITION", "VAULT_ADDR"} {
		if !strings.Contains(stdout.String(), said) {
			t.Errorf("--help does not say %q", said)
		}
	}
}
