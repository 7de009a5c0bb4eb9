package registrytest

import (
	"errors"
	"testing"

	"badgekms/kms/registry"
)

func issueNumbers(t *testing.T, f *fixture) {
	a, b := f.uid(), f.uid()
	for _, want := range []registry.IssueNumber{1, 2, 3} {
		equal(t, "number", f.issue(t, a), want)
	}
	equal(t, "first number of another card", f.issue(t, b), registry.IssueNumber(1))
	// A transaction that fails gives nothing: its number reached no card.
	f.refused(t, errChange, func(tx registry.Tx) error {
		n, err := tx.AllocateIssue(a, "c-1")
		equal(t, "number in a failing transaction", n, registry.IssueNumber(4))
		return errors.Join(err, errChange)
	})
	equal(t, "number after it", f.issue(t, a), registry.IssueNumber(4))
	f.view(t, func(tx registry.Tx) error {
		got, err := tx.IssuesOf(a)
		equal(t, "numbers given", got, []registry.IssueNumber{1, 2, 3, 4})
		return err
	})
}

func issueNumbersExhausted(t *testing.T, f *fixture) {
	uid := f.uid()
	f.update(t, func(tx registry.Tx) error {
		for i := range 255 {
			n, err := tx.AllocateIssue(uid, "c")
			if err != nil {
				return err
			}
			equal(t, "number", n, registry.IssueNumber(i+1))
		}
		return nil
	})
	allocate := func(tx registry.Tx) error {
		_, err := tx.AllocateIssue(uid, "c")
		return err
	}
	f.refused(t, registry.ErrExhausted, allocate)
	f.refused(t, registry.ErrExhausted, allocate)
	f.view(t, func(tx registry.Tx) error {
		got, err := tx.IssuesOf(uid)
		equal(t, "numbers given", len(got), 255)
		return err
	})
}

func restoreEpoch(t *testing.T, f *fixture) {
	uid := f.uid()
	f.issue(t, uid)
	raise := func(tx registry.Tx) error {
		_, err := tx.RaiseRestoreEpoch()
		return err
	}
	f.update(t, raise)
	equal(t, "first number of the epoch", f.issue(t, uid), registry.IssueNumber(0x0101))
	equal(t, "second number of the epoch", f.issue(t, uid), registry.IssueNumber(0x0102))
	for range 254 {
		f.update(t, raise)
	}
	f.refused(t, registry.ErrExhausted, raise)
	f.view(t, func(tx registry.Tx) error {
		epoch, err := tx.RestoreEpoch()
		equal(t, "epoch", epoch, 255)
		return err
	})
	equal(t, "first number of the last epoch", f.issue(t, uid), registry.IssueNumber(0xFF01))
}
