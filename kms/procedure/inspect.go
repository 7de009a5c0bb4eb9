package procedure

import (
	"context"
	"errors"

	"badgekms/kms/audit"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/desfire"
)

// Inspection is what a card tells without authentication, and what the
// registry knows of its UID. Pointers are nil where the card does not tell.
type Inspection struct {
	Version            desfire.Version
	Originality        Originality
	Applications       []desfire.AID
	ApplicationsHidden bool
	Settings           *desfire.KeySettings
	KeyVersion         *byte
	FreeBytes          *int

	BadgeID, HolderID string
	BadgeState        registry.State
	// NotEncodable is why Provision would refuse the card; nil if it would not.
	NotEncodable error
}

// Inspect tells what a card is. It writes nothing on the card and starts no
// authentication, so no counter of the card moves.
func (e *Engine) Inspect(ctx context.Context, c Conversation) (Inspection, error) {
	l, _, err := e.lookAt(ctx, c)
	if err != nil {
		return Inspection{}, err
	}
	i := Inspection{
		Version: l.version, Originality: l.originality, Applications: l.aids, ApplicationsHidden: l.hidden,
		Settings: l.settings, KeyVersion: l.keyVersion, FreeBytes: l.free,
	}
	if err := e.known(ctx, c.UID, &i); err != nil {
		return Inspection{}, err
	}
	i.NotEncodable = e.wouldEncode(l, c.UID, i)
	r := audit.Record{
		Action: "card.inspect", Outcome: audit.Done, Actor: c.Actor, ConversationID: c.ID, Badge: i.BadgeID,
	}
	return i, e.Store.Update(ctx, func(tx registry.Tx) error { return tx.AppendAudit(r) })
}

// known adds what the registry has.
func (e *Engine) known(ctx context.Context, uid []byte, i *Inspection) error {
	return e.Store.View(ctx, func(tx registry.Tx) error {
		b, err := tx.BadgeByUID(uid)
		if missing, err := notFound(err); missing || err != nil {
			return err
		}
		i.BadgeID, i.BadgeState = b.ID, b.State
		a, err := tx.CurrentAssignment(b.ID)
		i.HolderID = a.Holder
		if errors.Is(err, registry.ErrNotFound) {
			return nil
		}
		return err
	})
}

// openable tells whether a card that we never wrote lets itself be encoded: with
// its supplier's key, or on a foreign card by its owner's settings.
func (e *Engine) openable(l look) error {
	switch {
	case e.ownCards() && (l.settings == nil || l.settings.KeyType != desfire.KeyType2TDEA):
		return reason.New(badgekmsv1.Reason_REASON_CARD_KEYS_UNKNOWN, "the card's own key is not the factory's")
	case !e.ownCards() && (l.settings == nil || l.settings.Rights&desfire.FreeCreateDelete == 0):
		return reason.New(badgekmsv1.Reason_REASON_CARD_LOCKED, "the card lets only its owner create applications")
	}
	return e.ruledOut(l)
}

// ruledOut tells whether a card, by its own word, can not become a badge. These
// are hints, but by them the card is left as it is, and does not get a key of
// ours for nothing.
func (e *Engine) ruledOut(l look) error {
	if e.ownCards() && l.settings != nil {
		if l.settings.Rights&desfire.MasterKeyChangeable == 0 {
			return reason.New(badgekmsv1.Reason_REASON_CARD_LOCKED, "the card's own key is frozen")
		}
		if err := e.settable(l.settings.Rights); err != nil {
			return err
		}
	}
	if l.free != nil {
		return e.roomy(*l.free)
	}
	return nil
}

// wouldEncode foretells what Provision would say of the card, as far as hints
// tell.
func (e *Engine) wouldEncode(l look, uid []byte, i Inspection) error {
	if err := e.encodable(l, uid); err != nil {
		return err
	}
	ours := l.has(desfire.AID(e.Profile.Application.AID))
	switch i.BadgeState {
	case "":
		if ours {
			return reason.New(badgekmsv1.Reason_REASON_APPLICATION_OCCUPIED, "our application is on a card that is not in the registry")
		}
		return e.openable(l)
	case registry.Reserved, registry.Stock:
	case registry.Quarantined:
		return reason.New(badgekmsv1.Reason_REASON_BADGE_QUARANTINED, "the badge is set aside")
	default:
		return reason.New(badgekmsv1.Reason_REASON_BADGE_ALREADY_ENCODED, "the card is a badge already")
	}
	return nil
}
