// Package office is what the badge office does to records: it notes people,
// and hands encoded badges over to them (ANSSI PA-072, R77 and R80: who may
// carry a badge, and until when).
package office

import (
	"context"
	"errors"
	"strings"
	"time"

	"badgekms/kms/audit"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// DefaultValidity is how long a badge is valid when nobody says otherwise:
// three years, the most that PA-072 R80 advises for permanent staff.
const DefaultValidity = 3 * 365 * 24 * time.Hour

// Office keeps holders and hand-overs.
type Office struct {
	Store registry.Store
	Now   func() time.Time
}

// BadgeFile is a badge with what hangs on it.
type BadgeFile struct {
	registry.Badge
	Holder string // empty: not assigned
	Slots  []registry.CardSlot
}

// CreateHolder records a person. The same data again is no error, other data
// under the same id is HOLDER_EXISTS. With validateOnly nothing is recorded.
func (o *Office) CreateHolder(ctx context.Context, actor audit.Actor, h registry.Holder, validateOnly bool) (registry.Holder, error) {
	h.ID, h.Name, h.Unit = strings.TrimSpace(h.ID), strings.TrimSpace(h.Name), strings.TrimSpace(h.Unit)
	if err := h.Validate(); err != nil {
		return registry.Holder{}, reason.New(badgekmsv1.Reason_REASON_MESSAGE_INVALID, "%v", err)
	}
	if validateOnly {
		known, err := o.sameHolder(ctx, h)
		if errors.Is(err, registry.ErrNotFound) {
			return h, nil
		}
		return known, err
	}
	created := h
	err := o.Store.Update(ctx, func(tx registry.Tx) (err error) {
		if created, err = tx.CreateHolder(h); err != nil {
			return err
		}
		return tx.AppendAudit(audit.Record{
			Action: "holder.create", Outcome: audit.Done, Actor: actor, Details: map[string]string{"holder": h.ID},
		})
	})
	if errors.Is(err, registry.ErrExists) {
		return o.sameHolder(ctx, h)
	}
	return created, err
}

func (o *Office) sameHolder(ctx context.Context, h registry.Holder) (known registry.Holder, err error) {
	err = o.Store.View(ctx, func(tx registry.Tx) error {
		known, err = tx.Holder(h.ID)
		return err
	})
	if err == nil && (known.Name != h.Name || known.Unit != h.Unit) {
		err = reason.New(badgekmsv1.Reason_REASON_HOLDER_EXISTS, "holder %s is recorded with another name or unit", h.ID)
	}
	return known, err
}

// HandOver makes an encoded badge active: evidence says how the holder was
// identified. A zero expiry is the default validity from now on.
func (o *Office) HandOver(ctx context.Context, actor audit.Actor, id, evidence string, expiry time.Time) (f BadgeFile, err error) {
	if strings.TrimSpace(evidence) == "" {
		return f, reason.New(badgekmsv1.Reason_REASON_MESSAGE_INVALID, "identity_evidence is empty; say which document was seen")
	}
	if expiry.IsZero() {
		expiry = o.Now().Add(DefaultValidity)
	}
	if !expiry.After(o.Now()) {
		return f, reason.New(badgekmsv1.Reason_REASON_MESSAGE_INVALID, "expires_at is in the past")
	}
	err = o.Store.Update(ctx, func(tx registry.Tx) error {
		if f, err = badgeFile(tx, id); err != nil {
			return err
		}
		if err := mayHandOver(f); err != nil {
			return err
		}
		b := f.Badge
		b.State, b.Expiry = registry.Active, expiry
		if f.Badge, err = tx.UpdateBadge(b); err != nil {
			return err
		}
		return tx.AppendAudit(audit.Record{
			Action: "badge.hand_over", Outcome: audit.Done, Actor: actor, Badge: id,
			Details: map[string]string{"holder": f.Holder, "identity_evidence": evidence, "expires": expiry.UTC().Format(time.RFC3339)},
		})
	})
	return f, err
}

func mayHandOver(f BadgeFile) error {
	switch {
	case f.State != registry.Encoded:
		return reason.New(badgekmsv1.Reason_REASON_STATE_INVALID, "badge %s is %s; only an encoded badge can be handed over", f.ID, f.State)
	case f.Holder == "":
		return reason.New(badgekmsv1.Reason_REASON_STATE_INVALID, "badge %s has no holder; assign it first", f.ID)
	}
	return nil
}

// Find looks a badge up in a transaction: by id, UID or credential number,
// whichever is not empty.
type Find struct {
	ID               string
	UID              []byte
	CredentialNumber []byte
}

// Badge finds one badge, or fails with BADGE_UNKNOWN.
func (o *Office) Badge(ctx context.Context, by Find) (f BadgeFile, err error) {
	err = o.Store.View(ctx, func(tx registry.Tx) error {
		id := by.ID
		if id == "" {
			var b registry.Badge
			if len(by.UID) > 0 {
				b, err = tx.BadgeByUID(by.UID)
			} else {
				b, err = tx.BadgeByCredential(by.CredentialNumber)
			}
			if err != nil {
				return unknown(err)
			}
			id = b.ID
		}
		f, err = badgeFile(tx, id)
		return err
	})
	return f, err
}

// Badges lists badges in order of id; holder empty: all.
func (o *Office) Badges(ctx context.Context, holder string, p registry.Page) (files []BadgeFile, next string, err error) {
	err = o.Store.View(ctx, func(tx registry.Tx) error {
		list, err := tx.ListBadges(registry.BadgeFilter{Holder: holder}, p)
		if err != nil {
			return err
		}
		next = list.Next
		for _, b := range list.Items {
			f, err := complete(tx, b)
			if err != nil {
				return err
			}
			files = append(files, f)
		}
		return nil
	})
	return files, next, err
}

// Holders lists people in order of id.
func (o *Office) Holders(ctx context.Context, p registry.Page) (list registry.List[registry.Holder], err error) {
	err = o.Store.View(ctx, func(tx registry.Tx) error {
		list, err = tx.ListHolders(p)
		return err
	})
	return list, err
}

func badgeFile(tx registry.Tx, id string) (BadgeFile, error) {
	b, err := tx.Badge(id)
	if err != nil {
		return BadgeFile{}, unknown(err)
	}
	return complete(tx, b)
}

func complete(tx registry.Tx, b registry.Badge) (BadgeFile, error) {
	f := BadgeFile{Badge: b}
	a, err := tx.CurrentAssignment(b.ID)
	switch {
	case err == nil:
		f.Holder = a.Holder
	case !errors.Is(err, registry.ErrNotFound):
		return f, err
	}
	f.Slots, err = tx.CardSlots(b.ID)
	return f, err
}

func unknown(err error) error {
	if errors.Is(err, registry.ErrNotFound) {
		return reason.New(badgekmsv1.Reason_REASON_BADGE_UNKNOWN, "there is no such badge")
	}
	return err
}
