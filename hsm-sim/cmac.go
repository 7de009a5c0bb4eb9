package hsmsim

import (
	"errors"
	"fmt"
)

var cmacFields = []string{"name", "input", "mac_length", "url_mac_length", "key_version", "batch_input"}

// cmacResult is one element of the batch_results of transit/cmac.
type cmacResult struct {
	CMAC      string `json:"cmac,omitempty"`
	Error     string `json:"error,omitempty"`
	Reference string `json:"reference"`
}

// cmac serves POST transit/cmac/:name(/:url_mac_length): the AES-CMAC of input
// or of each item of batch_input, in order, all under one key_version.
//
// A batch with bad items answers 200 and names the error in the item; blank
// inputs and an unusable key refuse the whole request.
func (s *Server) cmac(c *call) (*reply, error) {
	b, err := parseBatch(c.fields, c.suffix)
	if err != nil {
		return nil, err
	}
	for i, it := range b.items {
		if blank(it.input) {
			return nil, badRequest("input item %d was blank", i)
		}
	}
	asked, err := c.fields.integer("key_version")
	if err != nil {
		return nil, err
	}
	version, chosen, err := s.cmacKey(c.name, asked)
	if err != nil {
		return nil, err
	}
	results := make([]cmacResult, len(b.items))
	for i, it := range b.items {
		results[i].Reference = it.reference
		tag, err := computeCMAC(chosen.material, it.macLength, it.input)
		if err != nil {
			results[i].Error = fmt.Sprintf("failed processing item %d: %v", i, err)
			continue
		}
		results[i].CMAC = encodeTag(tag, version)
	}
	if b.isBatch {
		return &reply{data: map[string]any{"batch_results": results}, warnings: b.warnings}, nil
	}
	if results[0].Error != "" {
		return nil, errors.New(results[0].Error)
	}
	return &reply{data: map[string]any{"cmac": results[0].CMAC}, warnings: b.warnings}, nil
}

// cmacKey finds the key version that a request may compute with.
func (s *Server) cmacKey(name string, asked int) (version int, chosen keyVersion, err error) {
	key, ok := s.store.read().keys[name]
	if !ok {
		return 0, keyVersion{}, badRequest("invalid request: key %s not found", name)
	}
	if version, err = key.resolveVersion(asked); err != nil {
		return 0, keyVersion{}, badRequest("%v", err)
	}
	if chosen, err = key.find(version); err != nil {
		return 0, keyVersion{}, badRequest("%v", err)
	}
	return version, chosen, nil
}
