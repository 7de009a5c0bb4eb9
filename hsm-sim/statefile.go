package hsmsim

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/argon2"
)

// The state file, format version 1. Integers are big endian.
//
//	offset  bytes
//	0       7   magic "HSM-SIM"
//	7       1   format version, 1
//	8       4   Argon2id passes
//	12      4   Argon2id memory, KiB
//	16      1   Argon2id lanes
//	17      16  Argon2id salt
//	33      12  AES-GCM nonce, new for every write
//	45      n   AES-256-GCM ciphertext and its 16-byte tag (NIST SP 800-38D);
//	            the 45 bytes before are its additional authenticated data
//	45+n    32  SHA-256 of all bytes before
//
// The AES key is Argon2id(passphrase, salt) (RFC 9106). The checksum needs no
// passphrase, so that an accident to the file and a wrong passphrase give
// different errors; authenticity is the business of AES-GCM alone.
const (
	stateMagic    = "HSM-SIM"
	stateVersion  = 1
	costOffset    = 8
	saltOffset    = 17
	nonceOffset   = 33
	bodyOffset    = 45
	saltSize      = nonceOffset - saltOffset
	nonceSize     = bodyOffset - nonceOffset
	tagSize       = 16
	stateMinSize  = bodyOffset + tagSize + sha256.Size
	stateMaxBytes = 64 << 20
)

// argonCost is the work of one passphrase guess. The limits keep a damaged or
// hostile header from using up the machine before the passphrase is checked.
type argonCost struct {
	passes, memoryKiB uint32
	lanes             uint8
}

// defaultCost is the second recommended option of RFC 9106 §4.
var defaultCost = argonCost{passes: 3, memoryKiB: 64 << 10, lanes: 4}

func (c argonCost) reasonable() bool {
	return c.passes >= 1 && c.passes <= 16 &&
		c.lanes >= 1 && c.lanes <= 16 &&
		c.memoryKiB >= 8*uint32(c.lanes) && c.memoryKiB <= 256<<10
}

// sealer encrypts states under one passphrase. The costly derivation is done
// once; every write has its own nonce.
type sealer struct {
	prefix []byte // the header up to the nonce
	aead   cipher.AEAD
}

// newSealer derives the key of a new state file.
func newSealer(random io.Reader, passphrase []byte, cost argonCost) (*sealer, error) {
	prefix := append([]byte(stateMagic), stateVersion)
	prefix = binary.BigEndian.AppendUint32(prefix, cost.passes)
	prefix = binary.BigEndian.AppendUint32(prefix, cost.memoryKiB)
	prefix = append(prefix, cost.lanes)
	prefix = append(prefix, make([]byte, saltSize)...)
	if _, err := io.ReadFull(random, prefix[saltOffset:]); err != nil {
		return nil, fmt.Errorf("draw a salt: %w", err)
	}
	return sealerFor(prefix, passphrase), nil
}

// sealerFor derives the key that belongs to a header.
func sealerFor(prefix, passphrase []byte) *sealer {
	cost := costOf(prefix)
	key := argon2.IDKey(passphrase, prefix[saltOffset:nonceOffset], cost.passes, cost.memoryKiB, cost.lanes, 32)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("hsmsim: internal error: AES refused a 32-byte key: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("hsmsim: internal error: GCM refused AES: " + err.Error())
	}
	return &sealer{prefix: prefix, aead: aead}
}

func costOf(header []byte) argonCost {
	return argonCost{
		passes:    binary.BigEndian.Uint32(header[costOffset:]),
		memoryKiB: binary.BigEndian.Uint32(header[costOffset+4:]),
		lanes:     header[costOffset+8],
	}
}

// seal encrypts a state's payload into the bytes of a state file.
func (s *sealer) seal(random io.Reader, payload []byte) ([]byte, error) {
	header := append(bytes.Clone(s.prefix), make([]byte, nonceSize)...)
	if _, err := io.ReadFull(random, header[nonceOffset:]); err != nil {
		return nil, fmt.Errorf("draw a nonce: %w", err)
	}
	file := s.aead.Seal(bytes.Clone(header), header[nonceOffset:], payload, header)
	sum := sha256.Sum256(file)
	return append(file, sum[:]...), nil
}

// unseal opens a state file. The error wraps ErrStateDamaged,
// ErrStateVersion or ErrPassphrase; the payload is nil then.
func unseal(file, passphrase []byte) (payload []byte, s *sealer, err error) {
	if err := checkStateFile(file); err != nil {
		return nil, nil, err
	}
	body := file[:len(file)-sha256.Size]
	s = sealerFor(bytes.Clone(file[:nonceOffset]), passphrase)
	payload, err = s.aead.Open(nil, body[nonceOffset:bodyOffset], body[bodyOffset:], body[:bodyOffset])
	if err != nil {
		return nil, nil, fmt.Errorf("%w: use the passphrase that the file was created with", ErrPassphrase)
	}
	return payload, s, nil
}

// checkStateFile finds everything that is wrong with a file without the
// passphrase.
func checkStateFile(file []byte) error {
	switch {
	case len(file) < stateMinSize:
		return damaged(fmt.Sprintf("it has %d bytes, fewer than any state file", len(file)))
	case len(file) > stateMaxBytes:
		return damaged(fmt.Sprintf("it has %d bytes, more than the limit of %d", len(file), stateMaxBytes))
	case string(file[:len(stateMagic)]) != stateMagic:
		return damaged("it does not begin like an hsm-sim state file")
	case file[len(stateMagic)] != stateVersion:
		return fmt.Errorf("%w %d: this program reads version %d; use the program that wrote it",
			ErrStateVersion, file[len(stateMagic)], stateVersion)
	}
	end := len(file) - sha256.Size
	sum := sha256.Sum256(file[:end])
	switch {
	case !bytes.Equal(sum[:], file[end:]):
		return damaged("its checksum does not match, it was cut short or changed")
	case !costOf(file).reasonable():
		return damaged("its key derivation cost is out of bounds")
	}
	return nil
}

func damaged(why string) error {
	return fmt.Errorf("%w: %s; put back a copy of the file (it was not touched)", ErrStateDamaged, why)
}

var errNoPassphrase = errors.New("a state file needs a passphrase: set Options.Passphrase")
