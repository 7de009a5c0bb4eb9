package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"badgekms/kms/pki"
)

// trusting is what a client dials with who does not mind whom it talks to:
// what is tested is that the server minds.
func (w *world) trusting(certificates ...tls.Certificate) credentials.TransportCredentials {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(w.ca.CertPEM()) {
		w.t.Fatal("the CA's certificate is not one")
	}
	return credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: certificates, NextProtos: []string{"h2"}})
}

// pair issues a certificate from a CA and loads it unchecked.
func pair(t *testing.T, ca *pki.CA, role pki.Role) tls.Certificate {
	t.Helper()
	var hosts []string
	if role == pki.KMS {
		hosts = []string{"127.0.0.1"}
	}
	leaf, err := ca.Issue(role, "stranger", hosts, 0)
	must(t, err)
	cert, key, err := leaf.Write(t.TempDir())
	must(t, err)
	p, err := tls.LoadX509KeyPair(cert, key)
	must(t, err)
	return p
}

// forge signs, with the key of the establishment's own CA, a certificate such
// as pki never issues.
func (w *world) forge(uris []string, use x509.ExtKeyUsage, from, to time.Time) tls.Certificate {
	w.t.Helper()
	signer, err := tls.LoadX509KeyPair(filepath.Join(w.dir, "ca", pki.CACertFile), filepath.Join(w.dir, "ca", pki.CAKeyFile))
	must(w.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(4711), Subject: pkix.Name{CommonName: "forged"}, NotBefore: from, NotAfter: to,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use},
	}
	for _, u := range uris {
		parsed, err := url.Parse(u)
		must(w.t, err)
		template.URIs = append(template.URIs, parsed)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(w.t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, signer.Leaf, key.Public(), signer.PrivateKey)
	must(w.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// No certificate but a client's of this establishment gets as far as a call,
// and neither does a connection without TLS.
func TestStrangers(t *testing.T) {
	w := newWorld(t)
	other, err := pki.Init(t.TempDir(), trustDomain, pki.Options{})
	must(t, err)
	elsewhere, err := pki.Init(t.TempDir(), "badges.ailleurs.fr", pki.Options{})
	must(t, err)
	now := time.Now()
	past, soon := now.Add(-time.Hour), now.Add(time.Hour)
	client := x509.ExtKeyUsageClientAuth
	officer := "spiffe://" + trustDomain + "/officer/one"
	for name, c := range map[string]credentials.TransportCredentials{
		"another CA, same trust domain": w.trusting(pair(t, other, pki.Officer)),
		"another trust domain":          w.trusting(pair(t, elsewhere, pki.Officer)),
		"trust domain forged under our CA": w.trusting(
			w.forge([]string{"spiffe://badges.ailleurs.fr/officer/one"}, client, past, soon)),
		"no SPIFFE ID":        w.trusting(w.forge(nil, client, past, soon)),
		"two SPIFFE IDs":      w.trusting(w.forge([]string{officer, officer}, client, past, soon)),
		"unknown role":        w.trusting(w.forge([]string{"spiffe://" + trustDomain + "/director/one"}, client, past, soon)),
		"role kms":            w.trusting(pair(t, w.ca, pki.KMS)),
		"role kms, as client": w.trusting(w.forge([]string{"spiffe://" + trustDomain + "/kms/kms-1"}, client, past, soon)),
		"server's use":        w.trusting(w.forge([]string{officer}, x509.ExtKeyUsageServerAuth, past, soon)),
		"expired":             w.trusting(w.forge([]string{officer}, client, past, now.Add(-time.Minute))),
		"not valid yet":       w.trusting(w.forge([]string{officer}, client, now.Add(30*time.Minute), soon)),
		"no certificate":      w.trusting(),
		"plaintext":           insecure.NewCredentials(),
	} {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, w.addr, c)
			for _, m := range served(w.server) {
				if err := poke(deadline(t), conn, m); status.Code(err) != codes.Unavailable {
					t.Fatalf("%s: %v, want a connection that fails", m, err)
				}
			}
		})
	}
	// The same means with a good certificate succeed, so it is the certificate.
	conn := connect(t, w.addr, w.trusting(w.forge([]string{officer}, client, past, soon)))
	if err := poke(deadline(t), conn, "/badgekms.v1.DomainService/ListDomains"); err != nil {
		t.Errorf("a good certificate: %v", err)
	}
}

// A client refuses a server that is not of role kms, so that a station's stolen
// certificate cannot play the KMS.
func TestClientRefusesImpostor(t *testing.T) {
	w := newWorld(t)
	impostor := w.options
	cert := w.forge([]string{"spiffe://" + trustDomain + "/station/one"}, x509.ExtKeyUsageServerAuth, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	impostor.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13}
	_, addr := w.serve(impostor)
	if err := poke(deadline(t), w.dialAt(addr, pki.Station), "/badgekms.v1.ConversationService/GetScript"); status.Code(err) != codes.Unavailable {
		t.Errorf("an impostor was called: %v", err)
	}
}

// An older TLS is not spoken.
func TestOnlyTLS13(t *testing.T) {
	w := newWorld(t)
	p := pair(t, w.ca, pki.Officer)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.ca.CertPEM())
	conn := connect(t, w.addr, credentials.NewTLS(&tls.Config{
		RootCAs: roots, Certificates: []tls.Certificate{p}, MaxVersion: tls.VersionTLS12,
	}))
	if err := poke(deadline(t), conn, "/badgekms.v1.DomainService/ListDomains"); status.Code(err) != codes.Unavailable {
		t.Errorf("TLS 1.2: %v", err)
	}
}
