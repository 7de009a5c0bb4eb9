package config

import (
	"fmt"
	"strings"
	"time"

	"badgekms/kms/profile"
)

// Setting is one thing that can be set.
type Setting struct {
	// Path is the key in the file, and the key of an override: its parts are
	// joined by dots, such as "tls.cert".
	Path string
	// Default is the text that stands for the setting when nothing sets it.
	Default string
	// Help says in one line what it is, for flags.
	Help string
	// vault is Vault's own variable for the same thing, if there is one.
	vault string
	set   func(*Config, string) error
}

// Flag is the name of the command line flag: the path with dashes for dots and
// underscores, such as "tls-client-ca".
func (s Setting) Flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(s.Path) }

// Env is the name of the environment variable, such as BADGEKMS_TLS_CERT.
func (s Setting) Env() string {
	return "BADGEKMS_" + strings.ToUpper(strings.ReplaceAll(s.Path, ".", "_"))
}

// Settings lists all settings in the order of the example file.
func Settings() []Setting {
	return []Setting{
		{Path: "listen", Default: "127.0.0.1:7443", Help: "address and port to listen on", set: text(func(c *Config) *string { return &c.Listen })},
		{Path: "tls.cert", Help: "certificate of this server, role kms (PEM file)", set: text(func(c *Config) *string { return &c.TLS.Cert })},
		{Path: "tls.key", Help: "private key of the certificate (PEM file, mode 0600)", set: text(func(c *Config) *string { return &c.TLS.Key })},
		{Path: "tls.client_ca", Help: "CA of the clients (PEM file)", set: text(func(c *Config) *string { return &c.TLS.ClientCA })},
		{Path: "tls.trust_domain", Help: "trust domain of all certificates", set: text(func(c *Config) *string { return &c.TLS.TrustDomain })},
		{Path: "state_dir", Default: "/var/lib/badgekms", Help: "directory of the server's data", set: text(func(c *Config) *string { return &c.StateDir })},
		{Path: "database", Help: "SQLite file (default: badgekms.db in the state directory)", set: text(func(c *Config) *string { return &c.Database })},
		{Path: "establishment.name", Help: "name of the hospital", set: text(func(c *Config) *string { return &c.Establishment.Name })},
		{Path: "establishment.system_id", Help: "its number, part of every badge key; never change it", set: setSystemID},
		{Path: "instance", Default: "kms-1", Help: "name of this server in intents and audit records", set: text(func(c *Config) *string { return &c.Instance })},
		{Path: "profile", Help: "card profile (YAML file; default: the built-in one)", set: text(func(c *Config) *string { return &c.Profile })},
		{Path: "cards.originality", Default: string(OriginalityRequire), Help: "blank cards without NXP's signature: require (refuse them) or accept", set: setOriginality},
		{Path: "cards.test_key_file", Help: "public key of simulated cards, for tests only", set: text(func(c *Config) *string { return &c.Cards.TestKeyFile })},
		{Path: "custody.mode", Default: string(TransitCMAC), Help: "where master keys live: transit-cmac", set: setMode},
		{Path: "custody.address", vault: "VAULT_ADDR", Help: "URL of Vault", set: text(func(c *Config) *string { return &c.Custody.Address })},
		{Path: "custody.namespace", vault: "VAULT_NAMESPACE", Help: "namespace of Vault Enterprise", set: text(func(c *Config) *string { return &c.Custody.Namespace })},
		{Path: "custody.mount", Default: "transit", Help: "path of the Transit engine", set: text(func(c *Config) *string { return &c.Custody.Mount })},
		{Path: "custody.key_prefix", Default: "badgekms-", Help: "how names of master keys begin", set: text(func(c *Config) *string { return &c.Custody.KeyPrefix })},
		{Path: "custody.token_file", vault: "VAULT_TOKEN_FILE", Help: "file with the Vault token", set: text(func(c *Config) *string { return &c.Custody.TokenFile })},
		{Path: "custody.ca_file", vault: "VAULT_CACERT", Help: "CA of Vault's certificate (default: the system's)", set: text(func(c *Config) *string { return &c.Custody.CAFile })},
		{Path: "custody.cert_file", vault: "VAULT_CLIENT_CERT", Help: "certificate to show to Vault", set: text(func(c *Config) *string { return &c.Custody.CertFile })},
		{Path: "custody.key_file", vault: "VAULT_CLIENT_KEY", Help: "private key of that certificate", set: text(func(c *Config) *string { return &c.Custody.KeyFile })},
		{Path: "custody.server_name", vault: "VAULT_TLS_SERVER_NAME", Help: "name in Vault's certificate", set: text(func(c *Config) *string { return &c.Custody.ServerName })},
		{Path: "custody.timeout", Default: "2s", Help: "longest wait for one answer of Vault", set: duration(func(c *Config) *time.Duration { return &c.Custody.Timeout })},
		{Path: "limits.terminal", Default: "10s", Help: "longest conversation of a terminal", set: duration(func(c *Config) *time.Duration { return &c.Limits.Terminal })},
		{Path: "limits.station", Default: "60s", Help: "longest conversation of a station", set: duration(func(c *Config) *time.Duration { return &c.Limits.Station })},
		{Path: "limits.silence", Default: "2s", Help: "longest silence in a conversation", set: duration(func(c *Config) *time.Duration { return &c.Limits.Silence })},
		{Path: "log.level", Default: "info", Help: "debug, info, warn or error", set: setLevel},
		{Path: "log.format", Default: string(LogText), Help: "text or json", set: setFormat},
		{Path: "reflection", Default: "false", Help: "serve gRPC reflection to operators and officers", set: setReflection},
	}
}

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, value string) error {
		*field(c) = value
		return nil
	}
}

func duration(field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, value string) error {
		d, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Errorf("not a duration: write a number and a unit, such as 500ms, 10s or 1m")
		}
		*field(c) = d
		return nil
	}
}

func setSystemID(c *Config, value string) error {
	if value == "" {
		c.Establishment.SystemID = ""
		return nil
	}
	id, err := profile.ParseSystemID(value)
	if err != nil {
		return err
	}
	c.Establishment.SystemID = id
	return nil
}

func setMode(c *Config, value string) error {
	if CustodyMode(value) != TransitCMAC {
		return fmt.Errorf("unknown custody: this version has %s", TransitCMAC)
	}
	c.Custody.Mode = TransitCMAC
	return nil
}

func setOriginality(c *Config, value string) error {
	switch p := OriginalityPolicy(value); p {
	case OriginalityRequire, OriginalityAccept:
		c.Cards.Originality = p
		return nil
	}
	return fmt.Errorf("unknown policy: use %s or %s", OriginalityRequire, OriginalityAccept)
}

func setLevel(c *Config, value string) error {
	switch value {
	case "debug", "info", "warn", "error":
		return c.Log.Level.UnmarshalText([]byte(value))
	}
	return fmt.Errorf("unknown level: use debug, info, warn or error")
}

func setFormat(c *Config, value string) error {
	switch f := LogFormat(value); f {
	case LogText, LogJSON:
		c.Log.Format = f
		return nil
	}
	return fmt.Errorf("unknown format: use %s or %s", LogText, LogJSON)
}

func setReflection(c *Config, value string) error {
	if value != "true" && value != "false" {
		return fmt.Errorf("use true or false")
	}
	c.Reflection = value == "true"
	return nil
}
