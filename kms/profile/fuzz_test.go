package profile_test

import (
	"errors"
	"testing"

	"go.yaml.in/yaml/v3"

	"badgekms/kms/profile"
)

// FuzzParse: whatever is accepted keeps its hash when it is written and read
// again, and can be used without a panic.
func FuzzParse(f *testing.F) {
	seeds := []string{
		string(profile.DefaultYAML()),
		edit(f, piccOwn, "policy: foreign\n", "    type: factory\n", ""),
		edit(f, fields, fields+"\n  domains: {sso: [uid]}"),
		"version: 1\n", "{}", "slots: [{}]\n", "a: &a [*a]\n", "application: {aid: 1}\n",
	}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := profile.Parse(text)
		if err != nil {
			if p != nil || !errors.Is(err, profile.ErrInvalid) {
				t.Errorf("profile %v with error %v", p, err)
			}
			return
		}
		for _, domain := range p.Domains() {
			p.Format(domain)
		}
		p.Warnings()
		written, err := yaml.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := profile.Parse(written)
		if err != nil || again.Hash() != p.Hash() {
			t.Errorf("the profile changes when it is written and read again (error %v):\n%s", err, written)
		}
	})
}

// FuzzParseFormat: an accepted ID is the only one of its format.
func FuzzParseFormat(f *testing.F) {
	for _, id := range []string{"an10922-aes128:uid,aid,slot,issue,system_id", "an10922-aes128:uid", "an10922-aes128:", "x"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if format, err := profile.ParseFormat(id); err == nil && format.ID() != id {
			t.Errorf("%q reads as %q", id, format.ID())
		}
	})
}
