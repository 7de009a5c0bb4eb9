package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func noEnv(string) string { return "" }

// minimal sets what has no default.
const minimal = `
tls: {cert: a.crt, key: a.key, client_ca: ca.crt, trust_domain: badges.example}
establishment: {name: CHU, system_id: 012345678}
custody: {address: "https://vault:8200", token_file: token}
`

func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kms.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExample(t *testing.T) {
	got, err := Load("example.yaml", noEnv, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Listen: "127.0.0.1:7443",
		TLS: TLS{
			Cert: "/etc/badgekms/tls/kms-kms1.crt", Key: "/etc/badgekms/tls/kms-kms1.key",
			ClientCA: "/etc/badgekms/tls/ca.crt", TrustDomain: "badges.chu-example.fr",
		},
		StateDir:      "/var/lib/badgekms",
		Instance:      "kms-1",
		Cards:         Cards{Originality: OriginalityRequire},
		Establishment: Establishment{Name: "CHU Exemple", SystemID: "750712184"},
		Custody: Custody{
			Mode: TransitCMAC, Address: "https://vault.chu-example.fr:8200", Mount: "transit", KeyPrefix: "badgekms-",
			TokenFile: "/run/credentials/badgekms/vault-token", Timeout: 2 * time.Second,
		},
		Limits: Limits{Terminal: 10 * time.Second, Station: time.Minute, Silence: 2 * time.Second},
		Log:    Log{Level: slog.LevelInfo, Format: LogText},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if path := got.DatabasePath(); path != filepath.Join("/var/lib/badgekms", "badgekms.db") {
		t.Errorf("database %s", path)
	}
}

// The example names every setting, and is still whole when the lines that are
// commented out are not.
func TestExampleNamesEverySetting(t *testing.T) {
	full := regexp.MustCompile(`(?m)^( *)# ([a-z_]+: )`).ReplaceAllString(string(Example), "$1$2")
	entries, problems := parseFile([]byte(full))
	if len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
	for _, s := range Settings() {
		if _, ok := entries[s.Path]; !ok {
			t.Errorf("%s is not in the example", s.Path)
		}
	}
	if _, err := Load(write(t, full), noEnv, nil); err != nil {
		t.Error(err)
	}
}

func TestDefaults(t *testing.T) {
	got, err := Load(write(t, minimal), noEnv, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Listen != "127.0.0.1:7443" || got.StateDir != "/var/lib/badgekms" || got.Profile != "" || got.Reflection ||
		got.Limits != (Limits{10 * time.Second, time.Minute, 2 * time.Second}) || got.Custody.Mode != TransitCMAC {
		t.Errorf("got %+v", got)
	}
	if got.Establishment.SystemID != "012345678" {
		t.Errorf("the leading zero of the FINESS number is lost: %q", got.Establishment.SystemID)
	}
}

func TestPrecedence(t *testing.T) {
	file := write(t, minimal+"log: {level: warn}\nlisten: 127.0.0.1:1\n")
	for _, c := range []struct {
		name      string
		env       map[string]string
		overrides map[string]string
		address   string
		listen    string
	}{
		{"file", nil, nil, "https://vault:8200", "127.0.0.1:1"},
		{"Vault's variable over file", map[string]string{"VAULT_ADDR": "https://v2:1"}, nil, "https://v2:1", "127.0.0.1:1"},
		{"ours over Vault's", map[string]string{"VAULT_ADDR": "https://v2:1", "BADGEKMS_CUSTODY_ADDRESS": "https://v3:1"}, nil, "https://v3:1", "127.0.0.1:1"},
		{"environment over file", map[string]string{"BADGEKMS_LISTEN": "127.0.0.1:2"}, nil, "https://vault:8200", "127.0.0.1:2"},
		{"flag over environment", map[string]string{"BADGEKMS_LISTEN": "127.0.0.1:2"}, map[string]string{"listen": "127.0.0.1:3"}, "https://vault:8200", "127.0.0.1:3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Load(file, func(n string) string { return c.env[n] }, c.overrides)
			if err != nil {
				t.Fatal(err)
			}
			if got.Custody.Address != c.address || got.Listen != c.listen || got.Log.Level != slog.LevelWarn {
				t.Errorf("address %s, listen %s, level %v", got.Custody.Address, got.Listen, got.Log.Level)
			}
		})
	}
}

// Every setting can be set by its variable and by its flag: the wrong text
// arrives and is told with its origin, or the right one is taken.
func TestEverySettingFromEverySource(t *testing.T) {
	flags := map[string]bool{}
	for _, s := range Settings() {
		if flags[s.Flag()] || s.Help == "" || !regexp.MustCompile(`^[a-z-]+$`).MatchString(s.Flag()) {
			t.Errorf("%s: flag %q, help %q", s.Path, s.Flag(), s.Help)
		}
		flags[s.Flag()] = true
		if got := arrives(t, s, func(n string) string { return map[string]string{s.Env(): odd}[n] }, nil); !got {
			t.Errorf("%s does not arrive from %s", s.Path, s.Env())
		}
		if got := arrives(t, s, noEnv, map[string]string{s.Path: odd}); !got {
			t.Errorf("%s does not arrive from --%s", s.Path, s.Flag())
		}
	}
}

// odd is a text that is wrong wherever there is a rule.
const odd = "odd/%%"

// arrives tells whether odd is in the configuration, or in the problem of the
// setting.
func arrives(t *testing.T, s Setting, env func(string) string, overrides map[string]string) bool {
	t.Helper()
	c, err := Load(write(t, minimal), env, overrides)
	var e *Error
	if errors.As(err, &e) {
		return slices.ContainsFunc(e.Problems, func(p Problem) bool {
			return p.Path == s.Path && p.Value == odd || s.Path == "custody.key_file" && p.Path == "custody.cert_file"
		})
	}
	return err == nil && strings.Contains(fmt.Sprintf("%+v", *c), odd)
}

func TestProblems(t *testing.T) {
	for _, c := range []struct{ name, text, path, says string }{
		{"unknown key", minimal + "lissten: x\n", "lissten", "line 5: unknown setting"},
		{"unknown key in a section", strings.Replace(minimal, "cert:", "crt:", 1), "tls.crt", "line 2: unknown setting"},
		{"key in the wrong section", minimal + "client_ca: x\n", "client_ca", "it is tls.client_ca"},
		{"repeated key", minimal + "listen: a:1\nlisten: b:1\n", "listen", "line 6: is set on line 5 already"},
		{"repeated section", minimal + "tls: {cert: b}\n", "tls", "line 5: is set on line 2 already"},
		{"list for a value", minimal + "listen: [a]\n", "listen", "want one value"},
		{"value for a section", minimal + "limits: 10s\n", "limits", "want settings here"},
		{"no value", minimal + "listen:\n", "listen", "has no value"},
		{"alias", minimal + "database: &x a\nprofile: *x\n", "profile", "write the value out"},
		{"tag", minimal + "database: !!binary YQ==\n", "database", "type tags"},
		{"merge key", minimal + "<<: {a: b}\n", "<<", "unknown setting"},
		{"second document", minimal + "---\nlisten: a:1\n", "file", "second document"},
		{"not YAML", "listen: [", "file", "line 1"},
		{"a list", "- a\n", "file", "want settings"},
		{"duration without unit", minimal + "limits: {silence: 2}\n", "limits.silence", "500ms"},
		{"duration out of range", minimal + "limits: {station: 1h}\n", "limits.station", "between 100ms and 10m0s"},
		{"negative duration", minimal + "limits: {terminal: -1s}\n", "limits.terminal", "between"},
		{"silence longer than all", minimal + "limits: {silence: 20s}\n", "limits.silence", "shorter than"},
		{"address without port", minimal + "listen: localhost\n", "listen", "host:port"},
		{"named port", minimal + "listen: localhost:https\n", "listen", "0 to 65535"},
		{"port too high", minimal + "listen: localhost:65536\n", "listen", "0 to 65535"},
		{"level", minimal + "log: {level: verbose}\n", "log.level", "debug, info, warn or error"},
		{"level with offset", minimal + "log: {level: info+2}\n", "log.level", "debug, info, warn or error"},
		{"format", minimal + "log: {format: xml}\n", "log.format", "text or json"},
		{"boolean", minimal + "reflection: yes\n", "reflection", "true or false"},
		{"trust domain", strings.Replace(minimal, "badges.example", "Badges", 1), "tls.trust_domain", "lower-case DNS name"},
		{"short system_id", strings.Replace(minimal, "012345678", "123", 1), "establishment.system_id", "4 to 18"},
		{"custody mode", strings.Replace(minimal, "custody: {", "custody: {mode: file, ", 1), "custody.mode", "transit-cmac"},
		{"HTTP over a network", strings.Replace(minimal, "https://vault", "http://vault", 1), "custody.address", "use https"},
		{"URL with a password", strings.Replace(minimal, "https://vault", "https://u:p@vault", 1), "custody.address", "https://host:port"},
		{"no URL", strings.Replace(minimal, "https://vault:8200", "vault", 1), "custody.address", "https://host:port"},
		{"mount with slash", strings.Replace(minimal, "custody: {", "custody: {mount: /transit/, ", 1), "custody.mount", "such as transit"},
		{"empty mount", strings.Replace(minimal, "custody: {", `custody: {mount: "", `, 1), "custody.mount", "such as transit"},
		{"key prefix", strings.Replace(minimal, "custody: {", "custody: {key_prefix: a/b, ", 1), "custody.key_prefix", "letters"},
		{"certificate without key", strings.Replace(minimal, "custody: {", "custody: {cert_file: a, ", 1), "custody.cert_file", "go together"},
		{"timeout", strings.Replace(minimal, "custody: {", "custody: {timeout: 1ms, ", 1), "custody.timeout", "between"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.text == minimal {
				t.Fatal("the replacement found nothing")
			}
			config, err := Load(write(t, c.text), noEnv, nil)
			var e *Error
			if !errors.As(err, &e) || config != nil {
				t.Fatalf("got %v, want an *Error", err)
			}
			for _, p := range e.Problems {
				if p.Path == c.path && strings.Contains(p.String(), c.says) {
					return
				}
			}
			t.Errorf("got %v, want %s: %s", err, c.path, c.says)
		})
	}
}

func TestHTTPToThisMachine(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "127.8.8.8"} {
		_, err := Load(write(t, minimal), noEnv, map[string]string{"custody.address": "http://" + host + ":8200"})
		if err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// An administrator sees everything that is wrong at once, where it stands and
// what to write.
func TestAllProblemsAtOnce(t *testing.T) {
	path := write(t, "lissten: x\nlimits: {silence: soon}\ncustody: {address: http://vault:8200}\n")
	_, err := Load(path, func(n string) string {
		return map[string]string{"BADGEKMS_LOG_LEVEL": "loud"}[n]
	}, map[string]string{"reflection": "maybe", "no.such": "1"})
	want := `configuration ` + path + `: 13 problems
  lissten: line 1: unknown setting: remove it, or correct its name
  no.such = "1" (flag): unknown setting: remove it
  limits.silence = "soon" (line 2): not a duration: write a number and a unit, such as 500ms, 10s or 1m
  log.level = "loud" (BADGEKMS_LOG_LEVEL): unknown level: use debug, info, warn or error
  reflection = "maybe" (--reflection): use true or false
  tls.cert: missing: give the server's certificate; kmsctl pki issue --role kms makes one
  tls.key: missing: give the private key that was written with the certificate
  tls.client_ca: missing: give the CA of terminals and stations, the ca.crt of kmsctl pki init
  tls.trust_domain: not an identity of BadgeKMS: trust domain "": use a lower-case DNS name of the establishment, such as badges.chu-example.fr
  establishment.name: missing: give the name of the hospital, as people know it
  establishment.system_id: invalid system_id: 0 bytes; give 4 to 18, for example the establishment's 9-digit FINESS number
  custody.address = "http://vault:8200" (line 3): badge keys would cross the network in the clear: use https
  custody.token_file: missing: give a file with the Vault token (VAULT_TOKEN is not read: secrets come by file)`
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNoFile(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), noEnv, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is missing: %v", err)
	}
	overrides := map[string]string{
		"tls.cert": "a", "tls.key": "a", "tls.client_ca": "a", "tls.trust_domain": "a.example",
		"establishment.name": "CHU", "establishment.system_id": "hex:0102030405",
		"custody.address": "http://127.0.0.1:1", "custody.token_file": "t", "database": "x.db",
	}
	c, err := Load("", noEnv, overrides)
	if err != nil {
		t.Fatal(err)
	}
	if c.DatabasePath() != "x.db" || c.Establishment.SystemID != "\x01\x02\x03\x04\x05" {
		t.Errorf("got %+v", c)
	}
}

func TestCheck(t *testing.T) {
	c, err := Load(write(t, minimal), noEnv, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	c.TLS.Cert = ""
	var e *Error
	if err := c.Check(); !errors.As(err, &e) || len(e.Problems) != 1 || e.Problems[0].Path != "tls.cert" {
		t.Errorf("got %v", err)
	}
	if err := new(Config).Check(); !errors.As(err, &e) || len(e.Problems) < 10 {
		t.Errorf("the zero configuration: %v", err)
	}
}

// FuzzLoad: no file makes the loader panic, and what it takes passes Check.
func FuzzLoad(f *testing.F) {
	f.Add(string(Example))
	f.Add(minimal)
	f.Add("")
	f.Add("# nothing\n")
	f.Add("tls:\n  # nothing\n")
	f.Add("? [a]\n: b\n")
	f.Add("\"\": a\n")
	f.Add("? []\n?")
	f.Add("listen: &a b\ndatabase: *a\n")
	f.Add("---\n---\n")
	if len(Example) == 0 {
		f.Fatal("no example to start from")
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, problems := parseFile([]byte(text))
		for path := range entries {
			if !strings.Contains(text, path[strings.LastIndexByte(path, '.')+1:]) && !strings.Contains(text, `\`) {
				t.Errorf("%s is not in %q", path, text)
			}
		}
		for _, p := range problems {
			if p.Path == "" || p.Cure == "" {
				t.Errorf("empty problem %+v", p)
			}
		}
		c, err := Load(write(t, text), noEnv, nil)
		if (c == nil) == (err == nil) {
			t.Errorf("configuration %v with error %v", c, err)
		}
		if err == nil && c.Check() != nil {
			t.Errorf("loaded, but: %v", c.Check())
		}
	})
}
