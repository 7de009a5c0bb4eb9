// Package transitcmac is a key custody in HashiCorp Vault Enterprise: masters
// are keys of type aes128-cmac in the Transit secrets engine (HTTP API v1),
// made there and never leaving it. Vault Community and OpenBao have no such
// keys; the error then says so.
//
// Vault computes plain AES-CMAC (NIST SP 800-38B), which equals NXP AN10922
// for inputs of 16 bytes and more; shorter ones are refused here.
//
// Whoever may call transit/cmac on a master can compute every badge's keys, so
// only the KMS gets this policy (mount "transit", prefix "badgekms-"):
//
//	path "transit/cmac/badgekms-*"              { capabilities = ["update"] }
//	path "transit/keys/badgekms-*"              { capabilities = ["read"] }
//	path "transit/verify/badgekms-self_test"    { capabilities = ["update"] }
//	path "transit/keys/badgekms-self_test"      { capabilities = ["create", "read", "update"] }
//
// and, while domains are created or rotated,
//
//	path "transit/keys/badgekms-*"              { capabilities = ["create", "read", "update"] }
//	path "transit/keys/+/rotate"                { capabilities = ["update"] }
//
// Never list "cmac" in the mount's audit_non_hmac_response_keys: the value is
// a card key, and Vault's audit log would then hold it in clear.
package transitcmac

import (
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"badgekms/kms/an10922"
	"badgekms/kms/custody"
)

// Defaults of Options.
const (
	DefaultMount   = "transit"
	DefaultPrefix  = "badgekms-"
	DefaultTimeout = 2 * time.Second
)

// Options configure a Custody; a zero field takes its default.
type Options struct {
	Mount   string        // path of the Transit engine
	Prefix  string        // of key names, before the domain's name
	Timeout time.Duration // of one call to Vault
	Logger  *slog.Logger  // default: none; calls are logged at level debug, without bodies
}

func (o Options) withDefaults() Options {
	if o.Mount == "" {
		o.Mount = DefaultMount
	}
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Mount = strings.Trim(o.Mount, "/")
	return o
}

func (o Options) check() error {
	if o.Mount == "" || path.Clean(o.Mount) != o.Mount || strings.HasPrefix(o.Mount, "..") {
		return fmt.Errorf("transit-cmac custody: mount %q is not a path of Vault; give the path of the Transit engine, such as %q", o.Mount, DefaultMount)
	}
	if strings.ContainsFunc(o.Prefix, notInName) {
		return fmt.Errorf("transit-cmac custody: key prefix %q; use letters, digits, dashes and underscores, such as %q", o.Prefix, DefaultPrefix)
	}
	if o.Timeout < 0 {
		return fmt.Errorf("transit-cmac custody: timeout %v is negative; give a time such as %v", o.Timeout, DefaultTimeout)
	}
	return nil
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// Custody implements custody.Custody.
type Custody struct {
	client   *api.Client
	opts     Options
	rotation sync.Mutex // one rotation at a time, so that each sees its own version
}

var _ custody.Custody = (*Custody)(nil)

// New wraps a client that the caller has pointed at Vault and given a token
// (VAULT_* variables are the client's affair). It switches the client's own
// retries off for good: they take longer than a tap may, and a retried
// rotation would make two versions. The caller may go on to renew or replace
// the client's token. New does not call Vault; Check does.
func New(client *api.Client, opts Options) (*Custody, error) {
	if client == nil {
		return nil, errors.New("transit-cmac custody: no Vault client")
	}
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	client.SetMaxRetries(0)
	return &Custody{client: client, opts: opts}, nil
}

// Capabilities implements custody.Custody.
func (c *Custody) Capabilities() custody.Capabilities {
	return custody.Capabilities{
		Mode:      custody.ModeTransitCMAC,
		ShortestM: an10922.ShortestPlain,
		Origin:    custody.OriginToken,
	}
}

// keyName is Vault's name of a domain's key.
func (c *Custody) keyName(domain string) string { return c.opts.Prefix + domain }
