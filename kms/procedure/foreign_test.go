package procedure_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"testing"

	"badgekms/kms/procedure"
	"badgekms/kms/profile"
	"badgekms/kms/reason"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader"
	"badgekms/reader/cardsim"
	"badgekms/reader/desfire"
	"badgekms/reader/key"
)

// foreignProfile is the default layout for cards that someone else owns.
func foreignProfile(t *testing.T) *profile.Profile {
	t.Helper()
	picc := regexp.MustCompile(`(?s)\npicc:\n.*?\n\n`)
	p, err := profile.Parse(picc.ReplaceAll(profile.DefaultYAML(), []byte("\npicc:\n  policy: foreign\n\n")))
	must(t, err)
	return p
}

// ownedCard is a card whose owner has set its own key, with these key settings.
func ownedCard(t *testing.T, rights desfire.KeyRights) (*cardsim.Card, key.AES128) {
	t.Helper()
	card := newCard(t, cardsim.EV3)
	return card, own(t, card, rights)
}

// own makes a card someone else's: it gets a key of its owner's, and settings.
func own(t *testing.T, card reader.Card, rights desfire.KeyRights) key.AES128 {
	t.Helper()
	owner, err := key.GenerateAES128(rand.Reader)
	must(t, err)
	h := desfire.AuthenticateISO(0, key.TDEA2{}, rand.Reader)
	send(t, card, h.Start)
	var b desfire.Batch
	prove, err := h.Prove()
	must(t, err)
	b.Add(prove)
	b.Seal(h.Session(), desfire.ChangeOwnKey(desfire.PICCMasterAES, owner, 0x11))
	transmit(t, card, &b)
	s := openAs(t, card, owner)
	var settings desfire.Batch
	settings.Seal(s, desfire.ChangeKeySettings(rights))
	transmit(t, card, &settings)
	return owner
}

// openAs authenticates at card level.
func openAs(t *testing.T, card reader.Card, k key.AES128) *desfire.EV2Session {
	t.Helper()
	h := desfire.AuthenticateEV2First(0, k, rand.Reader)
	send(t, card, h.Start)
	send(t, card, h.Prove)
	return h.Session()
}

func send(t *testing.T, card reader.Card, step func() (*desfire.Sealed, error)) {
	t.Helper()
	x, err := step()
	must(t, err)
	var b desfire.Batch
	b.Add(x)
	transmit(t, card, &b)
}

func transmit(t *testing.T, card reader.Card, b *desfire.Batch) {
	t.Helper()
	for !b.Done() {
		run, err := b.Commands()
		must(t, err)
		must(t, b.Open(card.Transmit(t.Context(), run)))
	}
}

const listAndCreate = desfire.MasterKeyChangeable | desfire.FreeListing | desfire.FreeCreateDelete | desfire.RightsChangeable

// A foreign card gets our application; its owner's key and settings stay.
func TestForeignCard(t *testing.T) {
	for name, rights := range map[string]desfire.KeyRights{
		"listing free":   listAndCreate,
		"listing hidden": listAndCreate &^ desfire.FreeListing,
	} {
		t.Run(name, func(t *testing.T) {
			k := newKMSWith(t, foreignProfile(t))
			k.holder()
			card, owner := ownedCard(t, rights)
			station := &counted{Card: card}
			p, err := k.provision(station, card.UID())
			if rights&desfire.FreeListing == 0 {
				// GetKeySettings is hidden too, so nobody can tell whether
				// an application may be created.
				if reason.Of(err) != badgekmsv1.Reason_REASON_CARD_LOCKED {
					t.Fatalf("a card that tells nothing: %v", err)
				}
				return
			}
			must(t, err)
			if station.trips > 10 {
				t.Errorf("%d round trips", station.trips)
			}
			k.handOver(p.BadgeID)
			_, err = k.tap(card, card.UID())
			must(t, err)

			card.Reset()
			s := openAs(t, card, owner)
			var b desfire.Batch
			settings := b.Seal(s, desfire.GetKeySettings())
			transmit(t, card, &b)
			ks, err := desfire.ParseKeySettings(settings.Data())
			must(t, err)
			if ks.Rights != rights {
				t.Errorf("the owner's settings are %s, were %s", ks.Rights, rights)
			}
		})
	}
}

// Nothing but the allowed commands reaches the card level of a foreign card,
// whether the enrolment is fresh, torn or refused.
func TestForeignCardLevelIsUntouched(t *testing.T) {
	k := newKMSWith(t, foreignProfile(t))
	k.holder()
	card, _ := ownedCard(t, listAndCreate)
	selected := byte(0)
	watched := &counted{Card: card}
	watched.onRun = func(run []reader.Command) {
		for _, c := range run {
			switch ins := c.APDU[1]; {
			case ins == 0x5A:
				selected = c.APDU[5] | c.APDU[6] | c.APDU[7]
			case selected == 0 && !regexp.MustCompile(`^(60|6A|45|64|6E|3C|CA|DA|AF)$`).MatchString(hexByte(ins)):
				t.Errorf("command %s at card level", hexByte(ins))
			}
		}
	}
	card.TearAt(20, cardsim.After)
	if _, err := k.provision(watched, card.UID()); !errors.Is(err, reader.ErrRemoved) {
		t.Fatalf("torn: %v", err)
	}
	_, err := k.provision(watched, card.UID())
	must(t, err)
}

func hexByte(b byte) string {
	const digits = "0123456789ABCDEF"
	return string([]byte{digits[b>>4], digits[b&0x0F]})
}

// Wherever a foreign card is torn away, the next presentation finishes it.
func TestTornForeignCardIsResumed(t *testing.T) {
	for moment, name := range moments {
		t.Run(name+" the command", func(t *testing.T) {
			t.Parallel()
			k := newKMSWith(t, foreignProfile(t))
			k.holder()
			n := 1
			for ; ; n += stride(7) {
				card, _ := ownedCard(t, listAndCreate)
				what := fmt.Sprintf("torn at command %d", n)
				if !k.tornAt(card, n, moment, what) {
					break
				}
				k.mustFinish(card, what)
			}
			if n < 30 {
				t.Errorf("only %d commands to tear at", n)
			}
		})
	}
}

// A card whose owner keeps applications to himself is refused before anything
// is reserved, and so is one with somebody else's application under our AID.
func TestForeignCardRefused(t *testing.T) {
	k := newKMSWith(t, foreignProfile(t))
	k.holder()
	closed, _ := ownedCard(t, listAndCreate&^desfire.FreeCreateDelete)
	if _, err := k.provision(closed, closed.UID()); reason.Of(err) != badgekmsv1.Reason_REASON_CARD_LOCKED {
		t.Errorf("closed card: %v", err)
	}
	occupied, _ := ownedCard(t, listAndCreate)
	other := newKMSWith(t, foreignProfile(t))
	other.holder()
	_, err := other.provision(occupied, occupied.UID())
	must(t, err)
	if _, err := k.provision(occupied, occupied.UID()); reason.Of(err) != badgekmsv1.Reason_REASON_APPLICATION_OCCUPIED {
		t.Errorf("occupied card: %v", err)
	}
	if _, err := other.provision(occupied, occupied.UID()); reason.Of(err) != badgekmsv1.Reason_REASON_BADGE_ALREADY_ENCODED {
		t.Errorf("encoded card: %v", err)
	}
}

// The guard of a foreign card sends nothing of a run that it does not allow.
func TestForeignCardGuard(t *testing.T) {
	ours := desfire.AID{0x40, 0x88, 0xF5}
	allowed := [][]byte{
		{0x90, 0x5A, 0, 0, 3, 0, 0, 0, 0}, {0x90, 0x5A, 0, 0, 3, 0x40, 0x88, 0xF5, 0}, {0x90, 0x60, 0, 0, 0},
		{0x90, 0xCA, 0, 0, 5, 0x40, 0x88, 0xF5, 0x0B, 0x88, 0}, {0x90, 0xDA, 0, 0, 3, 0x40, 0x88, 0xF5, 0},
	}
	refused := [][]byte{
		{0x90, 0x71, 0, 0, 2, 0, 0, 0}, {0x90, 0x1A, 0, 0, 1, 0, 0}, {0x90, 0xC4, 0, 0, 1, 0, 0}, {0x90, 0xFC, 0, 0, 0},
		{0x90, 0x54, 0, 0, 1, 0x0F, 0}, {0x90, 0x5C, 0, 0, 2, 0, 0, 0}, {0x90, 0xCA, 0, 0, 5, 1, 2, 3, 0x0B, 0x88, 0},
		{0x90, 0xDA, 0, 0, 3, 1, 2, 3, 0}, {0x90, 0x5A, 0, 0, 3, 1, 2, 3, 0}, {0x00, 0xA4, 4, 0, 0}, {0x90},
	}
	for want, apdus := range map[int][][]byte{2: allowed, 0: refused} {
		for _, raw := range apdus {
			sent := 0
			inner := reader.Exchange(func(context.Context, []byte) ([]byte, error) {
				sent++
				return []byte{0x91, 0}, nil
			})
			run := []reader.Command{{APDU: []byte{0x90, 0x60, 0, 0, 0}, Expect: 0x9100}, {APDU: raw, Expect: 0x9100}}
			_, err := procedure.NewForeignCard(inner, ours).Transmit(t.Context(), run)
			if sent != want || (err == nil) != (want > 0) {
				t.Errorf("% X: error %v, %d commands sent, want %d", raw, err, sent, want)
			}
		}
	}
}
