package custodytest

import (
	"context"
	"fmt"
	"io"
	"sync"

	"badgekms/kms/an10922"
	"badgekms/kms/custody"
	"badgekms/reader/key"
)

// ModeInsecureMemory is the mode of InsecureMemory.
const ModeInsecureMemory custody.Mode = "insecure-memory"

// InsecureMemory is a custody for tests: its masters are in this process, in
// clear, and gone when it ends. It computes AN10922 itself, so it serves every
// M of 1 to 31 bytes.
type InsecureMemory struct {
	random io.Reader
	mu     sync.RWMutex
	keys   map[string][]*an10922.Master // by domain; version 1 first
}

var _ custody.Custody = (*InsecureMemory)(nil)

// NewInsecureMemory draws its masters from random.
func NewInsecureMemory(random io.Reader) *InsecureMemory {
	return &InsecureMemory{random: random, keys: map[string][]*an10922.Master{}}
}

// Put adds k as the next version of a domain's master.
func (s *InsecureMemory) Put(domain string, generation int, k key.AES128) custody.Master {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[domain] = append(s.keys[domain], an10922.NewMaster(k))
	return custody.Master{Domain: domain, Generation: generation, KeyName: keyName(domain), KeyVersion: len(s.keys[domain])}
}

func keyName(domain string) string { return "memory-" + domain }

// Capabilities implements custody.Custody.
func (s *InsecureMemory) Capabilities() custody.Capabilities {
	return custody.Capabilities{Mode: ModeInsecureMemory, ShortestM: an10922.MinM, Origin: custody.OriginToken}
}

func (s *InsecureMemory) find(ctx context.Context, m custody.Master) (*an10922.Master, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", custody.ErrUnavailable, err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	versions := s.keys[m.Domain]
	if m.KeyName != keyName(m.Domain) || m.KeyVersion < 1 || m.KeyVersion > len(versions) {
		return nil, fmt.Errorf("%w: %s version %d", custody.ErrUnknownMaster, m.KeyName, m.KeyVersion)
	}
	return versions[m.KeyVersion-1], nil
}

// Derive implements custody.Custody.
func (s *InsecureMemory) Derive(ctx context.Context, m custody.Master, inputs []an10922.M) ([]key.AES128, error) {
	if len(inputs) == 0 {
		return nil, nil
	}
	if err := s.Capabilities().CheckInputs(inputs); err != nil {
		return nil, err
	}
	master, err := s.find(ctx, m)
	if err != nil {
		return nil, err
	}
	keys := make([]key.AES128, len(inputs))
	for i, input := range inputs {
		if keys[i], err = master.Derive(input); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// KCV implements custody.Custody.
func (s *InsecureMemory) KCV(ctx context.Context, m custody.Master) (an10922.KCV, error) {
	master, err := s.find(ctx, m)
	if err != nil {
		return an10922.KCV{}, err
	}
	return master.KCV(), nil
}

// CreateMaster implements custody.Custody.
func (s *InsecureMemory) CreateMaster(ctx context.Context, domain string, generation int) (custody.Master, error) {
	return s.add(ctx, domain, generation, func(versions int) error {
		if versions > 0 {
			return fmt.Errorf("%w: %s", custody.ErrExists, keyName(domain))
		}
		return nil
	})
}

// Rotate implements custody.Custody.
func (s *InsecureMemory) Rotate(ctx context.Context, domain string, generation int) (custody.Master, error) {
	return s.add(ctx, domain, generation, func(versions int) error {
		if versions == 0 {
			return fmt.Errorf("%w: %s", custody.ErrUnknownMaster, keyName(domain))
		}
		return nil
	})
}

// add puts a fresh key when allowed agrees with the number of versions.
func (s *InsecureMemory) add(ctx context.Context, domain string, generation int, allowed func(versions int) error) (custody.Master, error) {
	if err := custody.CheckName(domain); err != nil {
		return custody.Master{}, err
	}
	if err := ctx.Err(); err != nil {
		return custody.Master{}, fmt.Errorf("%w: %w", custody.ErrUnavailable, err)
	}
	s.mu.RLock()
	err := allowed(len(s.keys[domain]))
	s.mu.RUnlock()
	if err != nil {
		return custody.Master{}, err
	}
	k, err := key.GenerateAES128(s.random)
	if err != nil {
		return custody.Master{}, err
	}
	defer k.Destroy()
	return s.Put(domain, generation, k), nil
}

// Check implements custody.Custody.
func (s *InsecureMemory) Check(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", custody.ErrUnavailable, err)
	}
	return nil
}
