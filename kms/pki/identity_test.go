package pki

import (
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
)

func TestParseID(t *testing.T) {
	for _, s := range []string{
		"spiffe://badges.chu-example.fr/terminal/porte-3",
		"spiffe://a/kms/1",
		"spiffe://a/officer/" + strings.Repeat("a", 64),
	} {
		if id, err := ParseID(s); err != nil || id.String() != s {
			t.Errorf("%q: %v, %v", s, id, err)
		}
	}
	for _, s := range badIDs {
		if id, err := ParseID(s); !errors.Is(err, ErrIdentity) || id != (Identity{}) {
			t.Errorf("%q is taken: %v, %v", s, id, err)
		}
	}
}

// badIDs are forms that SPIFFE-ID §2 forbids, or that are not ours.
var badIDs = []string{
	"", "spiffe://", "spiffe:///terminal/a", "spiffe://a/terminal", "spiffe://a/terminal/", "spiffe://a/terminal/b/c",
	"https://a/terminal/b", "SPIFFE://a/terminal/b", "spiffe://A/terminal/b", "spiffe://a:443/terminal/b",
	"spiffe://u@a/terminal/b", "spiffe://a/terminal/b?", "spiffe://a/terminal/b?x=1", "spiffe://a/terminal/b#", "spiffe://a/terminal/b#c",
	"spiffe://a/terminal/%62", "spiffe://a/terminal/..", "spiffe://a/terminal/.", "spiffe://a//b", "spiffe://a/admin/b",
	"spiffe://a/Terminal/b", "spiffe://a/terminal/b\x00", "spiffe://a/terminal/b ", "spiffe://a/terminal/b\n", "spiffe://a_b/terminal/c",
	"spiffe://a/terminal/" + strings.Repeat("a", 65), "spiffe://" + strings.Repeat("a", 256) + "/terminal/b",
}

func TestParseIdentityOfCertificates(t *testing.T) {
	c := newClock()
	ca, dir := newCA(t, c)
	for name, change := range map[string]func(*x509.Certificate){
		"no URI": func(c *x509.Certificate) { c.URIs = nil },
		"two URIs": func(c *x509.Certificate) {
			c.URIs = append(c.URIs, mustURL(t, "spiffe://"+domain+"/officer/a"))
		},
		"the same URI twice": func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0]) },
		"query":              func(c *x509.Certificate) { c.URIs[0].RawQuery = "x" },
		"empty query":        func(c *x509.Certificate) { c.URIs[0].ForceQuery = true },
		"capital scheme":     func(c *x509.Certificate) { c.URIs[0].Scheme = "SPIFFE" },
		"port":               func(c *x509.Certificate) { c.URIs[0].Host += ":443" },
		"empty fragment": func(c *x509.Certificate) {
			c.URIs = []*url.URL{{Scheme: "spiffe", Opaque: "//" + domain + "/terminal/a#"}}
		},
		"common name only": func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"terminal"} },
		"may sign":         func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign },
		"CA":               func(c *x509.Certificate) { c.IsCA = true },
	} {
		files := forge(t, ca, dir, change)
		text, err := os.ReadFile(files.Cert)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := ParseIdentity(certificate(t, text)); !errors.Is(err, ErrIdentity) || id != (Identity{}) {
			t.Errorf("%s: %v, %v", name, id, err)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("spiffe://badges.chu-example.fr/terminal/porte-3")
	for _, s := range badIDs {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			if id != (Identity{}) {
				t.Errorf("%q: %v comes with %v", s, id, err)
			}
			return
		}
		u, urlErr := url.Parse(s)
		if id.String() != s || urlErr != nil || u.String() != id.uri().String() || len(s) > 2048 {
			t.Errorf("%q is %v, net/url says %v, %v", s, id, u, urlErr)
		}
	})
}
