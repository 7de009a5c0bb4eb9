// Package registrytest is the contract of registry.Store as tests: every
// backend passes Run, so that a hospital can change from SQLite to PostgreSQL
// and nothing above notices (DESIGN.md §4, §5, §7, §9).
package registrytest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"badgekms/kms/registry"

	"github.com/google/go-cmp/cmp"
)

// Writer is the name of the audit writer that open must give its store.
const Writer = "contract"

// Run runs the contract. open makes an empty store for one test, which is
// closed when that test ends.
func Run(t *testing.T, open func(t *testing.T) registry.Store) {
	for _, group := range []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"Holders", holders},
		{"Badges", badges},
		{"BadgeTransitions", badgeTransitions},
		{"BadgeSearch", badgeSearch},
		{"Pages", pages},
		{"Assignments", assignments},
		{"IssueNumbers", issueNumbers},
		{"IssueNumbersExhausted", issueNumbersExhausted},
		{"RestoreEpoch", restoreEpoch},
		{"OneProcedureAtATime", oneProcedureAtATime},
		{"Fencing", fencing},
		{"EndProcedure", endProcedure},
		{"OpenIntent", openIntent},
		{"OpenIntentRefused", openIntentRefused},
		{"IntentSettlesNew", intentSettlesNew},
		{"IntentSettlesOld", intentSettlesOld},
		{"OnlyEvidenceSettles", onlyEvidenceSettles},
		{"TwoCardsOneUID", twoCardsOneUID},
		{"ResumeByLaterConversation", resumeByLaterConversation},
		{"ApplicationGone", applicationGone},
		{"Rekey", rekey},
		{"ExposedBadges", exposedBadges},
		{"Trials", trials},
		{"Requests", requests},
		{"Keyring", keyringRecords},
		{"AuditAppend", auditAppend},
		{"AuditSequence", auditSequence},
		{"AuditConflict", auditConflict},
		{"FailedUpdateLeavesNothing", failedUpdate},
		{"ViewCannotWrite", viewCannotWrite},
		{"ViewIsASnapshot", viewIsASnapshot},
		{"CancelledUpdate", cancelledUpdate},
		{"PanicInUpdate", panicInUpdate},
		{"TxEndsWithItsFunction", txEnds},
		{"ConcurrentUpdates", concurrentUpdates},
		{"ConcurrentIssueNumbers", concurrentIssueNumbers},
		{"Closed", closedStore},
	} {
		t.Run(group.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close the store: %v", err)
				}
			})
			group.run(t, &fixture{store: s})
		})
	}
}

// fixture is the store under test with shorthands.
type fixture struct {
	store registry.Store
	cards uint32
}

// update fails the test unless change succeeds.
func (f *fixture) update(t *testing.T, change func(tx registry.Tx) error) {
	t.Helper()
	if err := f.store.Update(t.Context(), change); err != nil {
		t.Fatalf("update: %v", err)
	}
}

// refused fails the test unless change fails with want.
func (f *fixture) refused(t *testing.T, want error, change func(tx registry.Tx) error) {
	t.Helper()
	if err := f.store.Update(t.Context(), change); !errors.Is(err, want) {
		t.Fatalf("update: got error %v, want %v", err, want)
	}
}

func (f *fixture) view(t *testing.T, look func(tx registry.Tx) error) {
	t.Helper()
	if err := f.store.View(t.Context(), look); err != nil {
		t.Fatalf("view: %v", err)
	}
}

// uid makes another card's UID each time: 7 bytes, NXP's 04 first.
func (f *fixture) uid() []byte {
	f.cards++
	return binary.BigEndian.AppendUint32([]byte{0x04, 0xA1, 0xB2}, f.cards)
}

// badge stores a badge in some state.
func (f *fixture) badge(t *testing.T, state registry.State) (b registry.Badge) {
	t.Helper()
	uid := f.uid()
	f.update(t, func(tx registry.Tx) (err error) {
		b, err = tx.CreateBadge(registry.Badge{UID: uid, State: state})
		return err
	})
	return b
}

func (f *fixture) holder(t *testing.T, id string) {
	t.Helper()
	f.update(t, func(tx registry.Tx) error {
		_, err := tx.CreateHolder(registry.Holder{ID: id, Name: "Holder " + id, Unit: "Cardiology"})
		return err
	})
}

// procedure is what conversation would start on badge b.
func procedure(b registry.Badge, conversation string) registry.Procedure {
	return registry.Procedure{
		UID: b.UID, Badge: b.ID, Name: registry.Provision, Conversation: conversation, Instance: "kms-1",
		Actor: "spiffe://hospital/operator/lea", Station: "desk-1", Profile: "default", ProfileHash: make([]byte, registry.HashSize), CardType: "EV3",
	}
}

// start starts a procedure, all earlier conversations being dead.
func (f *fixture) start(t *testing.T, b registry.Badge, conversation string) (p registry.Procedure) {
	t.Helper()
	f.update(t, func(tx registry.Tx) (err error) {
		p, err = tx.StartProcedure(procedure(b, conversation), dead)
		return err
	})
	return p
}

func dead(string) bool  { return false }
func alive(string) bool { return true }

func (f *fixture) issue(t *testing.T, uid []byte) (n registry.IssueNumber) {
	t.Helper()
	f.update(t, func(tx registry.Tx) (err error) {
		n, err = tx.AllocateIssue(uid, "conversation")
		return err
	})
	return n
}

// application is the AID of the tests' application, as sent on the wire.
var application = registry.AID{0x00, 0x32, 0xF5}

// daughter refers to a key of a domain.
func daughter(domain string, generation uint32, issue registry.IssueNumber) registry.KeyRef {
	return registry.KeyRef{Kind: registry.KeyDomain, Domain: domain, Generation: generation, Issue: issue, Format: "m1:uid"}
}

// equal fails the test if got is not want.
func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// is fails the test unless err is want.
func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

// recent tells whether a stored time is plausible: set, UTC, and in the
// precision that comes back.
func recent(t *testing.T, what string, at time.Time) {
	t.Helper()
	if at.IsZero() || at.Location() != time.UTC || at.Nanosecond()%1000 != 0 {
		t.Errorf("%s: %v is not a time in UTC to the microsecond", what, at)
	}
}

var errChange = fmt.Errorf("the change fails")
