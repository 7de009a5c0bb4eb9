package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/vault/api"

	"badgekms/cmd/internal/kmsd"
	"badgekms/kms/config"
	"badgekms/kms/custody/transitcmac"
	"badgekms/kms/pki"
	"badgekms/kms/procedure"
	"badgekms/kms/profile"
	"badgekms/kms/registry"
	"badgekms/reader/desfire"
	"badgekms/reader/key"
)

// signingKeyName is the file's name in the state directory.
const signingKeyName = "audit.key"

// options puts together what a configuration asks for.
func options(c *config.Config, log *slog.Logger) (kmsd.Options, error) {
	o := kmsd.Options{
		Instance: c.Instance, Listen: c.Listen,
		Database: c.DatabasePath(), SigningKey: filepath.Join(c.StateDir, signingKeyName),
		TLS:      pki.Files{Cert: c.TLS.Cert, Key: c.TLS.Key, CA: c.TLS.ClientCA, TrustDomain: c.TLS.TrustDomain},
		SystemID: c.Establishment.SystemID,
		Terminal: c.Limits.Terminal, Station: c.Limits.Station, Silence: c.Limits.Silence,
		Reflection: c.Reflection, Log: log,
	}
	var err error
	if o.Profile, err = loadProfile(c.Profile); err != nil {
		return o, err
	}
	if o.InitialKey, o.InitialRef, err = initialKey(o.Profile.PICC.InitialKey); err != nil {
		return o, err
	}
	if o.Originality, err = originality(c.Cards); err != nil {
		return o, err
	}
	client, err := vaultClient(c.Custody)
	if err != nil {
		return o, err
	}
	o.Custody, err = transitcmac.New(client, transitcmac.Options{
		Mount: c.Custody.Mount, Prefix: c.Custody.KeyPrefix, Timeout: c.Custody.Timeout, Logger: log,
	})
	return o, err
}

func loadProfile(path string) (*profile.Profile, error) {
	if path == "" {
		return profile.Default(), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("card profile: %w", err)
	}
	p, err := profile.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("card profile %s: %w", path, err)
	}
	return p, nil
}

// initialKey is the key that cards come from their supplier with.
func initialKey(k profile.InitialKey) (key.TDEA2, registry.KeyRef, error) {
	switch k.Type {
	case profile.InitialFactory, "":
		return key.TDEA2{}, registry.PublicDefault(), nil
	case profile.InitialTDEA2:
		b, err := readHex(k.File, key.Size)
		if err != nil {
			return key.TDEA2{}, registry.KeyRef{}, fmt.Errorf("the supplier's transport key: %w", err)
		}
		t, err := key.NewTDEA2(b)
		return t, registry.KeyRef{Kind: registry.KeyTransport, Name: filepath.Base(k.File)}, err
	}
	return key.TDEA2{}, registry.KeyRef{}, fmt.Errorf("card profile: initial key of type %s: this version opens cards with factory or 2tdea keys only", k.Type)
}

// originality reads the policy and the public keys of simulated cards.
func originality(c config.Cards) (procedure.OriginalityPolicy, error) {
	p := procedure.OriginalityPolicy{Require: c.Originality == config.OriginalityRequire}
	if c.TestKeyFile == "" {
		return p, nil
	}
	point, err := readHex(c.TestKeyFile, 57)
	if err != nil {
		return p, fmt.Errorf("cards.test_key_file: %w", err)
	}
	k, err := desfire.ParseOriginalityKey("simulated card", point)
	p.TestKeys = append(p.TestKeys, k)
	return p, err
}

// readHex reads a file of hexadecimal digits. Its errors never quote the file.
func readHex(path string, size int) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(b) != size {
		return nil, fmt.Errorf("%s must hold %d hexadecimal digits and nothing else", path, 2*size)
	}
	return b, nil
}

// vaultClient is the official client, with our settings over Vault's own
// variables, which it reads itself.
func vaultClient(c config.Custody) (*api.Client, error) {
	settings := api.DefaultConfig()
	if settings.Error != nil {
		return nil, fmt.Errorf("variables of Vault: %w", settings.Error)
	}
	settings.Address = c.Address
	err := settings.ConfigureTLS(&api.TLSConfig{
		CACert: c.CAFile, ClientCert: c.CertFile, ClientKey: c.KeyFile, TLSServerName: c.ServerName,
	})
	if err != nil {
		return nil, fmt.Errorf("custody: TLS towards Vault: %w", err)
	}
	client, err := api.NewClient(settings)
	if err != nil {
		return nil, fmt.Errorf("custody: %w", err)
	}
	if c.Namespace != "" {
		client.SetNamespace(c.Namespace)
	}
	token, err := pki.ReadSecret(c.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("custody.token_file: %w", err)
	}
	if len(token) == 0 {
		return nil, errors.New("custody.token_file is empty")
	}
	client.SetToken(strings.TrimSpace(string(token)))
	return client, nil
}
