// Package config is the configuration of the KMS daemon: one strict file in
// YAML 1.2, environment variables BADGEKMS_* and flags, in that rising order
// of precedence above the defaults.
//
// Strict means that nothing is guessed: an unknown or repeated key, a value of
// another kind, an alias or a second document is an error with its line. All
// problems are told at once. No setting holds a secret: tokens and keys are
// given as paths of files.
//
// Settings is the list of all that can be set.
package config

import (
	_ "embed"
	"log/slog"
	"path/filepath"
	"time"

	"badgekms/kms/profile"
)

// Example is a commented configuration file that is ready to be adapted. It
// names every setting; those that few need are commented out.
//
//go:embed example.yaml
var Example []byte

// Config is a complete configuration.
type Config struct {
	// Listen is the address of the gRPC listener, host:port; port 0 takes a
	// free one.
	Listen        string
	TLS           TLS
	StateDir      string
	Database      string // path of the SQLite file; see DatabasePath
	Establishment Establishment
	// Instance names this server in intents, and as writer of audit records.
	Instance   string
	Profile    string // path of the card profile; empty for the built-in one
	Cards      Cards
	Custody    Custody
	Limits     Limits
	Log        Log
	Reflection bool // serve gRPC reflection
}

// TLS names the files of the server's certificate (package pki).
type TLS struct {
	Cert, Key, ClientCA string
	TrustDomain         string
}

// Establishment says whose badges these are.
type Establishment struct {
	Name string
	// SystemID enters every diversification and never changes (DESIGN §5).
	SystemID profile.SystemID
}

// OriginalityPolicy says what the originality signature of a blank card decides.
type OriginalityPolicy string

// The policies. A wrong signature is refused under either.
const (
	// OriginalityRequire refuses cards without NXP's signature.
	OriginalityRequire OriginalityPolicy = "require"
	// OriginalityAccept takes cards that have none, such as most EV1.
	OriginalityAccept OriginalityPolicy = "accept"
)

// Cards says which cards may be encoded.
type Cards struct {
	Originality OriginalityPolicy
	// TestKeyFile is the public key of simulated cards (57 bytes in hexadecimal,
	// an uncompressed point on secp224r1); empty in production.
	TestKeyFile string
}

// CustodyMode says where master keys live (DESIGN §6).
type CustodyMode string

// TransitCMAC is Vault Enterprise Transit with keys of type aes128-cmac.
const TransitCMAC CustodyMode = "transit-cmac"

// Custody says how to reach the custody of master keys.
type Custody struct {
	Mode      CustodyMode
	Address   string // URL of Vault
	Namespace string // of Vault Enterprise; empty for the root
	Mount     string // path of the Transit engine
	KeyPrefix string // of key names in it
	TokenFile string
	// CAFile verifies Vault's certificate; empty for the system's CAs.
	CAFile string
	// CertFile and KeyFile are the KMS's own certificate towards Vault, if
	// Vault asks for one.
	CertFile, KeyFile string
	ServerName        string // in Vault's certificate, if not the host of Address
	Timeout           time.Duration
}

// Limits bound conversations (DESIGN §8).
type Limits struct {
	Terminal time.Duration // a terminal's whole conversation
	Station  time.Duration // a station's
	Silence  time.Duration // the wait for each message
}

// Log says what is logged and how.
type Log struct {
	Level  slog.Level
	Format LogFormat
}

// LogFormat is the form of a log line.
type LogFormat string

// The forms of log lines: slog's TextHandler and JSONHandler.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// databaseName is the file's name in StateDir.
const databaseName = "badgekms.db"

// DatabasePath is where the registry is: Database, or badgekms.db in StateDir.
func (c *Config) DatabasePath() string {
	if c.Database != "" {
		return c.Database
	}
	return filepath.Join(c.StateDir, databaseName)
}
