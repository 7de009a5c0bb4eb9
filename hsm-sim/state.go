package hsmsim

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// state is everything that survives a restart. A published state is never
// changed: an update clones it, changes the clone and publishes that.
type state struct {
	clusterID string
	root      rootToken
	keys      map[string]transitKey
}

// rootToken is what is kept of the token: enough to recognise it, not to
// repeat it.
type rootToken struct {
	hash     [sha256.Size]byte
	accessor string
	created  time.Time
}

func (s *state) clone() *state {
	next := *s
	next.keys = maps.Clone(s.keys)
	return &next
}

// newState draws a cluster id and a root token. The token itself is returned
// once and kept nowhere.
func newState(random io.Reader, now time.Time) (*state, string, error) {
	id, err := uuid.NewRandomFromReader(random)
	if err != nil {
		return nil, "", fmt.Errorf("draw a cluster id: %w", err)
	}
	token, root, err := newRootToken(random, now)
	if err != nil {
		return nil, "", err
	}
	return &state{clusterID: id.String(), root: root, keys: map[string]transitKey{}}, token, nil
}

// The saved types are the JSON inside the encrypted state file; the only
// place where key bytes are encoded.
type (
	savedState struct {
		ClusterID string     `json:"cluster_id"`
		Root      savedToken `json:"root_token"`
		Keys      []savedKey `json:"keys"`
	}
	savedToken struct {
		Hash     []byte    `json:"sha256"`
		Accessor string    `json:"accessor"`
		Created  time.Time `json:"created"`
	}
	savedKey struct {
		Name            string         `json:"name"`
		Type            string         `json:"type"`
		Versions        []savedVersion `json:"versions"`
		MinDecryption   int            `json:"min_decryption_version"`
		MinEncryption   int            `json:"min_encryption_version"`
		DeletionAllowed bool           `json:"deletion_allowed"`
	}
	savedVersion struct {
		Key     []byte    `json:"key"`
		Created time.Time `json:"created"`
	}
)

// encode gives the state as JSON, with the keys in the clear.
func (s *state) encode() ([]byte, error) {
	saved := savedState{
		ClusterID: s.clusterID,
		Root:      savedToken{Hash: s.root.hash[:], Accessor: s.root.accessor, Created: s.root.created},
	}
	for _, name := range slices.Sorted(maps.Keys(s.keys)) {
		saved.Keys = append(saved.Keys, saveKey(s.keys[name]))
	}
	return json.Marshal(saved)
}

func saveKey(k transitKey) savedKey {
	saved := savedKey{
		Name: k.name, Type: k.keyType,
		MinDecryption: k.minDecryption, MinEncryption: k.minEncryption,
		DeletionAllowed: k.deletionAllowed,
	}
	for _, v := range k.versions {
		saved.Versions = append(saved.Versions, savedVersion{Key: v.material.reveal(), Created: v.created})
	}
	return saved
}

// decodeState reads what encode wrote. It refuses unknown fields and any key
// that could not have been made here, rather than guess.
func decodeState(payload []byte) (*state, error) {
	var saved savedState
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&saved); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data after the end of the state")
	}
	if len(saved.Root.Hash) != sha256.Size {
		return nil, fmt.Errorf("the root token's hash has %d bytes, want %d", len(saved.Root.Hash), sha256.Size)
	}
	s := &state{
		clusterID: saved.ClusterID,
		root:      rootToken{accessor: saved.Root.Accessor, created: saved.Root.Created},
		keys:      make(map[string]transitKey, len(saved.Keys)),
	}
	copy(s.root.hash[:], saved.Root.Hash)
	for _, savedKey := range saved.Keys {
		k := loadKey(savedKey)
		if err := k.validate(); err != nil {
			return nil, err
		}
		if _, twice := s.keys[k.name]; twice {
			return nil, fmt.Errorf("key %s is there twice", k.name)
		}
		s.keys[k.name] = k
	}
	return s, nil
}

func loadKey(saved savedKey) transitKey {
	k := transitKey{
		name: saved.Name, keyType: saved.Type,
		minDecryption: saved.MinDecryption, minEncryption: saved.MinEncryption,
		deletionAllowed: saved.DeletionAllowed,
	}
	for _, v := range saved.Versions {
		k.versions = append(k.versions, keyVersion{material: newKeyBytes(v.Key), created: v.Created})
	}
	return k
}
