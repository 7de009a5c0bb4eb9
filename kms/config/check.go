package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"badgekms/kms/pki"
)

// The bounds of durations.
const (
	minLimit   = 100 * time.Millisecond
	maxLimit   = 10 * time.Minute
	minTimeout = 100 * time.Millisecond
	maxTimeout = 30 * time.Second
)

var (
	mountForm    = regexp.MustCompile(`^[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*$`)
	instanceForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)
	prefixForm   = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
)

// Check says what is wrong with the values, all at once, as an *Error. It opens
// no file and no connection; Load has done it already.
func (c *Config) Check() error {
	if problems := c.problems(); len(problems) > 0 {
		return &Error{Problems: problems}
	}
	return nil
}

func (c *Config) problems() []Problem {
	k := checker{}
	k.address("listen", c.Listen)
	k.need("tls.cert", c.TLS.Cert, "give the server's certificate; kmsctl pki issue --role kms makes one")
	k.need("tls.key", c.TLS.Key, "give the private key that was written with the certificate")
	k.need("tls.client_ca", c.TLS.ClientCA, "give the CA of terminals and stations, the ca.crt of kmsctl pki init")
	if err := pki.CheckTrustDomain(c.TLS.TrustDomain); err != nil {
		k.add("tls.trust_domain", err.Error())
	}
	k.need("state_dir", c.StateDir, "give a directory that only this server uses")
	k.need("establishment.name", c.Establishment.Name, "give the name of the hospital, as people know it")
	if err := c.Establishment.SystemID.Check(); err != nil {
		k.add("establishment.system_id", err.Error())
	}
	if !instanceForm.MatchString(c.Instance) {
		k.add("instance", "use 1 to 64 lower-case letters, digits, dots and dashes, such as kms-1")
	}
	if p := c.Cards.Originality; p != OriginalityRequire && p != OriginalityAccept {
		k.add("cards.originality", "use require or accept")
	}
	k.custody(c.Custody)
	k.limits(c.Limits)
	return k.problems
}

type checker struct{ problems []Problem }

func (k *checker) add(path, cure string) {
	k.problems = append(k.problems, Problem{Path: path, Cure: cure})
}

func (k *checker) need(path, value, cure string) {
	if value == "" {
		k.add(path, "missing: "+cure)
	}
}

func (k *checker) address(path, value string) {
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		k.add(path, "not an address: write host:port, such as 127.0.0.1:7443, or [::]:7443 for all interfaces")
		return
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		k.add(path, "the port is a number from 0 to 65535")
	}
}

func (k *checker) custody(c Custody) {
	if c.Mode != TransitCMAC {
		k.add("custody.mode", "unknown custody: this version has "+string(TransitCMAC))
	}
	k.vaultAddress(c.Address)
	if !mountForm.MatchString(c.Mount) {
		k.add("custody.mount", "not a mount path: write that of the Transit engine without slashes around it, such as transit")
	}
	if !prefixForm.MatchString(c.KeyPrefix) {
		k.add("custody.key_prefix", "use letters, digits, dashes and underscores, such as badgekms-")
	}
	k.need("custody.token_file", c.TokenFile, "give a file with the Vault token (VAULT_TOKEN is not read: secrets come by file)")
	if (c.CertFile == "") != (c.KeyFile == "") {
		k.add("custody.cert_file", "custody.cert_file and custody.key_file go together: give both or none")
	}
	k.between("custody.timeout", c.Timeout, minTimeout, maxTimeout)
}

// vaultAddress refuses plain HTTP over a network: what Vault answers are the
// keys of badges.
func (k *checker) vaultAddress(address string) {
	const path = "custody.address"
	if address == "" {
		k.add(path, "missing: give the URL of Vault, such as https://vault.example:8200")
		return
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		k.add(path, "not a URL of Vault: write https://host:port")
		return
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		k.add(path, "badge keys would cross the network in the clear: use https")
	}
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || (err == nil && ip.IsLoopback())
}

func (k *checker) limits(l Limits) {
	k.between("limits.terminal", l.Terminal, minLimit, maxLimit)
	k.between("limits.station", l.Station, minLimit, maxLimit)
	k.between("limits.silence", l.Silence, minLimit, maxLimit)
	if l.Silence > min(l.Terminal, l.Station) {
		k.add("limits.silence", "longer than a whole conversation: make it shorter than limits.terminal and limits.station")
	}
}

func (k *checker) between(path string, d, low, high time.Duration) {
	if d < low || d > high {
		k.add(path, "out of range: choose between "+low.String()+" and "+high.String())
	}
}
