package hsmsim

import (
	"crypto/subtle"
	"errors"
	"fmt"
)

var verifyFields = []string{
	"name", "input", "cmac", "hmac", "signature", "mac_length", "batch_input", "urlalgorithm",
	"context", "hash_algorithm", "algorithm", "signature_algorithm", "marshaling_algorithm", "prehashed", "salt_length",
}

// verifyResult is one element of the batch_results of transit/verify. Valid is
// always there, as since Vault 1.17.18, 1.18.11, 1.19.6 and 1.20.0.
type verifyResult struct {
	Valid     bool   `json:"valid"`
	Error     string `json:"error,omitempty"`
	Reference string `json:"reference"`
}

// verify serves POST transit/verify/:name(/:url_mac_length) for the "cmac"
// parameter. A tag that does not match is an answer (valid false); a malformed
// one is an error.
func (s *Server) verify(c *call) (*reply, error) {
	kind, err := verifyKind(c.fields)
	if err != nil {
		return nil, err
	}
	if kind != "cmac" {
		return nil, s.cannotVerify(c.name, kind)
	}
	if s.edition == Community {
		return nil, badRequest("key type cmac is only available in enterprise versions of Vault")
	}
	b, err := parseVerify(c)
	if err != nil {
		return nil, err
	}
	key, ok := s.store.read().keys[c.name]
	if !ok {
		return nil, badRequest("invalid request: key %s not found", c.name)
	}
	results := make([]verifyResult, len(b.items))
	for i, it := range b.items {
		results[i].Reference = it.reference
		if results[i].Valid, err = verifyItem(key, it); err != nil {
			results[i].Error = err.Error()
		}
	}
	if b.isBatch {
		return &reply{data: map[string]any{"batch_results": results}, warnings: b.warnings}, nil
	}
	if results[0].Error != "" {
		return nil, errors.New(results[0].Error)
	}
	return &reply{data: map[string]any{"valid": results[0].Valid}, warnings: b.warnings}, nil
}

// verifyKind tells which of signature, hmac and cmac a request wants verified.
// A batch may not mix them.
func verifyKind(f fields) (string, error) {
	items, isBatch, err := rawItems(f)
	if err != nil {
		return "", err
	}
	if !isBatch {
		return singleKind(f)
	}
	if len(items) == 0 {
		return "", badRequest("missing batch input to process")
	}
	kind, missing := "", false
	for _, it := range items {
		switch found := firstKind(it); {
		case found == "":
			missing = true
		case kind != "" && kind != found:
			return "", badRequest("elements of batch_input must all provide either 'signature', 'hmac' or 'cmac'")
		default:
			kind = found
		}
	}
	switch {
	case kind == "":
		return "", badRequest("no batch_input elements have 'signature', 'hmac' or 'cmac'")
	case missing:
		return "", badRequest("some elements of batch_input are missing '%s'", kind)
	}
	return kind, nil
}

var verifyKinds = []string{"signature", "hmac", "cmac"}

func firstKind(it fields) string {
	for _, kind := range verifyKinds {
		if it.has(kind) {
			return kind
		}
	}
	return ""
}

// singleKind is verifyKind without batch_input. When several are given Vault
// looks at the first of its list only; so does this.
func singleKind(f fields) (string, error) {
	kind := firstKind(f)
	if kind == "" {
		return "", badRequest("missing 'signature', 'hmac' or 'cmac' were given to verify")
	}
	return kind, nil
}

// cannotVerify words Vault's refusal of a signature or an HMAC under a key that
// makes neither.
func (s *Server) cannotVerify(name, kind string) error {
	key, ok := s.store.read().keys[name]
	switch {
	case !ok && kind == "hmac":
		return badRequest("encryption key not found")
	case !ok:
		return badRequest("signature verification key not found")
	case kind == "hmac":
		return badRequest("no HMAC key exists for that key version")
	}
	return badRequest("key type %s does not support verification", key.keyType)
}

func parseVerify(c *call) (batch, error) {
	b, err := parseBatch(c.fields, c.suffix)
	if err != nil {
		return batch{}, err
	}
	for i, it := range b.items {
		switch {
		case blank(it.input):
			return batch{}, badRequest("input field on item %d was blank", i)
		case blank(it.cmac):
			return batch{}, badRequest("cmac field on item %d was blank", i)
		}
		if err := checkMACLength(it.macLength); err != nil {
			return batch{}, badRequest("mac_length field on item %d was not valid: %v", i, err)
		}
	}
	return b, nil
}

// verifyItem checks one tag, under the version that it names.
func verifyItem(key transitKey, it item) (bool, error) {
	given, version, err := decodeTag(it.cmac)
	if err != nil {
		return false, err
	}
	if _, err := key.resolveVersion(version); err != nil {
		return false, fmt.Errorf("invalid key version for key %s: %w", key.name, err)
	}
	chosen, err := key.find(version)
	if err != nil {
		return false, err
	}
	want, err := computeCMAC(chosen.material, it.macLength, it.input)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(given, want) == 1, nil
}
