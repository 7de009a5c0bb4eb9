package hsmsim

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Parameters that Vault's endpoints have. Those in unsupported lists are
// refused when they ask for something.
var (
	unsupportedKeyFields = []string{
		"derived", "convergent_encryption", "exportable", "allow_plaintext_backup", "auto_rotate_period",
		"key_size", "managed_key_name", "managed_key_id", "parameter_set",
		"hybrid_key_type_pqc", "hybrid_key_type_ec",
	}
	unsupportedRotateFields = []string{"managed_key_name", "managed_key_id"}
	unsupportedConfigFields = []string{"exportable", "allow_plaintext_backup", "auto_rotate_period"}

	keyFields    = append([]string{"name", "type", "context"}, unsupportedKeyFields...)
	rotateFields = append([]string{"name"}, unsupportedRotateFields...)
	configFields = append([]string{"name", "min_decryption_version", "min_encryption_version", "deletion_allowed"},
		unsupportedConfigFields...)
)

// listKeys serves LIST transit/keys. No key at all is 404, as in Vault.
func (s *Server) listKeys(*call) (*reply, error) {
	names := slices.Sorted(maps.Keys(s.store.read().keys))
	if len(names) == 0 {
		return nil, errNotFound
	}
	return &reply{data: map[string]any{"keys": names}}, nil
}

// readKey serves GET transit/keys/:name.
func (s *Server) readKey(c *call) (*reply, error) {
	key, ok := s.store.read().keys[c.name]
	if !ok {
		return nil, errNotFound
	}
	return describe(key), nil
}

// createKey serves POST transit/keys/:name. A key that exists is described as
// it is, with a warning: the parameters are not applied to it.
func (s *Server) createKey(c *call) (*reply, error) {
	keyType, err := s.requestedType(c)
	if err != nil {
		return nil, err
	}
	var key transitKey
	err = s.store.update(func(next *state, random io.Reader) error {
		var exists bool
		if key, exists = next.keys[c.name]; exists {
			return errKeyExists
		}
		version, err := s.drawVersion(random, keyType)
		if err != nil {
			return err
		}
		key = transitKey{name: c.name, keyType: keyType, minDecryption: 1}.rotated(version)
		next.keys[c.name] = key
		return nil
	})
	if err != nil && !errors.Is(err, errKeyExists) {
		return nil, err
	}
	r := describe(key)
	if err != nil {
		r.warnings = append(r.warnings, fmt.Sprintf("key %s already existed", c.name))
	}
	return r, nil
}

// errKeyExists ends an update that has nothing to change.
var errKeyExists = errors.New("key already existed")

// requestedType checks what createKey was asked for. Vault's default type is
// aes256-gcm96, so leaving "type" out is refused too.
func (s *Server) requestedType(c *call) (string, error) {
	keyType, err := c.fields.text("type")
	if err != nil {
		return "", err
	}
	if keyType == "" {
		keyType = "aes256-gcm96"
	}
	_, supported := keySizes[keyType]
	switch {
	case supported && s.edition == Community:
		return "", badRequest("key type %s is only available in enterprise versions of Vault", keyType)
	case !supported:
		return "", badRequest("unknown key type %s: hsm-sim, a simulator of Vault, supports %s only",
			keyType, strings.Join(keyTypeNames(), " and "))
	}
	return keyType, c.fields.refuseUnsupported(unsupportedKeyFields...)
}

// drawVersion makes new key bytes.
func (s *Server) drawVersion(random io.Reader, keyType string) (keyVersion, error) {
	material := make([]byte, keySizes[keyType])
	if _, err := io.ReadFull(random, material); err != nil {
		return keyVersion{}, fmt.Errorf("draw a key: %w", err)
	}
	return keyVersion{material: newKeyBytes(material), created: s.now()}, nil
}

// rotateKey serves POST transit/keys/:name/rotate.
func (s *Server) rotateKey(c *call) (*reply, error) {
	if err := c.fields.refuseUnsupported(unsupportedRotateFields...); err != nil {
		return nil, err
	}
	return s.changeKey(c.name, badRequest("key not found"), func(key transitKey, random io.Reader) (transitKey, error) {
		version, err := s.drawVersion(random, key.keyType)
		if err != nil {
			return transitKey{}, err
		}
		return key.rotated(version), nil
	})
}

// changeKey replaces a key by what change makes of it and describes it.
func (s *Server) changeKey(name string, missing error, change func(transitKey, io.Reader) (transitKey, error)) (*reply, error) {
	var changed transitKey
	err := s.store.update(func(next *state, random io.Reader) error {
		key, ok := next.keys[name]
		if !ok {
			return missing
		}
		var err error
		if changed, err = change(key, random); err != nil {
			return err
		}
		next.keys[name] = changed
		return nil
	})
	if err != nil {
		return nil, err
	}
	return describe(changed), nil
}

// deleteKey serves DELETE transit/keys/:name, which the key's config must have
// allowed before.
func (s *Server) deleteKey(c *call) (*reply, error) {
	err := s.store.update(func(next *state, _ io.Reader) error {
		key, ok := next.keys[c.name]
		switch {
		case !ok:
			return badRequest("error deleting policy %s: could not delete key; not found", c.name)
		case !key.deletionAllowed:
			return badRequest("error deleting policy %s: deletion is not allowed for this key", c.name)
		}
		delete(next.keys, c.name)
		return nil
	})
	return nil, err
}

// describe is the key object that create, read, rotate and config answer. Like
// Vault it lists the versions that are not archived, with their creation time
// in seconds since 1970, and never key bytes.
func describe(key transitKey) *reply {
	versions := make(map[string]int64)
	for i, v := range key.versions {
		if i+1 >= key.minDecryption {
			versions[strconv.Itoa(i+1)] = v.created.Unix()
		}
	}
	return &reply{data: map[string]any{
		"name":                   key.name,
		"type":                   key.keyType,
		"keys":                   versions,
		"latest_version":         key.latest(),
		"min_available_version":  0,
		"min_decryption_version": key.minDecryption,
		"min_encryption_version": key.minEncryption,
		"deletion_allowed":       key.deletionAllowed,
		"derived":                false,
		"exportable":             false,
		"allow_plaintext_backup": false,
		"imported_key":           false,
		"auto_rotate_period":     0,
		"supports_encryption":    false,
		"supports_decryption":    false,
		"supports_derivation":    false,
		"supports_signing":       false,
	}}
}
