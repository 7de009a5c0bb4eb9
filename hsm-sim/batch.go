package hsmsim

import (
	"crypto/aes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/aead/cmac"
)

// item is one element of batch_input, or the only one of a request without it.
type item struct {
	input     string // standard base64
	macLength int    // bytes, 0 is all 16
	reference string
	cmac      string // verify only: "vault:v<version>:<standard base64>"
}

// batch is the parsed body of a cmac or verify request.
type batch struct {
	isBatch  bool
	items    []item
	warnings []string
}

// rawItems gives batch_input as objects; given tells whether there was any.
func rawItems(f fields) (items []fields, given bool, err error) {
	if !f.has("batch_input") {
		return nil, false, nil
	}
	list, ok := f["batch_input"].([]any)
	if !ok {
		return nil, true, badRequest("failed to parse batch input: expected a list")
	}
	for i, element := range list {
		object, ok := element.(map[string]any)
		if !ok {
			return nil, true, badRequest("failed to parse batch input: '[%d]' expected a map", i)
		}
		items = append(items, object)
	}
	return items, true, nil
}

// parseBatch reads the items of a cmac or verify request; suffix is the MAC
// length in the path, which wins over the body and over the items.
func parseBatch(f fields, suffix string) (batch, error) {
	urlLength, err := urlMACLength(suffix)
	if err != nil {
		return batch{}, err
	}
	var b batch
	raw, isBatch, err := rawItems(f)
	switch {
	case err != nil:
		return batch{}, err
	case isBatch:
		b.isBatch = true
		err = b.readItems(raw)
	default:
		err = b.readSingle(f)
	}
	if err != nil {
		return batch{}, err
	}
	if len(b.items) == 0 {
		return batch{}, badRequest("no inputs to process")
	}
	if suffix != "" {
		b.override(urlLength)
	}
	return b, nil
}

func urlMACLength(suffix string) (int, error) {
	if suffix == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(suffix)
	if err != nil {
		return 0, badRequest("the url mac-length parameter failed parsing: %v", err)
	}
	if err := checkMACLength(n); err != nil {
		return 0, badRequest("the url mac-length parameter is invalid: %v", err)
	}
	return n, nil
}

func checkMACLength(n int) error {
	switch {
	case n < 0:
		return fmt.Errorf("must not be less than 0")
	case n > aes.BlockSize:
		return fmt.Errorf("must not be greater than %d", aes.BlockSize)
	}
	return nil
}

// readSingle reads the body of a request without batch_input.
func (b *batch) readSingle(f fields) error {
	var one item
	var err error
	if one.input, err = f.text("input"); err != nil {
		return err
	}
	if one.cmac, err = f.text("cmac"); err != nil {
		return err
	}
	if one.macLength, err = f.integer("mac_length"); err != nil {
		return err
	}
	b.items = []item{one}
	return nil
}

// readItems reads batch_input. Types are strict here, as in Vault: a number is
// no string, and a string no number.
func (b *batch) readItems(raw []fields) error {
	b.items = make([]item, len(raw))
	for i, object := range raw {
		it := &b.items[i]
		for name, field := range map[string]*string{
			"input": &it.input, "cmac": &it.cmac, "reference": &it.reference,
		} {
			if err := readItemText(object, i, name, field); err != nil {
				return err
			}
		}
		if object.has("mac_length") {
			number, _ := object["mac_length"].(json.Number)
			n, err := strconv.Atoi(number.String())
			if err != nil {
				return badRequest("failed to parse batch input: '[%d].mac_length' expected type 'int'", i)
			}
			it.macLength = n
		}
		if object.has("key_version") {
			b.warnings = append(b.warnings, fmt.Sprintf(
				"input item %d has a key_version, which is ignored: one request uses one key_version, given outside batch_input", i))
		}
	}
	return nil
}

func readItemText(object fields, i int, name string, into *string) error {
	if !object.has(name) {
		return nil
	}
	text, ok := object[name].(string)
	if !ok {
		return badRequest("failed to parse batch input: '[%d].%s' expected type 'string'", i, name)
	}
	*into = text
	return nil
}

func (b *batch) override(urlLength int) {
	for i := range b.items {
		if given := b.items[i].macLength; given != 0 {
			b.warnings = append(b.warnings, fmt.Sprintf(
				"input item %d mac_length of %d overridden by url_mac_length %d", i, given, urlLength))
		}
		b.items[i].macLength = urlLength
	}
}

// computeCMAC is AES-CMAC (RFC 4493) of a base64 input, cut to macLength bytes
// (0 is all 16).
func computeCMAC(key keyBytes, macLength int, input string) ([]byte, error) {
	message, err := base64.StdEncoding.DecodeString(input)
	if err != nil {
		return nil, fmt.Errorf("failed base 64 decoding: %w", err)
	}
	block, err := aes.NewCipher(key.reveal())
	if err != nil {
		return nil, err
	}
	if macLength == 0 {
		macLength = aes.BlockSize
	}
	// The message goes in by Write, never by Sum: Sum(message) would append
	// the CMAC of nothing to it, the bug of Vault 1.17.0.
	hash, err := cmac.NewWithTagSize(block, macLength)
	if err != nil {
		return nil, fmt.Errorf("failed generating cmac hash function: %w", err)
	}
	hash.Write(message)
	return hash.Sum(nil), nil
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

// encodeTag words a tag as Vault does.
func encodeTag(tag []byte, version int) string {
	return fmt.Sprintf("vault:v%d:%s", version, base64.StdEncoding.EncodeToString(tag))
}

// decodeTag is the reverse of encodeTag.
func decodeTag(s string) (tag []byte, version int, err error) {
	rest, ok := strings.CutPrefix(s, "vault:v")
	if !ok {
		return nil, 0, fmt.Errorf("prefix is not vault:v")
	}
	number, encoded, ok := strings.Cut(rest, ":")
	if !ok {
		return nil, 0, fmt.Errorf("wrong number of fields delimited by ':', got 1 expected 2")
	}
	if version, err = strconv.Atoi(number); err != nil {
		// "count" is Vault's own spelling.
		return nil, 0, fmt.Errorf("key version number %s count not be decoded", number)
	}
	if version < 1 {
		return nil, 0, fmt.Errorf("key version less than 1 are invalid got: %d", version)
	}
	if blank(encoded) {
		return nil, 0, fmt.Errorf("missing base64 verification string from vault signature")
	}
	if tag, err = base64.StdEncoding.DecodeString(encoded); err != nil {
		return nil, 0, fmt.Errorf("unable to decode verification string as base64: %w", err)
	}
	return tag, version, nil
}
