package procedure

import (
	"context"
	"errors"
	"fmt"

	"badgekms/kms/audit"
	"badgekms/kms/keyring"
	"badgekms/kms/profile"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/apdu"
	"badgekms/reader/desfire"
)

// Tap is what an authentication found. BadgeID, HolderID and Generation are
// set as far as they are known, whatever the verdict.
type Tap struct {
	BadgeID    string
	HolderID   string
	Generation uint32
}

// badgeFile is what the registry knows of a badge that is tapped.
type badgeFile struct {
	badge  registry.Badge
	slot   registry.CardSlot
	holder string
}

// Authenticate proves that the card is an active badge. It takes two round
// trips and three card commands, the opening included. A nil error is a grant;
// any other carries its Reason (package reason). The record of the tap is
// durable when Authenticate returns.
//
// The badge proves itself before its state is looked at, so that the record
// tells whether a lost badge was there or only its UID (docs/decisions/005).
func (e *Engine) Authenticate(ctx context.Context, c Conversation) (Tap, error) {
	tap, err := e.authenticate(ctx, c)
	r := audit.Record{
		Action: "badge.authenticate", Outcome: tapOutcome(err), Reason: reason.Name(reasonOf(err)),
		Actor: c.Actor, ConversationID: c.ID, Badge: tap.BadgeID,
	}
	ctx, cancel := settle(ctx)
	defer cancel()
	recorded := e.Store.Update(ctx, func(tx registry.Tx) error { return tx.AppendAudit(r) })
	if recorded != nil {
		return tap, errors.Join(fmt.Errorf("record the tap: %w", recorded), err)
	}
	return tap, err
}

func reasonOf(err error) badgekmsv1.Reason {
	if err == nil {
		return badgekmsv1.Reason_REASON_UNSPECIFIED
	}
	return reason.Of(err)
}

func tapOutcome(err error) audit.Outcome {
	switch reason.Verdict(reasonOf(err)) {
	case badgekmsv1.Verdict_VERDICT_GRANTED:
		return audit.Granted
	case badgekmsv1.Verdict_VERDICT_DENIED:
		return audit.Denied
	}
	return audit.Undecided
}

func (e *Engine) authenticate(ctx context.Context, c Conversation) (Tap, error) {
	challenge, openErr := openTap(c)
	if errors.Is(openErr, errNoApplication) {
		return Tap{}, openErr
	}
	if len(c.UID) == randomUIDSize {
		return Tap{}, randomUID()
	}
	f, err := e.badgeOf(ctx, c.UID)
	if err != nil {
		return Tap{}, err
	}
	tap := Tap{BadgeID: f.badge.ID, HolderID: f.holder, Generation: f.slot.Key.Generation}
	if openErr != nil {
		return tap, openErr
	}
	if f.slot.State != registry.SlotProven {
		return tap, reason.New(badgekmsv1.Reason_REASON_BADGE_INCOMPLETE, "badge %s was never completely encoded", f.badge.ID)
	}
	if err := e.proveBadge(ctx, c, f, challenge); err != nil {
		return tap, err
	}
	return tap, e.admit(f.badge)
}

var (
	errNoApplication = reason.New(badgekmsv1.Reason_REASON_APPLICATION_MISSING, "the card does not hold the establishment's application")
	errDowngraded    = reason.New(badgekmsv1.Reason_REASON_PROTOCOL_DOWNGRADED, "the card does not know AuthenticateEV2First")
)

// openTap reads the answers of the opening script: SelectApplication, then the
// first half of AuthenticateEV2First, whose answer is E(K, RndB).
func openTap(c Conversation) (challenge []byte, err error) {
	if len(c.Opening) == 0 {
		return nil, reason.New(badgekmsv1.Reason_REASON_CARD_REMOVED, "the card answered nothing")
	}
	switch selected := apdu.Status(c.Opening[0].SW); {
	case selected == apdu.StatusApplicationNotFound:
		return nil, errNoApplication
	case selected != apdu.StatusOK:
		return nil, &apdu.StatusError{INS: apdu.INSSelectApplication, SW: c.Opening[0].SW}
	case len(c.Opening) < 2:
		return nil, reason.New(badgekmsv1.Reason_REASON_CARD_REMOVED, "the card left after SelectApplication")
	}
	r := c.Opening[1]
	switch s := apdu.Status(r.SW); s {
	case apdu.StatusAdditionalFrame:
		return r.Data, nil
	case apdu.StatusIllegalCommand:
		return nil, errDowngraded
	case apdu.StatusNoSuchKey, apdu.StatusAuthenticationError, apdu.StatusPermissionDenied:
		return nil, keyRefused(&apdu.StatusError{INS: apdu.INSAuthenticateEV2First, SW: r.SW})
	default:
		return nil, &apdu.StatusError{INS: apdu.INSAuthenticateEV2First, SW: r.SW}
	}
}

func keyRefused(cause error) error {
	return reason.Wrap(cause, badgekmsv1.Reason_REASON_KEY_REFUSED, "the card does not hold the key of this badge")
}

// randomUIDSize is the length of a random identifier (ISO/IEC 14443-3).
const randomUIDSize = 4

func randomUID() error {
	return reason.New(badgekmsv1.Reason_REASON_UID_RANDOM, "the card shows a random identifier of %d bytes", randomUIDSize)
}

// badgeOf finds the badge and the slot that online terminals authenticate.
func (e *Engine) badgeOf(ctx context.Context, uid []byte) (f badgeFile, err error) {
	online, _ := e.Profile.Slot(profile.PurposeOnline)
	err = e.Store.View(ctx, func(tx registry.Tx) error {
		f.badge, err = tx.BadgeByUID(uid)
		if missing, err := notFound(err); err != nil {
			return err
		} else if missing {
			return unknownBadge()
		}
		f.slot, err = tx.CardSlot(registry.SlotID{Badge: f.badge.ID, AID: registry.AID(e.Profile.Application.AID), Slot: online.Number})
		if missing, err := notFound(err); !missing && err != nil {
			return err
		}
		a, err := tx.CurrentAssignment(f.badge.ID)
		if missing, err := notFound(err); missing || err != nil {
			return err
		}
		f.holder = a.Holder
		return nil
	})
	return f, err
}

func unknownBadge() error {
	return reason.New(badgekmsv1.Reason_REASON_BADGE_UNKNOWN, "no badge with this UID is registered")
}

// proveBadge authenticates the card with the key that is proven to be on the
// badge. A failure is no trial: see docs/decisions/004.
func (e *Engine) proveBadge(ctx context.Context, c Conversation, f badgeFile, challenge []byte) error {
	k := f.slot.Key
	keys, err := e.Deriver.Derive(ctx, keyring.Recognise, keyring.KeyRef{
		Domain: k.Domain, Generation: int(k.Generation), UID: f.badge.UID,
		AID: profile.AID(f.slot.AID), Slot: f.slot.Slot, Issue: uint16(k.Issue),
	})
	if err != nil {
		return err
	}
	defer keys[0].Destroy()
	h, err := desfire.ContinueEV2First(f.slot.Slot, keys[0], challenge, e.Random)
	if err != nil {
		return err
	}
	var b desfire.Batch
	x, err := h.Prove()
	if err != nil {
		return err
	}
	b.Add(x)
	err = exchange(ctx, c.Card, &b)
	if errors.Is(err, desfire.ErrKeyRefused) || errors.Is(err, desfire.ErrCardProof) {
		return keyRefused(err)
	}
	return err
}

// admit grants active badges only.
func (e *Engine) admit(b registry.Badge) error {
	switch b.State {
	case registry.Active:
		if !b.Expiry.IsZero() && !e.Now().Before(b.Expiry) {
			return reason.New(badgekmsv1.Reason_REASON_BADGE_EXPIRED, "badge %s expired on %s", b.ID, b.Expiry.Format("2006-01-02"))
		}
		return nil
	default:
		return reason.New(reasonOfState(b.State), "badge %s is %s", b.ID, b.State)
	}
}

// reasonOfState is why a badge in a state other than active is not granted.
func reasonOfState(s registry.State) badgekmsv1.Reason {
	switch s {
	case registry.Stock, registry.Reserved:
		return badgekmsv1.Reason_REASON_BADGE_INCOMPLETE
	case registry.Encoded:
		return badgekmsv1.Reason_REASON_BADGE_NOT_HANDED_OVER
	case registry.Suspended:
		return badgekmsv1.Reason_REASON_BADGE_SUSPENDED
	case registry.Lost:
		return badgekmsv1.Reason_REASON_BADGE_LOST
	case registry.Stolen:
		return badgekmsv1.Reason_REASON_BADGE_STOLEN
	case registry.Quarantined:
		return badgekmsv1.Reason_REASON_BADGE_QUARANTINED
	}
	return badgekmsv1.Reason_REASON_BADGE_ENDED
}
