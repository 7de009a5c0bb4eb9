package procedure

import (
	"context"
	"errors"
	"fmt"

	"badgekms/kms/audit"
	"badgekms/kms/keyring"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/desfire"
	"badgekms/reader/key"
)

// ProvisionRequest is what an enrolment is asked with.
type ProvisionRequest struct {
	// HolderID is who gets the badge; empty: nobody yet.
	HolderID string
}

// Provisioned is the result of an enrolment.
type Provisioned struct {
	BadgeID          string
	HolderID         string
	Generation       uint32
	CredentialNumber []byte
	Product          string
	// Resumed: an earlier attempt on this card was found and finished.
	Resumed bool
	// Repeated: the same request was done before; nothing was written now.
	Repeated bool
}

// How many steps an enrolment has, and one that finds its application with its
// master key in place: look, resume, keys and files, verify.
const (
	allSteps     = 6
	resumedSteps = 4
)

// provisioning is one enrolment under way.
type provisioning struct {
	*Engine
	c       Conversation
	request ProvisionRequest

	look      look
	badge     registry.Badge
	procedure registry.Procedure
	attempt   attempt
	keys      *cardKeys
	session   *desfire.EV2Session
	resumed   bool
	trials    map[registry.SlotID]int // authentications tried in this presentation
	step, of  int
}

// Provision encodes a card as a badge, or finishes what an interrupted
// enrolment left. It takes at most 10 round trips for a fresh card, the
// opening included. Errors carry their Reason; after any of them the card can
// be presented again.
func (e *Engine) Provision(ctx context.Context, c Conversation, request ProvisionRequest) (Provisioned, error) {
	p := &provisioning{Engine: e, c: c, request: request, of: allSteps, trials: map[registry.SlotID]int{}}
	defer p.forget()
	result, err := p.repeated(ctx)
	if err == nil && result.BadgeID == "" {
		result, err = p.run(ctx)
	}
	if err != nil {
		return Provisioned{BadgeID: p.badge.ID}, errors.Join(err, p.failed(ctx, err))
	}
	return result, nil
}

func (p *provisioning) forget() {
	if p.keys != nil {
		p.keys.destroy()
	}
}

func (p *provisioning) run(ctx context.Context) (Provisioned, error) {
	open := p.openOwn
	if !p.ownCards() {
		open = p.openForeign
		p.c.Card = &foreignCard{Card: p.c.Card, ours: desfire.AID(p.Profile.Application.AID)}
	}
	p.stage(badgekmsv1.Stage_STAGE_CARD_CHECK)
	l, rest, err := p.lookAt(ctx, p.c)
	if err != nil {
		return Provisioned{}, err
	}
	p.look = l
	if err := p.encodable(l, p.c.UID); err != nil {
		return Provisioned{}, err
	}
	if err := open(ctx, rest); err != nil {
		return Provisioned{}, err
	}
	door, err := p.keyAndFill(ctx)
	if err != nil {
		return Provisioned{}, err
	}
	p.stage(badgekmsv1.Stage_STAGE_VERIFY)
	if _, err := p.prove(ctx, door); err != nil {
		return Provisioned{}, fmt.Errorf("verify the new badge: %w", err)
	}
	if err := p.finish(ctx); err != nil {
		return Provisioned{}, err
	}
	return p.result(), nil
}

// stage announces the next step.
func (p *provisioning) stage(s badgekmsv1.Stage) {
	p.step++
	p.c.progress(p.step, p.of, s)
}

// encodable tells whether a card of this kind may become a badge. All it goes
// by are hints; what matters is checked again in a session.
func (e *Engine) encodable(l look, uid []byte) error {
	switch g := l.version.Generation(); {
	case len(uid) == randomUIDSize || l.version.UID == desfire.UID{}:
		return randomUID()
	case g != desfire.EV2 && g != desfire.EV3:
		return reason.New(badgekmsv1.Reason_REASON_CARD_UNSUPPORTED, "%s; DESFire EV2 and EV3 are supported", l.version)
	case string(uid) != string(l.version.UID[:]):
		return reason.New(badgekmsv1.Reason_REASON_UID_MISMATCH, "the reader and the card's GetVersion give different UIDs")
	case !e.Originality.admits(l.originality):
		return reason.New(badgekmsv1.Reason_REASON_CARD_NOT_GENUINE, "the originality signature is missing or wrong")
	}
	return nil
}

// openOwn leads to a session under slot 0 on a card whose own key is, or
// becomes, ours.
func (p *provisioning) openOwn(ctx context.Context, rest []reader.Response) error {
	if err := p.takeCard(ctx, rest); err != nil {
		return err
	}
	return p.makeApplication(ctx)
}

// takeCard opens a session under the card's own PICC master key: a fresh card
// gets it now, an interrupted one must prove that it holds it.
func (p *provisioning) takeCard(ctx context.Context, rest []reader.Response) error {
	challenge, err := p.initialChallenge(ctx, rest)
	switch {
	case err == nil:
		return p.takeFresh(ctx, challenge)
	case isStatus(err, apdu.StatusAuthenticationError, apdu.StatusNoSuchKey, apdu.StatusPermissionDenied):
		return p.resume(ctx)
	}
	return err
}

// initialChallenge is the card's answer to the first half of AuthenticateISO
// with the PICC key: from the opening, or asked for now.
func (p *provisioning) initialChallenge(ctx context.Context, rest []reader.Response) (reader.Response, error) {
	if len(rest) == 0 {
		var err error
		rest, err = p.c.Card.Transmit(ctx, firstHalf(apdu.INSAuthenticateISO, 0))
		if err != nil {
			return reader.Response{}, err
		}
		if len(rest) == 0 {
			return reader.Response{}, desfire.ErrIncomplete
		}
	}
	if apdu.Status(rest[0].SW) != apdu.StatusAdditionalFrame {
		return reader.Response{}, &apdu.StatusError{INS: apdu.INSAuthenticateISO, SW: rest[0].SW}
	}
	return rest[0], nil
}

func isStatus(err error, any ...apdu.Status) bool {
	for _, s := range any {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}

// takeFresh gives a card with its initial key a number, an intent and a PICC
// master key of its own.
func (p *provisioning) takeFresh(ctx context.Context, challenge reader.Response) error {
	if p.look.has(desfire.AID(p.Profile.Application.AID)) {
		return p.occupied()
	}
	if err := p.ruledOut(p.look); err != nil {
		return err
	}
	p.stage(badgekmsv1.Stage_STAGE_CARD_KEY)
	if err := p.reserve(ctx); err != nil {
		return err
	}
	if err := p.deriveFor(ctx, keyring.Issue); err != nil {
		return err
	}
	h := desfire.AuthenticateISO(0, p.InitialKey, p.Random)
	start, err := h.Start()
	if err != nil {
		return err
	}
	if _, err := start.Open([]reader.Response{challenge}); err != nil {
		return err
	}
	next := desfire.AuthenticateEV2First(0, p.keys.picc, p.Random)
	var b desfire.Batch
	if err := add(&b, h.Prove); err != nil {
		return err
	}
	b.Seal(h.Session(), desfire.ChangeOwnKey(desfire.PICCMasterAES, p.keys.picc, p.keys.piccVersion))
	if err := add(&b, next.Start); err != nil {
		return err
	}
	if err := p.write(ctx, &b); err != nil {
		return fmt.Errorf("replace the card's own key: %w", err)
	}
	if p.session, err = p.prove(ctx, next); err != nil {
		return fmt.Errorf("prove the card's own key: %w", err)
	}
	return p.provenPICC(ctx)
}

func (p *provisioning) occupied() error {
	return reason.New(badgekmsv1.Reason_REASON_APPLICATION_OCCUPIED, "application %s is on a card that we never wrote", p.Profile.Application.AID)
}

// deriveFor computes the keys of the attempt, in the place of another's.
func (p *provisioning) deriveFor(ctx context.Context, use keyring.Use) (err error) {
	if p.keys != nil {
		p.keys.destroy()
	}
	p.keys, err = p.derive(ctx, use, p.badge.UID, p.attempt)
	return err
}

// add puts a step of a handshake into a batch.
func add(b *desfire.Batch, step func() (*desfire.Sealed, error)) error {
	x, err := step()
	if err == nil {
		b.Add(x)
	}
	return err
}

// authenticate is a whole handshake in the selected application.
func (p *provisioning) authenticate(ctx context.Context, keyNo byte, k key.AES128) (*desfire.EV2Session, error) {
	h := desfire.AuthenticateEV2First(keyNo, k, p.Random)
	var b desfire.Batch
	if err := add(&b, h.Start); err != nil {
		return nil, err
	}
	if err := exchange(ctx, p.c.Card, &b); err != nil {
		return nil, err
	}
	return p.prove(ctx, h)
}

// prove finishes a handshake whose first half was answered.
func (p *provisioning) prove(ctx context.Context, h *desfire.EV2Handshake) (*desfire.EV2Session, error) {
	var b desfire.Batch
	if err := add(&b, h.Prove); err != nil {
		return nil, err
	}
	if err := exchange(ctx, p.c.Card, &b); err != nil {
		return nil, err
	}
	return h.Session(), nil
}

// write transmits a batch that changes the card, if this conversation is still
// the one that may.
func (p *provisioning) write(ctx context.Context, b *desfire.Batch) error {
	err := p.Store.View(ctx, func(tx registry.Tx) error {
		return tx.CheckFence(p.badge.UID, p.procedure.Fence)
	})
	if err != nil {
		return err
	}
	return exchange(ctx, p.c.Card, b)
}

// failed ends the procedure in the registry and records why. What the card may
// hold stays in the intents.
func (p *provisioning) failed(ctx context.Context, cause error) error {
	ctx, cancel := settle(ctx)
	defer cancel()
	return p.Store.Update(ctx, func(tx registry.Tx) error {
		if p.procedure.Fence != 0 {
			err := tx.EndProcedure(p.badge.UID, p.procedure.Fence, registry.EndFailed)
			if err != nil && !errors.Is(err, registry.ErrFenced) {
				return err
			}
		}
		r := p.record("card.encode", audit.Failed)
		r.Reason = reason.Name(reason.Of(cause))
		if reason.Verdict(reason.Of(cause)) == badgekmsv1.Verdict_VERDICT_DENIED {
			r.Outcome = audit.Refused
		}
		return tx.AppendAudit(r)
	})
}

func (p *provisioning) record(action string, o audit.Outcome) audit.Record {
	return audit.Record{Action: action, Outcome: o, Actor: p.c.Actor, ConversationID: p.c.ID, Badge: p.badge.ID}
}

func (p *provisioning) result() Provisioned {
	return Provisioned{
		BadgeID: p.badge.ID, HolderID: p.request.HolderID, Generation: p.onlineSlot().Generation,
		CredentialNumber: p.badge.CredentialNumber, Product: p.look.version.String(), Resumed: p.resumed,
	}
}
