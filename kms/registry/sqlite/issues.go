package sqlite

import (
	"fmt"

	"badgekms/kms/registry"
)

const lastAttempt = 255

func scanInt(r row) (int64, error) {
	var n int64
	err := r.Scan(&n)
	return n, err
}

// AllocateIssue implements registry.IssueNumbers.
func (t *tx) AllocateIssue(uid []byte, conversation string) (registry.IssueNumber, error) {
	epoch, err := t.RestoreEpoch()
	if err != nil {
		return 0, err
	}
	used, err := one(t, scanInt, `SELECT coalesce(max(attempt), 0) FROM issue_numbers WHERE uid = ? AND epoch = ?`, uid, epoch)
	if err != nil {
		return 0, err
	}
	if used >= lastAttempt {
		return 0, fmt.Errorf("allocate an issue number: %w for this card in restore epoch %d: it has had all %d; retire the card", registry.ErrExhausted, epoch, lastAttempt)
	}
	number := registry.NewIssueNumber(epoch, byte(used+1))
	_, err = t.exec(`INSERT INTO issue_numbers (uid, epoch, attempt, conversation, given) VALUES (?, ?, ?, ?, ?)`,
		uid, number.Epoch(), number.Attempt(), conversation, moment(t.store.now()))
	if err != nil {
		return 0, fmt.Errorf("allocate an issue number: %w", err)
	}
	return number, nil
}

// IssuesOf implements registry.IssueNumbers.
func (t *tx) IssuesOf(uid []byte) ([]registry.IssueNumber, error) {
	scan := func(r row) (registry.IssueNumber, error) {
		var epoch, attempt byte
		err := r.Scan(&epoch, &attempt)
		return registry.NewIssueNumber(epoch, attempt), err
	}
	return all(t, scan, `SELECT epoch, attempt FROM issue_numbers WHERE uid = ? ORDER BY epoch, attempt`, uid)
}

// RestoreEpoch implements registry.IssueNumbers.
func (t *tx) RestoreEpoch() (byte, error) {
	epoch, err := one(t, scanInt, `SELECT max(epoch) FROM restore_epochs`)
	if err != nil {
		return 0, fmt.Errorf("read the restore epoch: %w", err)
	}
	return byte(epoch), nil
}

// RaiseRestoreEpoch implements registry.IssueNumbers.
func (t *tx) RaiseRestoreEpoch() (byte, error) {
	epoch, err := t.RestoreEpoch()
	if err != nil {
		return 0, err
	}
	if epoch == 255 {
		return 0, fmt.Errorf("raise the restore epoch: %w: this registry was restored 255 times", registry.ErrExhausted)
	}
	if _, err := t.exec(`INSERT INTO restore_epochs (epoch, began) VALUES (?, ?)`, epoch+1, moment(t.store.now())); err != nil {
		return 0, fmt.Errorf("raise the restore epoch: %w", err)
	}
	return epoch + 1, nil
}
