package profile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"badgekms/kms/profile"
)

// TestDefault pins the built-in profile to DESIGN.md §7.
func TestDefault(t *testing.T) {
	p := profile.Default()
	slot := func(n byte, purpose profile.Purpose, domain string) profile.Slot {
		return profile.Slot{Number: n, Purpose: purpose, Domain: domain}
	}
	want := &profile.Profile{
		Version:     1,
		Name:        "default",
		Application: profile.Application{AID: profile.AID{0x40, 0x88, 0xF5}, KeySettings: 0x0B, KeySettings2: 0x88},
		PICC: profile.PICCLevel{
			Policy: profile.PolicyOwn, Domain: "admin", KeySettings: 0x0B,
			InitialKey: profile.InitialKey{Type: profile.InitialFactory},
		},
		Slots: []profile.Slot{
			slot(0, profile.PurposeAdmin, "admin"), slot(1, profile.PurposeOnline, "staff-doors"),
			slot(2, profile.PurposeEdge, "edge-doors"), slot(3, profile.PurposeSSO, "sso"),
			slot(4, profile.PurposeSensitiveZone, "sensitive-zone"), slot(5, profile.PurposeFileRead, "file-read"),
			slot(6, profile.PurposeSpare, "spare-1"), slot(7, profile.PurposeSpare, "spare-2"),
		},
		Files: []profile.File{
			{Number: 0, Content: profile.ContentHeader, Type: profile.FileBackup, Mode: profile.CommMAC, Rights: profile.Rights{Read: profile.AccessFree}, Size: 16},
			{Number: 1, Content: profile.ContentCredentialNumber, Type: profile.FileBackup, Mode: profile.CommFull, Rights: profile.Rights{Read: 5}, Size: 16},
		},
		Diversification: profile.Diversification{Fields: []profile.Field{"uid", "aid", "slot", "issue", "system_id"}},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("default profile (-want +got):\n%s", diff)
	}
	if w := p.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
	if n := p.Application.Keys(); n != 8 {
		t.Errorf("%d keys", n)
	}
}

func TestLookup(t *testing.T) {
	p := profile.Default()
	for purpose, number := range map[profile.Purpose]byte{
		profile.PurposeAdmin: 0, profile.PurposeOnline: 1, profile.PurposeEdge: 2, profile.PurposeFileRead: 5, profile.PurposeSpare: 6,
	} {
		if s, ok := p.Slot(purpose); !ok || s.Number != number {
			t.Errorf("%s: slot %d, found %t, want %d", purpose, s.Number, ok, number)
		}
	}
	if _, ok := p.Slot("canteen"); ok {
		t.Error("found a slot for an unknown purpose")
	}
	if _, ok := p.SlotNumber(8); ok {
		t.Error("found slot 8")
	}
	if f, ok := p.File(profile.ContentCredentialNumber); !ok || f.Number != 1 || f.Rights.Wire() != [2]byte{0x00, 0x50} {
		t.Errorf("credential number file %+v", f)
	}
	if f, ok := p.File(profile.ContentHeader); !ok || f.Rights.Wire() != [2]byte{0x00, 0xE0} {
		t.Errorf("header file %+v", f)
	}
	if p.AdminDomain() != "admin" || len(p.Domains()) != 8 || p.Domains()[1] != "staff-doors" {
		t.Errorf("domains %v", p.Domains())
	}
}

// edit replaces text in the default profile; each old text has to be there.
func edit(t testing.TB, pairs ...string) string {
	t.Helper()
	text := string(profile.DefaultYAML())
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the default profile has no %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

const (
	slot1    = "{number: 1, purpose: online-authentication, domain: staff-doors}"
	slot4    = "{number: 4, purpose: sensitive-zone, domain: sensitive-zone}"
	piccOwn  = "policy: own\n  domain: admin\n  key_settings: \"0B\"\n  initial_key:\n"
	fields   = "fields: [uid, aid, slot, issue, system_id]"
	fileRead = "rights: {read: 5, write: 0, read_write: 0, change: 0}"
)

// TestRules breaks each rule and expects the path of the field and a cure.
func TestRules(t *testing.T) {
	for _, test := range []struct {
		name  string
		edits []string
		path  string
		says  string
	}{
		{"version", []string{"version: 1", "version: 2"}, "version", "reads version 1"},
		{"no name", []string{"name: default", "name: \"\""}, "name", "1 to 64"},
		{"AID of the card", []string{`"4088F5"`, `"000000"`}, "application.aid", "the card itself"},
		{"reserved AID", []string{`"4088F5"`, `"FFFFFF"`}, "application.aid", "reserved"},
		{"PACS AID", []string{`"4088F5"`, `"F332F5"`}, "application.aid", "AN10957"},
		{"frozen master key", []string{`"0B"`, `"0A"`}, "application.key_settings", "set bit 0"},
		{"frozen settings", []string{`"0B"`, `"03"`}, "application.key_settings", "set bit 3"},
		{"frozen keys", []string{`"0B"`, `"FB"`}, "application.key_settings", "first digit 0"},
		{"free file creation", []string{`"0B"`, `"0F"`}, "application.key_settings", "clear bit 2"},
		{"DES keys", []string{`"88"`, `"08"`}, "application.key_settings_2", "only AES"},
		{"3K3DES keys", []string{`"88"`, `"48"`}, "application.key_settings_2", "only AES"},
		{"key sets", []string{`"88"`, `"98"`}, "application.key_settings_2", "key sets"},
		{"no keys", []string{`"88"`, `"80"`}, "application.key_settings_2", "1 to 14"},
		{"unmapped slot", []string{`"88"`, `"89"`}, "slots", "slot 8 is not described"},
		{"slot beyond keys", []string{`"88"`, `"87"`}, "slots[7].number", "keys 0 to 6"},
		{"slot twice", []string{slot4, "{number: 3, purpose: sensitive-zone, domain: sensitive-zone}"}, "slots[4].number", "slots[3] already"},
		{"unknown purpose", []string{slot4, "{number: 4, purpose: canteen, domain: canteen}"}, "slots[4].purpose", "canteen"},
		{"purpose twice", []string{slot4, "{number: 4, purpose: sso, domain: sso-2}"}, "slots[4].purpose", "slot 3 already"},
		{"second admin slot", []string{slot4, "{number: 4, purpose: admin, domain: admin-2}"}, "slots[4].purpose", "only slot 0"},
		{"no online slot", []string{slot1, "{number: 1, purpose: spare, domain: spare-3}"}, "slots", "no badge could be recognised"},
		{"domain name", []string{slot4, "{number: 4, purpose: sensitive-zone, domain: Pharmacy}"}, "slots[4].domain", "lower case"},
		{"authentication slot in the admin domain", []string{slot1, "{number: 1, purpose: online-authentication, domain: admin}"}, "slots[1].domain", "admin domain"},
		{"slot 0 elsewhere", []string{"{number: 0, purpose: admin, domain: admin}", "{number: 0, purpose: admin, domain: admin-2}"}, "slots[0].domain", "one admin domain"},
		{"shared domain", []string{slot4, "{number: 4, purpose: sensitive-zone, domain: sso}"}, "slots[4].domain", "one purpose"},
		{"admin domain of a foreign card", []string{piccOwn, "policy: foreign\n", "    type: factory\n", "", slot4, "{number: 4, purpose: sensitive-zone, domain: admin}"}, "slots[4].domain", "admin domain"},
		{"file number", []string{"number: 1\n", "number: 32\n"}, "files[1].number", "0 to 31"},
		{"file twice", []string{"number: 1\n", "number: 0\n"}, "files[1].number", "of its own"},
		{"content twice", []string{"content: header", "content: credential-number"}, "files[1].content", "already"},
		{"unknown content", []string{"content: header", "content: photo"}, "files[0].content", "photo"},
		{"no credential number", []string{"content: credential-number", "content: photo"}, "files", "credential-number"},
		{"value file", []string{"type: backup", "type: value"}, "files[0].type", "backup"},
		{"mode", []string{"mode: mac", "mode: encrypted"}, "files[0].mode", "full"},
		{"size", []string{"size: 16", "size: 0"}, "files[0].size", "1 to 1024"},
		{"short header", []string{"size: 16", "size: 8"}, "files[0].size", "needs 16"},
		{"secret header", []string{"{read: free,", "{read: 5,"}, "files[0].rights.read", "use free"},
		{"right of a missing slot", []string{fileRead, "rights: {read: 9, write: 0, read_write: 0, change: 0}"}, "files[1].rights.read", "slot 9 does not exist"},
		{"free to write", []string{fileRead, "rights: {read: 5, write: free, read_write: 0, change: 0}"}, "files[1].rights.write", "anyone write"},
		{"written by another slot", []string{fileRead, "rights: {read: 5, write: 5, read_write: never, change: 0}"}, "files[1].rights.write", "use 0"},
		{"frozen file settings", []string{fileRead, "rights: {read: 5, write: 0, read_write: 0, change: never}"}, "files[1].rights.change", "freeze"},
		{"free credential number", []string{fileRead, "rights: {read: free, write: 0, read_write: 0, change: 0}"}, "files[1].rights.read", "phone"},
		{"credential number in clear", []string{"mode: full", "mode: plain"}, "files[1].mode", "in clear"},
		{"policy", []string{"policy: own", "policy: mine"}, "picc.policy", "foreign"},
		{"foreign with a domain", []string{"policy: own", "policy: foreign"}, "picc", "remove domain"},
		{"frozen PICC key", []string{"domain: admin\n  key_settings: \"0B\"", "domain: admin\n  key_settings: \"0A\""}, "picc.key_settings", "set bit 0"},
		{"PICC reserved bits", []string{"domain: admin\n  key_settings: \"0B\"", "domain: admin\n  key_settings: \"1B\""}, "picc.key_settings", "reserved"},
		{"initial key", []string{"type: factory", "type: secret"}, "picc.initial_key.type", "aes128"},
		{"transport key without a file", []string{"type: factory", "type: aes128"}, "picc.initial_key.file", "name the file"},
		{"factory key with a file", []string{"type: factory", "type: factory\n    file: /k"}, "picc.initial_key.file", "remove the file"},
		{"no UID", []string{fields, "fields: [aid, slot, issue, system_id]"}, "diversification.fields", "share one key"},
		{"field twice", []string{fields, "fields: [uid, uid]"}, "diversification.fields", "twice"},
		{"unknown field", []string{fields, "fields: [uid, name]"}, "diversification.fields", "unknown field"},
		{"format of no domain", []string{fields, fields + "\n  domains: {canteen: [uid]}"}, "diversification.domains.canteen", "no slot"},
		{"format of a domain", []string{fields, fields + "\n  domains: {sso: [slot]}"}, "diversification.domains.sso", "share one key"},
		{"PICC key is slot 0's", []string{fields, "fields: [uid, slot, issue, system_id]"}, "diversification", "\"aid\""},
		{"PICC key is the default key", []string{fields, "fields: [uid, aid, issue, system_id]"}, "diversification", "\"slot\""},
		{"slots with one key", []string{"domain: spare-1", "domain: spare", "domain: spare-2", "domain: spare", fields, fields + "\n  domains: {spare: [uid, aid, system_id]}"}, "diversification", "slots [6 7]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := profile.Parse([]byte(edit(t, test.edits...)))
			invalid := new(profile.InvalidError)
			if p != nil || !errors.As(err, &invalid) || !errors.Is(err, profile.ErrInvalid) {
				t.Fatalf("error %v, want an InvalidError", err)
			}
			for _, problem := range invalid.Problems {
				if problem.Path == test.path && strings.Contains(problem.Text, test.says) {
					return
				}
			}
			t.Errorf("no problem at %s that says %q in:\n%v", test.path, test.says, err)
		})
	}
}

// TestAccepted holds profiles that a hospital may well want.
func TestAccepted(t *testing.T) {
	for name, edits := range map[string][]string{
		"foreign card":        {piccOwn, "policy: foreign\n", "    type: factory\n", ""},
		"transport key":       {"type: factory", "type: 2tdea\n    file: /etc/badgekms/transport.key"},
		"two spares together": {"domain: spare-1", "domain: spare", "domain: spare-2", "domain: spare"},
		"vendor's format":     {fields, fields + "\n  domains: {sso: [uid]}"},
		"standard file":       {"type: backup", "type: standard"},
		"no file for writing": {fileRead, "rights: {read: 5, write: 0, read_write: never, change: 0}"},
	} {
		if _, err := profile.Parse([]byte(edit(t, edits...))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSyntax expects the line of what cannot be read at all.
func TestSyntax(t *testing.T) {
	for _, test := range []struct {
		name, text, says string
	}{
		{"empty", "", "empty"},
		{"comment only", "# nothing\n", "empty"},
		{"two documents", string(profile.DefaultYAML()) + "---\nversion: 1\n", "one profile in a file"},
		{"unknown field", edit(t, "name: default", "name: default\ncolour: red"), `line 6: unknown field "colour"`},
		{"unknown inner field", edit(t, "policy: own", "policy: own\n  random_id: true"), `unknown field "random_id"`},
		{"duplicate field", edit(t, "name: default", "name: default\nname: other"), "already defined"},
		{"AID", edit(t, `"4088F5"`, `"4088"`), "line 13: AID"},
		{"AID list", edit(t, `"4088F5"`, `[40, 88, F5]`), "line 13: a single value"},
		{"key settings", edit(t, `"88"`, `"888"`), "2 hexadecimal digits"},
		{"access", edit(t, "{read: free,", "{read: 14,"), "0 to 13"},
		{"slot number", edit(t, "{number: 4,", "{number: 256,"), "line 38"},
		{"no map", "- 1\n", "line 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := profile.Parse([]byte(test.text))
			if p != nil || !errors.Is(err, profile.ErrInvalid) || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Errorf("error %v, want ErrInvalid that says %q", err, test.says)
			}
		})
	}
}

// TestAllProblemsAtOnce: an operator sees every fault in one go.
func TestAllProblemsAtOnce(t *testing.T) {
	_, err := profile.Parse([]byte(edit(t, `"4088F5"`, `"000000"`, "type: factory", "type: x", "mode: full", "mode: x")))
	invalid := new(profile.InvalidError)
	if !errors.As(err, &invalid) || len(invalid.Problems) < 3 {
		t.Errorf("error %v, want at least 3 problems", err)
	}
}

func TestHash(t *testing.T) {
	p := profile.Default()
	const pinned = "a75634cfe2ea27a2caf34440e0eb142720d706e76d861418f55f5db7b86fc4fb"
	if h := p.Hash(); h != pinned {
		t.Errorf("hash %s; badges in use are recorded with %s, so the canonical form must not change", h, pinned)
	}
	reformatted := edit(t, "version: 1\nname: default\n", "", `"4088F5"`, `4088f5`, slot1, "number: 1\n    domain: staff-doors\n    purpose: online-authentication") + "\n# a comment\nname:   default\nversion: 1\n"
	same, err := profile.Parse([]byte(reformatted))
	if err != nil || same.Hash() != p.Hash() {
		t.Errorf("another formatting changes the hash (error %v)", err)
	}
	other, err := profile.Parse([]byte(edit(t, "domain: sso}", "domain: sso-2}")))
	if err != nil || other.Hash() == p.Hash() {
		t.Errorf("another domain leaves the hash (error %v)", err)
	}
}
