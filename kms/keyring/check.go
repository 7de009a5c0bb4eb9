package keyring

import (
	"fmt"

	"badgekms/kms/custody"
	"badgekms/kms/profile"
)

// check tests a domain on its own and gives its format of M.
func (d Domain) check() (profile.Format, error) {
	inconsistent := func(err error) (profile.Format, error) {
		return profile.Format{}, fmt.Errorf("%w: domain %q: %w", ErrInconsistent, d.Name, err)
	}
	if err := custody.CheckName(d.Name); err != nil {
		return inconsistent(err)
	}
	if d.Kind != Admin && d.Kind != Authentication {
		return inconsistent(fmt.Errorf("unknown kind %q", d.Kind))
	}
	if err := d.SystemID.Check(); err != nil {
		return inconsistent(err)
	}
	format, err := profile.ParseFormat(d.FormatID)
	if err != nil {
		return inconsistent(err)
	}
	return format, nil
}

// masterID tells masters in custody apart.
type masterID struct {
	name    string
	version int
}

// checkSeries tests the generations of one domain, ascending by number, and
// that no master serves two generations: DESIGN.md §2 shares none.
func checkSeries(list []Generation, masters map[masterID]string) error {
	versions := map[byte]int{}
	for i, g := range list {
		label := fmt.Sprintf("domain %q, generation %d", g.Domain, g.Number)
		if err := g.check(); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrInconsistent, label, err)
		}
		if i > 0 && list[i-1].Number == g.Number {
			return fmt.Errorf("%w: %s is there twice", ErrInconsistent, label)
		}
		if other, taken := versions[g.CardKeyVersion]; taken {
			return fmt.Errorf("%w: %s has card key version %d of generation %d", ErrInconsistent, label, g.CardKeyVersion, other)
		}
		versions[g.CardKeyVersion] = g.Number
		id := masterID{g.KeyName, g.KeyVersion}
		if other, taken := masters[id]; taken {
			return fmt.Errorf("%w: %s has the master %s version %d of %s", ErrInconsistent, label, g.KeyName, g.KeyVersion, other)
		}
		masters[id] = label
	}
	return nil
}

func (g Generation) check() error {
	switch {
	case g.Number < 1:
		return fmt.Errorf("numbers begin at 1")
	case g.KeyName == "" || g.KeyVersion < 1:
		return fmt.Errorf("it names no master in custody (key %q, version %d)", g.KeyName, g.KeyVersion)
	case g.CardKeyVersion < MinCardKeyVersion || g.CardKeyVersion > MaxCardKeyVersion:
		return fmt.Errorf("card key version %d is not in %d to %d", g.CardKeyVersion, MinCardKeyVersion, MaxCardKeyVersion)
	}
	if _, known := transitions[g.State]; !known {
		return fmt.Errorf("unknown state %q", g.State)
	}
	return nil
}
