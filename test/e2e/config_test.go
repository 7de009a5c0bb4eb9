package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfiguration: what is wrong is told before anything starts, all at once
// and with where it stands.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	h := newHospital(t)
	h.runKMS("check-config").ends(exitDone)

	good := string(mustRead(t, h.path("kms.yaml")))
	for name, c := range map[string]struct {
		old, new string
		code     int
		says     []string
	}{
		"two mistakes":         {"listen: 127.0.0.1:0", "listen: nowhere\nlisten_on: here", exitUsage, []string{"listen", "nowhere", "listen_on", "2 problems"}},
		"twice":                {"log:", "listen: 127.0.0.1:1\nlog:", exitUsage, []string{"is set on line 1 already"}},
		"establishment number": {`"750712184"`, `"7"`, exitUsage, []string{"establishment.system_id", "FINESS"}},
		"no certificate":       {"kms-kms-1.crt", "missing.crt", exitFailed, []string{"missing.crt"}},
		"certificate's role":   {"kms-kms-1", "terminal-main-door", exitFailed, []string{"needs a certificate of role kms", "terminal/main-door"}},
		"no token":             {"vault.token", "no.token", exitFailed, []string{"no.token"}},
		"test key":             {"cards.hex", "passphrase", exitFailed, []string{"114 hexadecimal digits"}},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, c.old) {
				t.Fatalf("the configuration has no %q", c.old)
			}
			path := filepath.Join(t.TempDir(), "kms.yaml")
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(good, c.old, c.new)), 0o600); err != nil {
				t.Fatal(err)
			}
			start(t, h.kmsEnv(), "kms", "check-config", "--config", path).ends(c.code).mentions(c.says...)
		})
	}
	t.Run("environment", func(t *testing.T) {
		start(t, append(h.kmsEnv(), "BADGEKMS_LISTEN=nowhere"), "kms", "check-config").ends(exitUsage).mentions("BADGEKMS_LISTEN")
	})
	t.Run("flag over environment", func(t *testing.T) {
		start(t, append(h.kmsEnv(), "BADGEKMS_LISTEN=nowhere"), "kms", "check-config", "--listen", "127.0.0.1:0").ends(exitDone)
	})
}

// TestKMSFiles: init makes the files of a KMS once, and serve starts with no
// others.
func TestKMSFiles(t *testing.T) {
	t.Parallel()
	h := newHospital(t)
	signing := mustRead(t, h.path("state/audit.key"))
	h.runKMS("init").ends(exitFailed).mentions(h.path("state"))
	if !bytes.Equal(signing, mustRead(t, h.path("state/audit.key"))) {
		t.Error("a second init replaced the audit log's key")
	}
	elsewhere := t.TempDir()
	h.runKMS("serve", "--state-dir", elsewhere).ends(exitFailed).mentions("kms init")
	h.runKMS("serve", "--state-dir", h.path("state")).ends(exitFailed).mentions("badgekms.db")
	h.killKMS()
	h.runKMS("serve", "--address-file", h.path("missing/address")).ends(exitFailed).mentions("--address-file")
	h.startKMS()
}

// TestTerminalConfiguration: a terminal's settings can be checked without a
// reader and without the KMS.
func TestTerminalConfiguration(t *testing.T) {
	t.Parallel()
	h := newHospital(t)
	p := start(t, h.env(h.terminal), "terminal", "check-config", "--json").ends(exitDone)
	got := result[struct {
		Identity string `json:"identity"`
	}](p)
	if want := "spiffe://" + trustDomain + "/terminal/main-door"; got.Identity != want {
		t.Errorf("identity %s, want %s", got.Identity, want)
	}
	start(t, []string{"BADGEKMS_LANG=en"}, "terminal", "check-config").ends(exitUsage).mentions("--kms", "BADGEKMS_CERT")
	start(t, h.env(h.terminal), "terminal", "--onec").ends(exitUsage).mentions("--onec")
}

// TestCorruptCardState: a damaged state file is named and left as it is.
func TestCorruptCardState(t *testing.T) {
	t.Parallel()
	quick(t)
	path := filepath.Join(t.TempDir(), "card.json")
	const damaged = `{"badgekms_card_sim": 1, "type": "EV3"`
	if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, nil, "card-sim", "--state", path, "--vpcd", "127.0.0.1:1").ends(exitFailed).mentions(path, "move it away")
	if got := string(mustRead(t, path)); got != damaged {
		t.Errorf("the file was changed to %q", got)
	}
}
