package transitcmac

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/vault/api"

	"badgekms/kms/an10922"
	"badgekms/kms/custody"
	"badgekms/reader/key"
)

// tagSize is the length in bytes of an untruncated AES-CMAC.
const tagSize = key.Size

// Derive implements custody.Custody with one call to Vault.
func (c *Custody) Derive(ctx context.Context, m custody.Master, inputs []an10922.M) ([]key.AES128, error) {
	if len(inputs) == 0 {
		return nil, nil
	}
	if err := c.Capabilities().CheckInputs(inputs); err != nil {
		return nil, err
	}
	messages := make([][]byte, len(inputs))
	for i, input := range inputs {
		messages[i] = input.Message()
	}
	tags, err := c.cmac(ctx, m.KeyName, m.KeyVersion, messages)
	if err != nil {
		return nil, err
	}
	keys := make([]key.AES128, len(tags))
	for i := range tags {
		if keys[i], err = key.NewAES128(tags[i][:]); err != nil {
			return nil, err
		}
		clear(tags[i][:])
	}
	return keys, nil
}

// KCV implements custody.Custody. It also refuses a key whose type is not
// aes128-cmac: aes256-cmac answers with 16 bytes as well, which are no AN10922
// keys of AES-128.
func (c *Custody) KCV(ctx context.Context, m custody.Master) (an10922.KCV, error) {
	if _, err := c.existing(ctx, m.KeyName); err != nil {
		return an10922.KCV{}, err
	}
	tags, err := c.cmac(ctx, m.KeyName, m.KeyVersion, [][]byte{make([]byte, tagSize)})
	if err != nil {
		return an10922.KCV{}, err
	}
	return an10922.KCV(tags[0][:an10922.KCVSize]), nil
}

// cmac returns the CMAC of each message, in order, under one version of a key.
// Version 0 would mean "the latest" to Vault and is refused: a derivation that
// does not name its version changes its answer when the key is rotated.
func (c *Custody) cmac(ctx context.Context, name string, version int, messages [][]byte) ([][tagSize]byte, error) {
	if version < 1 {
		return nil, fmt.Errorf("%w: %s version %d; versions begin at 1", custody.ErrUnknownMaster, name, version)
	}
	if strings.ContainsFunc(name, notInName) || name == "" {
		return nil, fmt.Errorf("%w: %q is not a name of a key", custody.ErrUnknownMaster, name)
	}
	items := make([]map[string]any, len(messages))
	for i, message := range messages {
		items[i] = map[string]any{"input": base64.StdEncoding.EncodeToString(message), "reference": strconv.Itoa(i)}
	}
	secret, err := c.do(ctx, call{op: "cmac", name: name, body: map[string]any{"key_version": version, "batch_input": items}})
	if err != nil {
		return nil, err
	}
	tags, err := parseBatch(secret, version, len(messages))
	if err != nil {
		return nil, fmt.Errorf("%s version %d: %w", name, version, err)
	}
	return tags, nil
}

// parseBatch reads data.batch_results[{cmac | error, reference}].
func parseBatch(secret *api.Secret, version, want int) ([][tagSize]byte, error) {
	if secret == nil {
		return nil, fmt.Errorf("%w: an empty answer", custody.ErrWrongAnswer)
	}
	results, _ := secret.Data["batch_results"].([]any)
	if len(results) != want {
		return nil, fmt.Errorf("%w: %d results for %d inputs", custody.ErrWrongAnswer, len(results), want)
	}
	tags := make([][tagSize]byte, want)
	for i, result := range results {
		tag, err := parseItem(result, i, version)
		if err != nil {
			return nil, fmt.Errorf("result %d: %w", i, err)
		}
		tags[i] = tag
	}
	return tags, nil
}

func parseItem(result any, index, version int) ([tagSize]byte, error) {
	item, _ := result.(map[string]any)
	if text, failed := item["error"].(string); failed && text != "" {
		cure, kind := badRequest(text)
		return [tagSize]byte{}, fmt.Errorf("%w: Vault answered %q; %s", kind, text, cure)
	}
	// Vault returns the reference as it was given; a release without
	// references keeps the order, which its documentation promises.
	if reference, given := item["reference"].(string); given && reference != strconv.Itoa(index) {
		return [tagSize]byte{}, fmt.Errorf("%w: it belongs to input %q", custody.ErrWrongAnswer, reference)
	}
	value, _ := item["cmac"].(string)
	return parseTag(value, version)
}

// parseTag reads "vault:v<version>:<standard base64>" strictly. A longer value
// is what Vault Enterprise 1.17.0 and 1.17.1 answered: the input, then a CMAC
// of nothing. The value is a key and in no error.
func parseTag(value string, version int) ([tagSize]byte, error) {
	var tag [tagSize]byte
	text, ok := strings.CutPrefix(value, "vault:v"+strconv.Itoa(version)+":")
	if !ok {
		return tag, fmt.Errorf("%w: a CMAC that does not begin with \"vault:v%d:\"", custody.ErrWrongAnswer, version)
	}
	// The decoder skips line breaks even when it is strict.
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return tag, fmt.Errorf("%w: a CMAC that is not base64", custody.ErrWrongAnswer)
	}
	defer clear(b)
	if len(b) != tagSize {
		return tag, fmt.Errorf("%w: a CMAC of %d bytes where AES gives %d; Vault Enterprise 1.17.0 and 1.17.1 have this fault: upgrade Vault before any badge is issued", custody.ErrWrongAnswer, len(b), tagSize)
	}
	copy(tag[:], b)
	return tag, nil
}

// errMissing is for a key that Vault does not have.
func errMissing(name string) error {
	return fmt.Errorf("%w: Vault has no key %q; restore it, or correct the key prefix", custody.ErrUnknownMaster, name)
}
