package pki

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// ErrIdentity is wrapped by the error for a certificate or a text that names
// no identity of this trust domain.
var ErrIdentity = errors.New("not an identity of BadgeKMS")

// Role is what a workload may be (DESIGN §8).
type Role string

// The roles. KMS is the server's own.
const (
	Terminal  Role = "terminal"
	Station   Role = "station"
	Operator  Role = "operator"
	Officer   Role = "officer"
	Directory Role = "directory"
	Monitor   Role = "monitor"
	KMS       Role = "kms"
)

// Roles lists every role, those of clients first.
func Roles() []Role {
	return []Role{Terminal, Station, Operator, Officer, Directory, Monitor, KMS}
}

// ParseRole reads the name of a role.
func ParseRole(s string) (Role, error) {
	if r := Role(s); slices.Contains(Roles(), r) {
		return r, nil
	}
	return "", fmt.Errorf("%w: role %q: use one of %s", ErrIdentity, s, rolesText())
}

func rolesText() string {
	var names []string
	for _, r := range Roles() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// Identity is who holds a certificate.
type Identity struct {
	TrustDomain string
	Role        Role
	Name        string
}

// String gives the SPIFFE ID, spiffe://<trust-domain>/<role>/<name>.
func (id Identity) String() string {
	return spiffe + id.TrustDomain + "/" + string(id.Role) + "/" + id.Name
}

func (id Identity) uri() *url.URL {
	return &url.URL{Scheme: "spiffe", Host: id.TrustDomain, Path: "/" + string(id.Role) + "/" + id.Name}
}

const spiffe = "spiffe://"

var (
	// trustDomainForm is narrower than SPIFFE-ID §2.1: a DNS name, because the
	// CA's name constraint (RFC 5280 §4.2.1.10) only knows those.
	trustDomainForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	nameForm        = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$`)
)

// maxTrustDomain is the length limit of SPIFFE-ID §2.3.
const maxTrustDomain = 255

// CheckTrustDomain says what is wrong with the name of a trust domain.
func CheckTrustDomain(s string) error {
	if len(s) > maxTrustDomain || !trustDomainForm.MatchString(s) {
		return fmt.Errorf("%w: trust domain %q: use a lower-case DNS name of the establishment, such as badges.chu-example.fr", ErrIdentity, s)
	}
	return nil
}

func checkName(s string) error {
	if !nameForm.MatchString(s) {
		return fmt.Errorf("%w: name %q: use 1 to 64 lower-case letters, digits, dots and dashes, a letter or digit first and last", ErrIdentity, s)
	}
	return nil
}

// NewIdentity checks the parts of an identity.
func NewIdentity(trustDomain string, role Role, name string) (Identity, error) {
	if err := CheckTrustDomain(trustDomain); err != nil {
		return Identity{}, err
	}
	if _, err := ParseRole(string(role)); err != nil {
		return Identity{}, err
	}
	if err := checkName(name); err != nil {
		return Identity{}, err
	}
	return Identity{TrustDomain: trustDomain, Role: role, Name: name}, nil
}

// ParseID reads a SPIFFE ID of ours. There is one spelling: no port, no user,
// no query, no fragment, no escape, no capital.
func ParseID(s string) (Identity, error) {
	rest, ok := strings.CutPrefix(s, spiffe)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 {
		return Identity{}, fmt.Errorf("%w: %q: want spiffe://<trust-domain>/<role>/<name>", ErrIdentity, s)
	}
	return NewIdentity(parts[0], Role(parts[1]), parts[2])
}

// ParseIdentity reads the identity of a leaf certificate: its only URI name
// (X509-SVID §2). It does not verify the certificate.
func ParseIdentity(c *x509.Certificate) (Identity, error) {
	if c.IsCA || c.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0 {
		return Identity{}, fmt.Errorf("%w: the certificate of %q is a CA's, not a leaf", ErrIdentity, c.Subject.CommonName)
	}
	uris, err := uriNames(c)
	if err != nil {
		return Identity{}, err
	}
	if len(uris) != 1 {
		return Identity{}, fmt.Errorf("%w: the certificate of %q has %d URI names, want one", ErrIdentity, c.Subject.CommonName, len(uris))
	}
	return ParseID(uris[0])
}

// PeerIdentity is the verified identity at the other end of a connection of
// ServerTLS or ClientTLS.
func PeerIdentity(state tls.ConnectionState, trustDomain string) (Identity, error) {
	if len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return Identity{}, fmt.Errorf("%w: the peer showed no verified certificate", ErrIdentity)
	}
	id, err := ParseIdentity(state.PeerCertificates[0])
	if err != nil {
		return Identity{}, err
	}
	return id, id.checkDomain(trustDomain)
}

func (id Identity) checkDomain(trustDomain string) error {
	if id.TrustDomain != trustDomain {
		return fmt.Errorf("%w: %s is not of the trust domain %s", ErrIdentity, id, trustDomain)
	}
	return nil
}

var (
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	errSubjectAltName = fmt.Errorf("%w: malformed subject alternative names", ErrIdentity)
)

// tagURI is uniformResourceIdentifier [6] of GeneralName (RFC 5280 §4.2.1.6).
const tagURI = 6

// uriNames reads the URI names as they are in the certificate. The parsed ones
// of crypto/x509 went through net/url, which drops an empty fragment and
// lowers the scheme.
func uriNames(c *x509.Certificate) ([]string, error) {
	var uris []string
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidSubjectAltName) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 {
			return nil, errSubjectAltName
		}
		for _, n := range names {
			if n.Class == asn1.ClassContextSpecific && n.Tag == tagURI {
				uris = append(uris, string(n.Bytes))
			}
		}
	}
	return uris, nil
}
