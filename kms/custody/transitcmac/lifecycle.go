package transitcmac

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"badgekms/kms/custody"
)

// keyType is Vault's name of AES-128 keys for CMAC.
const keyType = "aes128-cmac"

// keyInfo is what transit/keys/:name tells of a key.
type keyInfo struct {
	kind   string
	latest int
}

// CreateMaster implements custody.Custody. Vault answers a second creation as
// if it were the first, so the key is looked up before; of two creations at
// the very same time both may succeed with the same master, which the registry
// refuses to record twice.
func (c *Custody) CreateMaster(ctx context.Context, domain string, generation int) (custody.Master, error) {
	if err := custody.CheckName(domain); err != nil {
		return custody.Master{}, err
	}
	name := c.keyName(domain)
	_, found, err := c.read(ctx, name)
	if err != nil {
		return custody.Master{}, err
	}
	if found {
		return custody.Master{}, fmt.Errorf("%w: Vault has a key %q; if no badge uses it, rotate the domain to get a version of it that is certainly new, or choose another name", custody.ErrExists, name)
	}
	info, err := c.create(ctx, name)
	if err != nil {
		return custody.Master{}, err
	}
	if info.latest != 1 {
		return custody.Master{}, fmt.Errorf("%w: key %q got version %d while it was created; someone else works on it", custody.ErrExists, name, info.latest)
	}
	return custody.Master{Domain: domain, Generation: generation, KeyName: name, KeyVersion: info.latest}, nil
}

// create makes a key and reads it back.
func (c *Custody) create(ctx context.Context, name string) (keyInfo, error) {
	body := map[string]any{"type": keyType, "exportable": false, "allow_plaintext_backup": false}
	if _, err := c.do(ctx, call{op: "keys", name: name, body: body}); err != nil {
		return keyInfo{}, err
	}
	return c.existing(ctx, name)
}

// Rotate implements custody.Custody. It reads latest_version before and after,
// because Vault's answer may get lost, and refuses to name a version when
// another rotation came between.
func (c *Custody) Rotate(ctx context.Context, domain string, generation int) (custody.Master, error) {
	if err := custody.CheckName(domain); err != nil {
		return custody.Master{}, err
	}
	c.rotation.Lock()
	defer c.rotation.Unlock()
	name := c.keyName(domain)
	before, err := c.existing(ctx, name)
	if err != nil {
		return custody.Master{}, err
	}
	if _, err := c.do(ctx, call{op: "keys", name: name, tail: "/rotate", body: map[string]any{}}); err != nil {
		return custody.Master{}, err
	}
	after, err := c.existing(ctx, name)
	if err != nil {
		return custody.Master{}, err
	}
	if after.latest != before.latest+1 {
		return custody.Master{}, fmt.Errorf("%w: rotating key %q took it from version %d to %d, so another rotation ran at the same time; rotate again", custody.ErrUnavailable, name, before.latest, after.latest)
	}
	return custody.Master{Domain: domain, Generation: generation, KeyName: name, KeyVersion: after.latest}, nil
}

// existing reads a key that has to be there and be of the right type.
func (c *Custody) existing(ctx context.Context, name string) (keyInfo, error) {
	if name == "" || strings.ContainsFunc(name, notInName) {
		return keyInfo{}, errMissing(name)
	}
	info, found, err := c.read(ctx, name)
	switch {
	case err != nil:
		return keyInfo{}, err
	case !found:
		return keyInfo{}, errMissing(name)
	case info.kind != keyType:
		return keyInfo{}, fmt.Errorf("%w: Vault's key %q is of type %q, which gives no AN10922 keys; it has to be %s", custody.ErrUnsupported, name, info.kind, keyType)
	}
	return info, nil
}

func (c *Custody) read(ctx context.Context, name string) (info keyInfo, found bool, err error) {
	secret, err := c.do(ctx, call{op: "keys", name: name})
	if err != nil || secret == nil {
		return keyInfo{}, false, err
	}
	info.kind, _ = secret.Data["type"].(string)
	number, _ := secret.Data["latest_version"].(json.Number)
	latest, err := number.Int64()
	if err != nil || info.kind == "" || latest < 1 {
		return keyInfo{}, false, fmt.Errorf("%w: Vault's description of key %q lacks its type or latest_version", custody.ErrWrongAnswer, name)
	}
	info.latest = int(latest)
	return info, true, nil
}
