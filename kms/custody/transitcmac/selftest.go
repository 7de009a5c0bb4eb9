package transitcmac

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"

	"badgekms/kms/custody"
)

// selfTestKey is the name, after the prefix, of the key that Check uses. Its
// underscore keeps it apart from every domain.
const selfTestKey = "self_test"

// selfTest holds the messages of the self-test: 17 bytes, the shortest that
// Derive sends, 32, the longest, and the first again.
var selfTest = [][]byte{
	[]byte("\x01BadgeKMS-selftest")[:17],
	[]byte("\x01BadgeKMS self-test of 32 bytes."),
	[]byte("\x01BadgeKMS-selftest")[:17],
}

// Check implements custody.Custody. With a key of its own, which it makes if
// need be, it has Vault compute CMACs and confirm them (transit/verify).
//
// It proves that Vault can be reached, is unsealed, grants the policy, has
// CMAC keys, and answers with 16 bytes that depend on the message, do not
// change, and are those that Vault itself accepts; it finds the fault of Vault
// Enterprise 1.17.0 and 1.17.1. It cannot prove that the value is the AES-CMAC
// of the standard, because the key is made in Vault and unknown outside. The
// check values recorded with each master prove later that nothing has changed.
func (c *Custody) Check(ctx context.Context) error {
	if err := c.check(ctx); err != nil {
		return fmt.Errorf("self-test of custody %s: %w", custody.ModeTransitCMAC, err)
	}
	return nil
}

func (c *Custody) check(ctx context.Context) error {
	name := c.keyName(selfTestKey)
	info, found, err := c.read(ctx, name)
	if err == nil && !found {
		info, err = c.create(ctx, name)
	}
	if err != nil {
		return err
	}
	tags, err := c.cmac(ctx, name, info.latest, selfTest)
	if err != nil {
		return err
	}
	if tags[0] != tags[2] || tags[0] == tags[1] {
		return fmt.Errorf("%w: the CMACs do not follow the messages", custody.ErrWrongAnswer)
	}
	return c.verify(ctx, name, info.latest, tags)
}

// verify has Vault accept each tag, and refuse the tag of another message.
func (c *Custody) verify(ctx context.Context, name string, version int, tags [][tagSize]byte) error {
	for _, probe := range []struct {
		message, tag int
		valid        bool
	}{{0, 0, true}, {1, 1, true}, {0, 1, false}} {
		tag := base64.StdEncoding.EncodeToString(tags[probe.tag][:])
		secret, err := c.do(ctx, call{op: "verify", name: name, body: map[string]any{
			"input": base64.StdEncoding.EncodeToString(selfTest[probe.message]),
			"cmac":  "vault:v" + strconv.Itoa(version) + ":" + tag,
		}})
		if err != nil {
			return err
		}
		if secret == nil || secret.Data["valid"] != probe.valid {
			return fmt.Errorf("%w: Vault's verification does not agree with its own CMACs", custody.ErrWrongAnswer)
		}
	}
	return nil
}
