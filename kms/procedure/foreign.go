package procedure

import (
	"context"
	"fmt"

	"badgekms/kms/keyring"
	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/apdu"
	"badgekms/reader/desfire"
	"badgekms/reader/key"
)

// openForeign leads to a session under slot 0 on a card that someone else owns
// (PICC policy foreign): only our application is created and keyed. It is born
// under the public zero key, as the card's default key is not ours to set.
func (p *provisioning) openForeign(ctx context.Context, _ []reader.Response) error {
	there, err := p.applicationThere(ctx)
	if err != nil {
		return err
	}
	if there {
		err = p.resumeForeign(ctx)
	} else {
		err = p.createForeign(ctx)
	}
	if err != nil {
		return err
	}
	return p.checkForeignIdentity(ctx)
}

// applicationThere asks by selecting, for a card may hide its applications.
func (p *provisioning) applicationThere(ctx context.Context) (bool, error) {
	if !p.look.hidden {
		return p.look.has(desfire.AID(p.Profile.Application.AID)), nil
	}
	var b desfire.Batch
	b.Seal(desfire.PlainSession{}, desfire.SelectApplication(desfire.AID(p.Profile.Application.AID)))
	err := exchange(ctx, p.c.Card, &b)
	if isStatus(err, apdu.StatusApplicationNotFound) {
		return false, nil
	}
	return err == nil, err
}

// createForeign makes our application, with a new issue number.
func (p *provisioning) createForeign(ctx context.Context) error {
	p.stage(badgekmsv1.Stage_STAGE_APPLICATION)
	if err := p.openable(p.look); err != nil {
		return err
	}
	if err := p.reserve(ctx); err != nil {
		return err
	}
	if err := p.deriveFor(ctx, keyring.Issue); err != nil {
		return err
	}
	app := p.Profile.Application
	birth := desfire.AuthenticateEV2First(0, key.AES128{}, p.Random)
	var b desfire.Batch
	b.Seal(desfire.PlainSession{}, desfire.SelectApplication(desfire.PICC))
	b.Seal(desfire.PlainSession{}, desfire.CreateApplication(desfire.Application{
		AID: desfire.AID(app.AID), Rights: desfire.KeyRights(app.KeySettings), KeyCount: app.Keys(), KeyType: desfire.KeyTypeAES,
	}))
	b.Seal(desfire.PlainSession{}, desfire.SelectApplication(desfire.AID(app.AID)))
	if err := add(&b, birth.Start); err != nil {
		return err
	}
	if err := p.write(ctx, &b); err != nil {
		return fmt.Errorf("create the application: %w", err)
	}
	s, err := p.prove(ctx, birth)
	if err != nil {
		return fmt.Errorf("open the new application: %w", err)
	}
	return p.keyAdmin(ctx, s)
}

// resumeForeign goes on in an application that is there already. If its slot 0
// proves a key that we sent, that attempt goes on; if it still shows the zero
// key, a new one begins.
func (p *provisioning) resumeForeign(ctx context.Context) error {
	candidates, err := p.adopt(ctx)
	if err != nil {
		return err
	}
	p.stage(badgekmsv1.Stage_STAGE_RESUME)
	p.resumed = true
	for _, a := range candidates {
		p.attempt = a
		if err := p.deriveFor(ctx, keyring.Recognise); err != nil {
			return err
		}
		proven, err := p.tryAdmin(ctx)
		if err != nil {
			return err
		}
		if proven {
			p.of = resumedSteps
			return nil
		}
	}
	s, err := p.openUnkeyed(ctx)
	if err != nil {
		return err
	}
	if err := p.Store.Update(ctx, func(tx registry.Tx) error { return p.begin(tx) }); err != nil {
		return err
	}
	if err := p.deriveFor(ctx, keyring.Issue); err != nil {
		return err
	}
	p.of = resumedSteps + 1
	return p.keyAdmin(ctx, s)
}

// openUnkeyed opens a session under slot 0 of an application that still has
// the key of its birth.
func (p *provisioning) openUnkeyed(ctx context.Context) (*desfire.EV2Session, error) {
	if err := p.countTrial(ctx, registry.SlotID{Badge: p.badge.ID, AID: registry.AID(p.Profile.Application.AID)}); err != nil {
		return nil, err
	}
	var b desfire.Batch
	b.Seal(desfire.PlainSession{}, desfire.SelectApplication(desfire.AID(p.Profile.Application.AID)))
	if err := exchange(ctx, p.c.Card, &b); err != nil {
		return nil, err
	}
	s, err := p.authenticate(ctx, 0, key.AES128{})
	proven, err := p.tried(err)
	if err == nil && !proven {
		err = reason.New(badgekmsv1.Reason_REASON_CARD_KEYS_UNKNOWN, "no key that our application on this card may hold opens it")
	}
	return s, err
}

// checkForeignIdentity compares UID and product, in the session under slot 0,
// with those that the keys were derived for.
func (p *provisioning) checkForeignIdentity(ctx context.Context) error {
	var b desfire.Batch
	uid := b.Seal(p.session, desfire.GetCardUID())
	version := b.Seal(p.session, desfire.GetVersion())
	if err := exchange(ctx, p.c.Card, &b); err != nil {
		return fmt.Errorf("examine the card: %w", err)
	}
	return p.checkIdentity(uid.Data(), version.Data())
}
