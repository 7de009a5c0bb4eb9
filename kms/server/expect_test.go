package server_test

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"badgekms/kms/audit"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// verdictOf says what each outcome of these tests is called, apart from the
// table of the KMS.
var verdictOf = map[badgekmsv1.Reason]badgekmsv1.Verdict{
	badgekmsv1.Reason_REASON_UNSPECIFIED:             badgekmsv1.Verdict_VERDICT_GRANTED,
	badgekmsv1.Reason_REASON_KEY_REFUSED:             badgekmsv1.Verdict_VERDICT_DENIED,
	badgekmsv1.Reason_REASON_BADGE_UNKNOWN:           badgekmsv1.Verdict_VERDICT_DENIED,
	badgekmsv1.Reason_REASON_BADGE_NOT_HANDED_OVER:   badgekmsv1.Verdict_VERDICT_DENIED,
	badgekmsv1.Reason_REASON_BADGE_ALREADY_ENCODED:   badgekmsv1.Verdict_VERDICT_DENIED,
	badgekmsv1.Reason_REASON_CARD_KEYS_UNKNOWN:       badgekmsv1.Verdict_VERDICT_DENIED,
	badgekmsv1.Reason_REASON_CARD_FULL:               badgekmsv1.Verdict_VERDICT_DENIED,
	badgekmsv1.Reason_REASON_CARD_UNSUPPORTED:        badgekmsv1.Verdict_VERDICT_DENIED,
	badgekmsv1.Reason_REASON_APPLICATION_MISSING:     badgekmsv1.Verdict_VERDICT_DENIED,
	badgekmsv1.Reason_REASON_HOLDER_UNKNOWN:          badgekmsv1.Verdict_VERDICT_DENIED,
	badgekmsv1.Reason_REASON_BADGE_BUSY:              badgekmsv1.Verdict_VERDICT_UNDECIDED,
	badgekmsv1.Reason_REASON_CARD_REMOVED:            badgekmsv1.Verdict_VERDICT_UNDECIDED,
	badgekmsv1.Reason_REASON_READER_FAILED:           badgekmsv1.Verdict_VERDICT_UNDECIDED,
	badgekmsv1.Reason_REASON_CARD_ERROR:              badgekmsv1.Verdict_VERDICT_UNDECIDED,
	badgekmsv1.Reason_REASON_RELAY_SILENT:            badgekmsv1.Verdict_VERDICT_UNDECIDED,
	badgekmsv1.Reason_REASON_CONVERSATION_TIMEOUT:    badgekmsv1.Verdict_VERDICT_UNDECIDED,
	badgekmsv1.Reason_REASON_CONVERSATION_SUPERSEDED: badgekmsv1.Verdict_VERDICT_UNDECIDED,
	badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE:     badgekmsv1.Verdict_VERDICT_UNDECIDED,
	badgekmsv1.Reason_REASON_STORAGE_FAILED:          badgekmsv1.Verdict_VERDICT_UNDECIDED,
}

// wantOutcome checks reason and verdict of an Outcome, and what every one has.
func wantOutcome(t testing.TB, o *badgekmsv1.Outcome, want badgekmsv1.Reason) {
	t.Helper()
	verdict, known := verdictOf[want]
	if !known {
		t.Fatalf("the test knows no verdict of %v", want)
	}
	if o.GetReason() != want || o.GetVerdict() != verdict {
		t.Errorf("outcome %v %v, want %v %v", o.GetVerdict(), o.GetReason(), verdict, want)
	}
	if o.GetConversation() == "" || !o.GetDecidedAt().IsValid() || o.GetRoundTrips() == 0 {
		t.Errorf("outcome %v lacks conversation, time or round trips", o)
	}
}

// wantRefusal checks a gRPC error: its Reason, in ErrorInfo of our domain.
func wantRefusal(t testing.TB, err error, want badgekmsv1.Reason) {
	t.Helper()
	for _, d := range status.Convert(err).Details() {
		info, ok := d.(*errdetails.ErrorInfo)
		if ok && info.GetDomain() == "badgekms" && "REASON_"+info.GetReason() == want.String() {
			return
		}
	}
	t.Errorf("error %v with details %v, want %v", err, status.Convert(err).Details(), want)
}

// records sequences the audit log and reads all of it.
func (w *world) records() []record {
	w.t.Helper()
	w.sequence()
	stored, err := w.store.AuditTree().Sequenced(w.t.Context(), 0, 10000)
	must(w.t, err)
	var all []record
	for _, s := range stored {
		var r record
		r.Header, err = audit.ParseHeader(s.Header)
		must(w.t, err)
		r.Body, err = audit.ParseBody(s.Body)
		must(w.t, err)
		all = append(all, r)
	}
	return all
}

type record struct {
	audit.Header
	audit.Body
}

// refusals are the records of refused calls since the beginning.
func (w *world) refusals() []record {
	w.t.Helper()
	var found []record
	for _, r := range w.records() {
		if r.Action == "call.refuse" {
			found = append(found, r)
		}
	}
	return found
}

// sequence takes what was appended into the tree and gives the key to verify.
func (w *world) sequence() *audit.SigningKey {
	w.t.Helper()
	path := filepath.Join(w.dir, "audit.key")
	key, err := audit.LoadSigningKey(path)
	if err != nil {
		key, err = audit.CreateSigningKey(path, "audit.test", rand.Reader)
	}
	must(w.t, err)
	_, err = audit.NewSequencer(w.store.AuditTree(), key, w.options.Log).Sequence(w.t.Context())
	must(w.t, err)
	return key
}

// cardState is what the registry knows of a card: its badge, slots and open intents.
type cardState struct {
	Badge   registry.State
	Slots   map[string]registry.SlotState
	Intents int
}

func (w *world) state(uid []byte) cardState {
	w.t.Helper()
	s := cardState{Slots: map[string]registry.SlotState{}}
	must(w.t, w.store.View(w.t.Context(), func(tx registry.Tx) error {
		b, err := tx.BadgeByUID(uid)
		if errors.Is(err, registry.ErrNotFound) {
			return nil
		}
		must(w.t, err)
		s.Badge = b.State
		slots, err := tx.CardSlots(b.ID)
		must(w.t, err)
		for _, slot := range slots {
			s.Slots[slot.AID.String()+" "+hex.EncodeToString([]byte{slot.Slot})] = slot.State
		}
		open, err := tx.UnsettledIntents(uid)
		s.Intents = len(open)
		return err
	}))
	return s
}

// wantNoLeak checks that a text for callers names nothing of the inside.
func (w *world) wantNoLeak(text string, uids ...[]byte) {
	w.t.Helper()
	lower := strings.ToLower(text)
	secrets := []string{w.dir, "vault.internal", "127.0.0.1", ".go", ".db", "sqlite"}
	for _, uid := range uids {
		secrets = append(secrets, hex.EncodeToString(uid))
	}
	for _, s := range secrets {
		if strings.Contains(lower, strings.ToLower(s)) {
			w.t.Errorf("%q tells %q", text, s)
		}
	}
}
