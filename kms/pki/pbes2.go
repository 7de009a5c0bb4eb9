package pki

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
)

// The encryption of a CA key at rest: PKCS #8 EncryptedPrivateKeyInfo (RFC 5958
// §3) under PBES2 (RFC 8018 §6.2) with PBKDF2, HMAC-SHA-256 and AES-256-CBC.
// "openssl pkcs8" reads and writes the same.

// ErrPassphrase is wrapped by the error for a passphrase that does not open the
// key, or for a damaged key file: PBES2 cannot tell the two apart.
var ErrPassphrase = errors.New("wrong passphrase, or damaged key file")

var (
	oidPBES2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidHMACSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}
	oidAES256CBC  = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
)

const (
	pbkdf2Iterations    = 600_000
	pbkdf2MaxIterations = 10_000_000 // what a file may ask for
	pbkdf2SaltSize      = 16
	aes256KeySize       = 32
)

type encryptedPrivateKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Data      []byte
}

type pbes2Params struct {
	Derivation pkix.AlgorithmIdentifier
	Encryption pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt       []byte
	Iterations int
	KeyLength  int `asn1:"optional"`
	PRF        pkix.AlgorithmIdentifier
}

// encryptPKCS8 encrypts a DER PrivateKeyInfo. The passphrase is not empty.
func encryptPKCS8(der, passphrase []byte, iterations int, random io.Reader) ([]byte, error) {
	fresh := make([]byte, pbkdf2SaltSize+aes.BlockSize)
	if _, err := io.ReadFull(random, fresh); err != nil {
		return nil, fmt.Errorf("draw the salt of a key file: %w", err)
	}
	salt, iv := fresh[:pbkdf2SaltSize], fresh[pbkdf2SaltSize:]
	block, err := pbkdf2Block(passphrase, salt, iterations)
	if err != nil {
		return nil, err
	}
	padding := aes.BlockSize - len(der)%aes.BlockSize
	data := append(bytes.Clone(der), bytes.Repeat([]byte{byte(padding)}, padding)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(data, data)
	return marshalPBES2(salt, iterations, iv, data)
}

func marshalPBES2(salt []byte, iterations int, iv, data []byte) ([]byte, error) {
	derivation, err := asn1.Marshal(pbkdf2Params{
		Salt: salt, Iterations: iterations,
		PRF: pkix.AlgorithmIdentifier{Algorithm: oidHMACSHA256, Parameters: asn1.NullRawValue},
	})
	if err != nil {
		return nil, err
	}
	wrappedIV, err := asn1.Marshal(iv)
	if err != nil {
		return nil, err
	}
	params, err := asn1.Marshal(pbes2Params{
		Derivation: pkix.AlgorithmIdentifier{Algorithm: oidPBKDF2, Parameters: asn1.RawValue{FullBytes: derivation}},
		Encryption: pkix.AlgorithmIdentifier{Algorithm: oidAES256CBC, Parameters: asn1.RawValue{FullBytes: wrappedIV}},
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(encryptedPrivateKeyInfo{
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidPBES2, Parameters: asn1.RawValue{FullBytes: params}},
		Data:      data,
	})
}

// decryptPKCS8 is the inverse of encryptPKCS8. What it returns is only as good
// as its parse: CBC has no integrity.
func decryptPKCS8(encrypted, passphrase []byte) ([]byte, error) {
	var info encryptedPrivateKeyInfo
	var scheme pbes2Params
	var kdf pbkdf2Params
	var iv []byte
	for _, step := range []struct {
		into any
		from func() []byte
	}{
		{&info, func() []byte { return encrypted }},
		{&scheme, func() []byte { return info.Algorithm.Parameters.FullBytes }},
		{&kdf, func() []byte { return scheme.Derivation.Parameters.FullBytes }},
		{&iv, func() []byte { return scheme.Encryption.Parameters.FullBytes }},
	} {
		if rest, err := asn1.Unmarshal(step.from(), step.into); err != nil || len(rest) > 0 {
			return nil, fmt.Errorf("%w: not a PKCS #8 key under PBES2", ErrPassphrase)
		}
	}
	if !info.Algorithm.Algorithm.Equal(oidPBES2) || !scheme.Derivation.Algorithm.Equal(oidPBKDF2) ||
		!kdf.PRF.Algorithm.Equal(oidHMACSHA256) || !scheme.Encryption.Algorithm.Equal(oidAES256CBC) {
		return nil, errors.New("the key is encrypted in another way than PBES2 with HMAC-SHA-256 and AES-256-CBC: convert it with openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256")
	}
	if kdf.Iterations < 1 || kdf.Iterations > pbkdf2MaxIterations || len(iv) != aes.BlockSize ||
		len(info.Data) == 0 || len(info.Data)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("%w: parameters out of range", ErrPassphrase)
	}
	block, err := pbkdf2Block(passphrase, kdf.Salt, kdf.Iterations)
	if err != nil {
		return nil, err
	}
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(info.Data, info.Data)
	return unpad(info.Data)
}

func unpad(data []byte) ([]byte, error) {
	padding := int(data[len(data)-1])
	if padding < 1 || padding > aes.BlockSize ||
		!bytes.Equal(data[len(data)-padding:], bytes.Repeat([]byte{byte(padding)}, padding)) {
		return nil, ErrPassphrase
	}
	return data[:len(data)-padding], nil
}

func pbkdf2Block(passphrase, salt []byte, iterations int) (cipher.Block, error) {
	k, err := pbkdf2.Key(sha256.New, string(passphrase), salt, iterations, aes256KeySize)
	if err != nil {
		return nil, fmt.Errorf("derive the key of a key file: %w", err)
	}
	return aes.NewCipher(k)
}
