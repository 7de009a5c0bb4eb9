package procedure

import (
	"context"
	"fmt"

	"badgekms/kms/reason"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/apdu"
	"badgekms/reader/desfire"
	"badgekms/reader/key"
)

// examined is what the card says in a session under its own key, so that it is
// the card's word and not that of someone on the way.
type examined struct {
	remains bool // our application is there, of an interrupted attempt
	rights  desfire.KeyRights
}

// makeApplication leads to a session under slot 0: of an application that an
// interrupted attempt left if it proves its key, else of a new one.
func (p *provisioning) makeApplication(ctx context.Context) error {
	x, err := p.examine(ctx)
	if err != nil {
		return err
	}
	if x.remains {
		proven, err := p.tryAdmin(ctx)
		if err != nil {
			return err
		}
		if proven {
			p.of = resumedSteps
			return nil
		}
		if err := p.openPICC(ctx); err != nil {
			return err
		}
	}
	p.stage(badgekmsv1.Stage_STAGE_APPLICATION)
	birth, err := p.create(ctx, x)
	if err != nil {
		return fmt.Errorf("create the application: %w", err)
	}
	s, err := p.prove(ctx, birth)
	if err != nil {
		return fmt.Errorf("open the new application: %w", err)
	}
	return p.keyAdmin(ctx, s)
}

// examine checks in the session what the look only hinted at.
func (p *provisioning) examine(ctx context.Context) (examined, error) {
	var b desfire.Batch
	uid := b.Seal(p.session, desfire.GetCardUID())
	version := b.Seal(p.session, desfire.GetVersion())
	settings := b.Seal(p.session, desfire.GetKeySettings())
	memory := b.Seal(p.session, desfire.FreeMemory())
	aids := b.Seal(p.session, desfire.GetApplicationIDs())
	if err := exchange(ctx, p.c.Card, &b); err != nil {
		return examined{}, fmt.Errorf("examine the card: %w", err)
	}
	if err := p.checkIdentity(uid.Data(), version.Data()); err != nil {
		return examined{}, err
	}
	ks, err := desfire.ParseKeySettings(settings.Data())
	if err != nil {
		return examined{}, err
	}
	if err := p.settable(ks.Rights); err != nil {
		return examined{}, err
	}
	list, err := desfire.ParseAIDs(aids.Data())
	if err != nil {
		return examined{}, err
	}
	x := examined{rights: ks.Rights, remains: look{aids: list}.has(desfire.AID(p.Profile.Application.AID))}
	free, err := desfire.ParseFreeMemory(memory.Data())
	if err == nil && !x.remains {
		err = p.roomy(free)
	}
	return x, err
}

// settable tells whether the card's own settings are those of the profile, or
// can become so.
func (e *Engine) settable(rights desfire.KeyRights) error {
	wanted := desfire.KeyRights(e.Profile.PICC.KeySettings)
	if rights != wanted && rights&desfire.RightsChangeable == 0 {
		return reason.New(badgekmsv1.Reason_REASON_CARD_LOCKED, "the card's own settings are %s and frozen; the profile wants %s", rights, wanted)
	}
	return nil
}

// roomy tells whether so many free bytes suffice.
func (e *Engine) roomy(free int) error {
	if free < e.memoryNeeded() {
		return reason.New(badgekmsv1.Reason_REASON_CARD_FULL, "%d bytes are free, %d are needed", free, e.memoryNeeded())
	}
	return nil
}

// checkIdentity compares UID and product as proven with those of the look,
// which the keys were derived for.
func (p *provisioning) checkIdentity(uid, version []byte) error {
	u, err := desfire.ParseUID(uid)
	if err != nil {
		return err
	}
	if string(u[:]) != string(p.badge.UID) {
		return reason.New(badgekmsv1.Reason_REASON_UID_MISMATCH, "the card proves another UID than the reader gave")
	}
	v, err := desfire.ParseVersion(version)
	if err != nil {
		return err
	}
	if v != p.look.version {
		return reason.New(badgekmsv1.Reason_REASON_UID_MISMATCH, "the card's GetVersion changed between look and session")
	}
	return nil
}

// memoryNeeded estimates what the layout takes, in bytes: NXP publishes no
// formula, cards allocate in 32-byte pieces, and a backup file needs twice its
// size. Its only use is to refuse a full card before anything is created.
func (e *Engine) memoryNeeded() int {
	const piece, application = 32, 5 * 32
	n := application + e.Profile.Application.Keys()*piece
	for _, f := range e.Profile.Files {
		n += piece + 2*((f.Size+piece-1)/piece)*piece
	}
	return n
}

// tryAdmin opens a session under slot 0 of the application that is there; false
// if slot 0 still holds the key that the application was born with.
func (p *provisioning) tryAdmin(ctx context.Context) (proven bool, err error) {
	var b desfire.Batch
	b.Seal(desfire.PlainSession{}, desfire.SelectApplication(desfire.AID(p.Profile.Application.AID)))
	version := b.Seal(desfire.PlainSession{}, desfire.GetKeyVersion(0))
	err = exchange(ctx, p.c.Card, &b)
	switch {
	case isStatus(err, apdu.StatusApplicationNotFound, apdu.StatusApplicationIntegrity, apdu.StatusNoSuchKey, apdu.StatusAuthenticationError):
		return false, nil
	case err != nil:
		return false, err
	}
	// The version is a hint: it saves the card a failed authentication. The
	// application is created anew then, under the proven key of the card.
	if v, err := desfire.ParseKeyVersion(version.Data()); err != nil || v == birthVersion {
		return false, err
	}
	id := registry.SlotID{Badge: p.badge.ID, AID: p.attempt.aid}
	if err := p.countTrial(ctx, id); err != nil {
		return false, err
	}
	s, err := p.authenticate(ctx, 0, p.keys.slots[0])
	if proven, err = p.tried(err); err != nil || !proven {
		return false, err
	}
	p.session = s
	return true, p.proven(ctx, p.attempt.aid, 0, p.attempt.slots[0])
}

// create makes the application, born under this card's own default key, and
// begins the authentication with that key. All of it is one run: the session
// is under a derived key.
func (p *provisioning) create(ctx context.Context, x examined) (*desfire.EV2Handshake, error) {
	app := p.Profile.Application
	aid := desfire.AID(app.AID)
	var b desfire.Batch
	if x.remains {
		b.Seal(p.session, desfire.DeleteApplication(aid))
	}
	b.Seal(p.session, desfire.SetDefaultKey(p.keys.birth, birthVersion))
	b.Seal(p.session, desfire.CreateApplication(desfire.Application{
		AID: aid, Rights: desfire.KeyRights(app.KeySettings), KeyCount: app.Keys(), KeyType: desfire.KeyTypeAES,
	}))
	b.Seal(p.session, desfire.SetDefaultKey(key.AES128{}, birthVersion))
	if wanted := desfire.KeyRights(p.Profile.PICC.KeySettings); x.rights != wanted {
		b.Seal(p.session, desfire.ChangeKeySettings(wanted))
	}
	b.Seal(desfire.PlainSession{}, desfire.SelectApplication(aid))
	birth := desfire.AuthenticateEV2First(0, p.keys.birth, p.Random)
	if err := add(&b, birth.Start); err != nil {
		return nil, err
	}
	return birth, p.write(ctx, &b)
}

// keyAdmin replaces the key of slot 0, in a session under the key of birth, and
// proves the new one.
func (p *provisioning) keyAdmin(ctx context.Context, s *desfire.EV2Session) (err error) {
	p.stage(badgekmsv1.Stage_STAGE_ADMIN_KEY)
	next := desfire.AuthenticateEV2First(0, p.keys.slots[0], p.Random)
	var b desfire.Batch
	b.Seal(s, desfire.ChangeOwnKey(0, p.keys.slots[0], p.keys.slotVersions[0]))
	if err := add(&b, next.Start); err != nil {
		return err
	}
	if err := p.write(ctx, &b); err != nil {
		return fmt.Errorf("replace the application's master key: %w", err)
	}
	if p.session, err = p.prove(ctx, next); err != nil {
		return fmt.Errorf("prove the application's master key: %w", err)
	}
	return p.proven(ctx, p.attempt.aid, 0, p.attempt.slots[0])
}
