package e2e_test

import (
	"fmt"
	"slices"
	"testing"
)

// inspected is version 1 of an inspected card.
type inspected struct {
	Verdict      string   `json:"verdict"`
	Product      string   `json:"product"`
	Applications []string `json:"applications"`
	KeyType      string   `json:"picc_key_type"`
	Originality  string   `json:"originality"`
	Encodable    bool     `json:"encodable"`
	Reason       string   `json:"not_encodable_reason"`
	BadgeState   string   `json:"badge_state"`
}

// TestEnrolAndTap is the life of a badge from the factory to the door, through
// the programs, for each type of card; both are under way at the same time.
func TestEnrolAndTap(t *testing.T) {
	t.Parallel()
	h := withReaders(t, 1)
	for n, cardType := range []string{"EV2", "EV3"} {
		t.Run(cardType, func(t *testing.T) {
			t.Parallel()
			p := h.lay(t, n, cardType)

			fresh := result[inspected](p.atReader("inspect").ends(exitDone))
			if !fresh.Encodable || fresh.KeyType != "2TDEA" || fresh.Originality != "simulator" || len(fresh.Applications) != 0 {
				t.Errorf("a factory card is %+v", fresh)
			}
			p.tap(exitDenied, "denied", "APPLICATION_MISSING")

			badge := p.issueFor("H-" + cardType)
			if badge.Verdict != "granted" || badge.State != "encoded" || badge.Resumed || badge.Presentations != 1 ||
				len(badge.Number) != 32 || badge.Holder != "H-"+cardType || badge.Product != fresh.Product {
				t.Errorf("issued: %+v", badge)
			}
			if badge.RoundTrips > 10 {
				t.Errorf("enrolment took %d round trips, at most 10 are allowed", badge.RoundTrips)
			}
			p.tap(exitDenied, "denied", "BADGE_NOT_HANDED_OVER")
			p.handOver(badge.Badge)
			p.opens(badge)

			p.atReader("issue", "--holder", badge.Holder).ends(exitDenied).mentions("already")
			done := result[inspected](p.atReader("inspect").ends(exitDone))
			if done.Encodable || done.Reason != "BADGE_ALREADY_ENCODED" || done.BadgeState != "active" || done.KeyType != "AES-128" ||
				!slices.Equal(done.Applications, []string{"4088F5"}) {
				t.Errorf("an encoded card is %+v", done)
			}
			p.opens(badge)
		})
	}
}

// TestTwoCardsAtOnce: two stations enrol and two doors open at the same time,
// and nobody gets the other's badge.
func TestTwoCardsAtOnce(t *testing.T) {
	t.Parallel()
	h := withReaders(t, 1)
	places := []*place{h.lay(t, 0, "EV3"), h.lay(t, 1, "EV2")}
	var enrolling []*process
	for n, p := range places {
		holder := []string{"H-left", "H-right"}[n]
		p.addHolder(holder)
		enrolling = append(enrolling, p.atReader("issue", "--holder", holder))
	}
	var badges []issued
	for n, p := range places {
		badge := result[issued](enrolling[n].ends(exitDone))
		p.handOver(badge.Badge)
		badges = append(badges, badge)
	}
	if badges[0].Badge == badges[1].Badge || badges[0].Number == badges[1].Number {
		t.Fatalf("two cards became one badge: %+v", badges)
	}
	taps := []*process{places[0].startTap(), places[1].startTap()}
	for n, tap := range taps {
		if got := result[tapped](tap.ends(exitDone)); got.Badge != badges[n].Badge || got.Holder != badges[n].Holder {
			t.Errorf("tap %d is %+v, the badge is %+v", n, got, badges[n])
		}
	}
}

// TestTornEnrolment: card-sim is killed while the station writes, before or
// after its card carried a command out, and comes back with what it had
// stored. The station asks for the card and finishes by itself.
func TestTornEnrolment(t *testing.T) {
	t.Parallel()
	h := withReaders(t, 3)
	for n, c := range []struct {
		name    string
		at      moment
		product string
	}{
		{"card key asked for", moment{ins: insChangeKey, nth: 1}, "EV2"},
		{"card key written", moment{ins: insChangeKey, nth: 1, answered: true}, "EV3"},
		{"application made", moment{ins: insCreateApplication, nth: 1, answered: true}, "EV2"},
		{"slot 0 written", moment{ins: insChangeKey, nth: 2, answered: true}, "EV3"},
		{"among the slots", moment{ins: insChangeKey, nth: 6}, "EV2"},
		{"files committed", moment{ins: insCommitTransaction, nth: 1, answered: true}, "EV3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := h.place(t, n)
			wire := p.wired(c.at)
			p.put("--type", c.product)
			holder := fmt.Sprintf("H-%d", n)
			p.addHolder(holder)
			enrolling := p.atReader("issue", "--holder", holder, "--verbose")
			wire.waitFor(t)
			p.tear()
			wire.goOn()
			enrolling.says("Put the same card back")
			// pcscd looks at its readers a few times a second, and must have
			// seen the field empty.
			enrolling.says(fmt.Sprintf("msg=\"card removed\" reader=%q", p.reader))
			p.put()
			badge := result[issued](enrolling.ends(exitDone))
			if !badge.Resumed || badge.Presentations != 2 || badge.Holder != holder {
				t.Errorf("issued: %+v", badge)
			}
			p.handOver(badge.Badge)
			p.opens(badge)
		})
	}
}

// DESFire command codes at which cards are torn.
const (
	insChangeKey         = 0xC4
	insCreateApplication = 0xCA
	insCommitTransaction = 0xC7
)
