package keyring

import (
	"context"
	"errors"
	"fmt"
)

// VerifyMasters compares the check value of every generation that is not
// destroyed with the recorded one, so that a custody restored from the wrong
// backup is found before its keys reach a card: ErrKCV, joined over all that
// differ. An error of the custody ends it.
func (d *Deriver) VerifyMasters(ctx context.Context) error {
	var wrong []error
	ring := d.Ring()
	for _, domain := range ring.Domains() {
		for _, g := range ring.domains[domain.Name].generations {
			if g.State == Destroyed {
				continue
			}
			kcv, err := d.custody.KCV(ctx, g.Master())
			if err != nil {
				return fmt.Errorf("check value of domain %q, generation %d: %w", g.Domain, g.Number, err)
			}
			if kcv != g.KCV {
				wrong = append(wrong, fmt.Errorf("%w: domain %q, generation %d, key %s version %d: check value %s, recorded %s; restore the right backup of the custody", ErrKCV, g.Domain, g.Number, g.KeyName, g.KeyVersion, kcv, g.KCV))
			}
		}
	}
	return errors.Join(wrong...)
}
