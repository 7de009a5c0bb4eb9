package hsmsim

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// keySizes holds the key types of Vault's "type" parameter that exist here,
// with the length of their keys in bytes.
var keySizes = map[string]int{
	"aes128-cmac": 16,
	"aes256-cmac": 32,
}

// keyTypeNames lists the supported types in a fixed order, for messages.
func keyTypeNames() []string { return slices.Sorted(maps.Keys(keySizes)) }

// keyVersion is one generation of a Transit key.
type keyVersion struct {
	material keyBytes
	created  time.Time
}

// transitKey is a named key with all its versions. Version numbers start at 1
// and have no gaps: versions[0] is version 1. Values are never changed in
// place once they are part of a published state.
type transitKey struct {
	name     string
	keyType  string
	versions []keyVersion
	// minDecryption is min_decryption_version, at least 1. Vault archives
	// the versions below it: they exist but cannot be used.
	minDecryption int
	// minEncryption is min_encryption_version; 0 is "not set".
	minEncryption   int
	deletionAllowed bool
}

func (k transitKey) latest() int { return len(k.versions) }

// rotated returns the key with one version more.
func (k transitKey) rotated(v keyVersion) transitKey {
	k.versions = append(slices.Clip(k.versions), v)
	return k
}

// resolveVersion turns a requested key_version (0 is the latest) into a number
// allowed by min_encryption_version. Whether it exists is find's business.
func (k transitKey) resolveVersion(version int) (int, error) {
	switch {
	case version < 0:
		return 0, fmt.Errorf("cannot use negative key version %d", version)
	case version == 0:
		return k.latest(), nil
	case version != k.latest() && version < k.minEncryption:
		return 0, fmt.Errorf("cannot use key version %d: version is too old (disallowed by policy) for key %s",
			version, k.name)
	}
	return version, nil
}

// find returns a version that exists and is not archived.
func (k transitKey) find(version int) (keyVersion, error) {
	switch {
	case version > k.latest():
		return keyVersion{}, k.cannotFetch(version,
			fmt.Sprintf("key version does not exist; latest key version is %d", k.latest()))
	case version < k.minDecryption:
		return keyVersion{}, k.cannotFetch(version, "no such key version")
	}
	return k.versions[version-1], nil
}

func (k transitKey) cannotFetch(version int, why string) error {
	return fmt.Errorf("failed fetching CMAC key for %s with version %d: %s", k.name, version, why)
}

// validate checks what a state file says about a key.
func (k transitKey) validate() error {
	size, known := keySizes[k.keyType]
	switch {
	case !keyName.MatchString(k.name):
		return fmt.Errorf("%q is not a key name", k.name)
	case !known:
		return fmt.Errorf("key %s has the unknown type %q", k.name, k.keyType)
	case len(k.versions) == 0:
		return fmt.Errorf("key %s has no version", k.name)
	case k.minDecryption < 1 || k.minDecryption > k.latest():
		return fmt.Errorf("key %s has min_decryption_version %d of %d versions", k.name, k.minDecryption, k.latest())
	case k.minEncryption < 0 || k.minEncryption > k.latest():
		return fmt.Errorf("key %s has min_encryption_version %d of %d versions", k.name, k.minEncryption, k.latest())
	case k.minEncryption > 0 && k.minEncryption < k.minDecryption:
		return fmt.Errorf("key %s has min_encryption_version %d below min_decryption_version %d",
			k.name, k.minEncryption, k.minDecryption)
	}
	for i, v := range k.versions {
		if len(v.material.reveal()) != size {
			return fmt.Errorf("key %s version %d has %d bytes, want %d", k.name, i+1, len(v.material.reveal()), size)
		}
	}
	return nil
}
