package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"badgekms/kms/an10922"
	"badgekms/kms/keyring"
	"badgekms/kms/profile"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/key"
)

// TestNoSecretLeaves: nothing that the story prints, logs at its most verbose,
// stores or exports contains a secret that was used in it, or what a command
// that writes keys carried.
func TestNoSecretLeaves(t *testing.T) {
	c := capture(t)
	checkNarration(t, c.told)
	secrets := c.secrets(t)
	outputs := c.outputs(t)
	for _, place := range []string{"narration", "audit export", "demo.log", "badgekms.db", "while running: badgekms.db-wal"} {
		if len(outputs[place]) == 0 {
			t.Errorf("%s is empty: nothing is searched there", place)
		}
	}
	for _, found := range search(outputs, secrets) {
		t.Error(found)
	}
	t.Logf("%d secrets in %d outputs, %d forms each", len(secrets), len(outputs), len(secrets[0].forms()))
}

// TestSearchFindsPlantedSecrets: the search of TestNoSecretLeaves can fail. A
// secret of each kind is planted in the story's own log, as a careless program
// would log it, in every form.
func TestSearchFindsPlantedSecrets(t *testing.T) {
	c := capture(t)
	planted := map[string]secret{}
	for _, s := range c.secrets(t) {
		kind, _, _ := strings.Cut(s.name, " ")
		planted[kind] = s
	}
	log := filepath.Join(c.dir, "demo.log")
	clean, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for kind, s := range planted {
		for form, text := range map[string]string{
			"raw":                       string(s.bytes),
			"hex":                       fmt.Sprintf("%x", s.bytes),
			"HEX":                       fmt.Sprintf("%X", s.bytes),
			"hex, spaced":               fmt.Sprintf("% x", s.bytes),
			"HEX, spaced":               fmt.Sprintf("% X", s.bytes),
			"decimal (%v)":              fmt.Sprintf("%v", s.bytes),
			"quoted (%q)":               fmt.Sprintf("%q", s.bytes),
			"base64, 0 bytes before":    base64.StdEncoding.EncodeToString(s.bytes),
			"base64, 1 bytes before":    base64.StdEncoding.EncodeToString([]byte("x" + string(s.bytes) + "yz")),
			"base64, 2 bytes before":    base64.RawStdEncoding.EncodeToString([]byte("abcde" + string(s.bytes))),
			"base64url, 0 bytes before": base64.RawURLEncoding.EncodeToString(s.bytes),
			"base64url, 1 bytes before": base64.URLEncoding.EncodeToString([]byte("wxyz" + string(s.bytes))),
			"base64url, 2 bytes before": base64.URLEncoding.EncodeToString([]byte("wx" + string(s.bytes) + "z")),
		} {
			if err := os.WriteFile(log, fmt.Appendf(clean[:len(clean):len(clean)], "level=DEBUG msg=careless value=%s\n", text), 0o600); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("demo.log: %s as %s", s.name, form)
			if found := strings.Join(search(c.outputs(t), []secret{s}), "\n"); !strings.Contains(found, want) {
				t.Errorf("a planted %s was not found as %s, only %q", kind, form, found)
			}
		}
	}
	if len(planted) < 8 {
		t.Errorf("only %d kinds of secret were planted", len(planted))
	}
}

// secrets lists every secret of the run. The first word of a name is its kind.
func (c captured) secrets(t *testing.T) []secret {
	t.Helper()
	masters := c.masters(t)
	daughters := c.daughters(t, masters)
	all := []secret{{"token of Vault's root", []byte(c.rootToken)}}
	for domain, m := range masters {
		all = append(all, secret{"master of " + domain, m})
	}
	for _, d := range daughters {
		all = append(all, d.secret())
	}
	all = append(all, c.sessionKeys(t, daughters)...)
	all = append(all, c.keyWritingBodies(t)...)
	all = append(all, c.signingKey(t))
	return append(all, c.privateKeys(t)...)
}

// masters finds, for each domain, the key that the Vault drew for it: the
// check value, which everybody may see, tells which.
func (c captured) masters(t *testing.T) map[string][]byte {
	t.Helper()
	masters := map[string][]byte{}
	for _, d := range c.domains {
		for _, drawn := range c.drawn {
			if len(drawn) == key.Size && string(checkValue(t, drawn)) == string(d.GetGenerations()[0].GetKcv()) {
				masters[d.GetName()] = drawn
			}
		}
	}
	if len(masters) == 0 || len(masters) != len(c.domains) {
		t.Fatalf("%d masters known of %d domains", len(masters), len(c.domains))
	}
	return masters
}

func checkValue(t *testing.T, b []byte) []byte {
	t.Helper()
	kcv := an10922.CheckValue(newKey(t, b))
	return kcv[:]
}

func newKey(t *testing.T, b []byte) key.AES128 {
	t.Helper()
	k, err := key.NewAES128(b)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// daughter is one key of one card.
type daughter struct {
	name string
	uid  string
	key  []byte
	// birth: the default key of the card under which our application was made.
	birth bool
}

func (d daughter) secret() secret { return secret{d.name, d.key} }

// daughters derives all keys of all badges from the masters. Each key of a
// slot is held to the check value that the story told of it.
func (c captured) daughters(t *testing.T, masters map[string][]byte) []daughter {
	t.Helper()
	var all []daughter
	for _, b := range c.badges {
		for _, s := range b.GetSlots() {
			name := fmt.Sprintf("daughter of %s, AID %X, slot %d", b.GetHolderId(), s.GetAid(), s.GetNumber())
			d := daughter{name: name, uid: string(b.GetUid()), key: derive(t, masters, b, s, byte(s.GetNumber()))}
			if kcv := fmt.Sprintf(" %X", checkValue(t, d.key)); !strings.Contains(c.told, kcv) {
				t.Errorf("%s: the story does not tell its check value%s", name, kcv)
			}
			all = append(all, d)
			if profile.AID(s.GetAid()) == profile.PICC {
				all = append(all, daughter{
					name: "default key of the card of " + b.GetHolderId(), uid: d.uid, birth: true,
					key: derive(t, masters, b, s, keyring.CardDefaultSlot),
				})
			}
		}
	}
	if want := 3 * (8 + 1 + 1); len(all) != want {
		t.Fatalf("%d daughter keys, want %d: 8 slots, the card's key and its default key, three times", len(all), want)
	}
	return all
}

func derive(t *testing.T, masters map[string][]byte, b *badgekmsv1.Badge, s *badgekmsv1.Slot, slot byte) []byte {
	t.Helper()
	m, err := profile.Default().Format(s.GetDomain()).M(profile.Input{
		UID: b.GetUid(), AID: profile.AID(s.GetAid()), Slot: slot, Issue: uint16(s.GetIssue()), SystemID: systemID,
	})
	if err != nil {
		t.Fatal(err)
	}
	k, err := an10922.NewMaster(newKey(t, masters[s.GetDomain()])).Derive(m)
	if err != nil {
		t.Fatal(err)
	}
	revealed := k.Reveal()
	return revealed[:]
}

// Commands that carry keys (DESFire command codes): ChangeKey, ChangeKeyEV2,
// SetConfiguration.
const insChangeKey, insChangeKeyEV2, insSetConfiguration = 0xC4, 0xC6, 0x5C

// keyWritingBodies are the data fields of all commands that write keys, and
// the first block of each cryptogram, 1 byte behind the start.
func (c captured) keyWritingBodies(t *testing.T) []secret {
	t.Helper()
	var all []secret
	changes, configurations := 0, 0
	for _, recorded := range c.tapes {
		for _, x := range recorded.exchanges {
			switch ins := x.apdu[1]; ins {
			case insChangeKey, insChangeKeyEV2:
				changes++
			case insSetConfiguration:
				configurations++
			default:
				continue
			}
			data := x.apdu[5 : len(x.apdu)-1] // CLA INS P1 P2 Lc data Le
			name := fmt.Sprintf("APDU number %d, INS %02X", len(all)/2, x.apdu[1])
			all = append(all, secret{name, data}, secret{name + ", first block", data[1:17]})
		}
	}
	// A badge is written with 1 + 8 keys, and one default key that is reset.
	if changes < 3*9 || configurations < 3*2 {
		t.Fatalf("%d key changes and %d configurations were recorded: too few", changes, configurations)
	}
	return all
}

// privateKeys are those of the CA and of all certificates: the number itself,
// the whole structure, and the lines of the file that hold the number.
func (c captured) privateKeys(t *testing.T) []secret {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(c.dir, "certs", "*.key"))
	if err != nil || len(paths) < 4 {
		t.Fatalf("%d private keys: %v", len(paths), err)
	}
	var all []secret
	for _, path := range append(paths, filepath.Join(c.dir, "ca", "ca.key")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, privateKey(t, filepath.Base(path), text)...)
	}
	return all
}

// pemLine is how many bytes one line of PEM holds (RFC 7468 §2: 64 characters).
const pemLine = 48

func privateKey(t *testing.T, name string, text []byte) []secret {
	t.Helper()
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s is not PEM", name)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := parsed.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	all := []secret{{"scalar of " + name, scalar}, {"DER of " + name, block.Bytes}}
	// What follows the number is the public key, which certificates show too.
	begin := bytes.Index(block.Bytes, scalar)
	lines := strings.Split(string(text), "\n")[1:]
	for n := begin / pemLine; n <= (begin+len(scalar)-1)/pemLine; n++ {
		all = append(all, secret{fmt.Sprintf("PEM of %s, line %d", name, n+1), []byte(lines[n])})
	}
	return all
}

// signingKey is the seed of the key that signs the audit log: the last field
// of the file is base64 of an algorithm byte and 32 bytes
// (golang.org/x/mod/sumdb/note: PRIVATE+KEY+name+hash+key).
func (c captured) signingKey(t *testing.T) secret {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "audit.key"))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.SplitN(strings.TrimSpace(string(text)), "+", 5)
	decoded, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
	if err != nil || len(decoded) != 33 {
		t.Fatalf("audit.key: %d bytes, %v", len(decoded), err)
	}
	return secret{"seed of the audit log's key", decoded[1:]}
}
