package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"badgekms/kms/audit"
	"badgekms/kms/pki"
	"badgekms/kms/registry"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// export reads the whole answer of ExportAudit.
func (w *world) export() ([]byte, error) {
	w.t.Helper()
	stream, err := badgekmsv1.NewAuditServiceClient(w.dial(pki.Monitor)).ExportAudit(deadline(w.t), &badgekmsv1.ExportAuditRequest{})
	must(w.t, err)
	var all []byte
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, m.GetData()...)
	}
}

// The audit log streams in parts and verifies offline, with the public key
// alone; a byte changed on the way shows.
func TestExportAudit(t *testing.T) {
	w := newWorld(t)
	_, err := w.export()
	wantRefusal(t, err, badgekmsv1.Reason_REASON_STATE_INVALID) // nothing is sequenced yet

	card, badge := w.badge()
	for range 60 {
		_, err := w.call(w.dial(pki.Terminal), card, authenticate)
		must(t, err)
	}
	key := w.sequence()
	verifier, err := audit.ParseVerifier(key.Public())
	must(t, err)
	text, err := w.export()
	must(t, err)
	if len(text) < 32<<10 {
		t.Errorf("an export of %d bytes tests no second part", len(text))
	}
	report, err := audit.Verify(bytes.NewReader(text), verifier, audit.Checks{})
	must(t, err)
	if want := int64(len(w.records())); report.Records != want || want < 40 {
		t.Errorf("%d records were exported, there are %d", report.Records, want)
	}
	if !bytes.Contains(text, []byte(badge)) || bytes.Contains(text, []byte("Anne Martin")) {
		t.Error("the export lacks the badge, or tells the holder's name")
	}
	changed := bytes.Replace(text, []byte("granted"), []byte("refused"), 1)
	if _, err := audit.Verify(bytes.NewReader(changed), verifier, audit.Checks{}); err == nil {
		t.Error("a changed export verifies")
	}
}

// Badges are found by id, UID and credential number, and carry their slots.
func TestGetBadge(t *testing.T) {
	w := newWorld(t)
	card, id := w.badge()
	client := badgekmsv1.NewBadgeServiceClient(w.dial(pki.Operator))
	byID, err := client.GetBadge(deadline(t), &badgekmsv1.GetBadgeRequest{By: &badgekmsv1.GetBadgeRequest_Id{Id: id}})
	must(t, err)
	b := byID.GetBadge()
	if b.GetState() != "active" || b.GetHolderId() != "H-1" || !bytes.Equal(b.GetUid(), card.UID()) || b.GetFirstStation() != "one" ||
		len(b.GetCredentialNumber()) != 16 || !b.GetExpiresAt().IsValid() || len(b.GetSlots()) != 9 {
		t.Errorf("badge %v", b)
	}
	for _, s := range b.GetSlots() {
		if s.GetState() != "proven" || s.GetDomain() == "" || s.GetGeneration() != 1 || s.GetIssue() != 1 || len(s.GetAid()) != 3 {
			t.Errorf("slot %v", s)
		}
	}
	for _, by := range []*badgekmsv1.GetBadgeRequest{
		{By: &badgekmsv1.GetBadgeRequest_Uid{Uid: card.UID()}},
		{By: &badgekmsv1.GetBadgeRequest_CredentialNumber{CredentialNumber: b.GetCredentialNumber()}},
	} {
		r, err := client.GetBadge(deadline(t), by)
		must(t, err)
		if r.GetBadge().GetId() != id {
			t.Errorf("%v finds %v", by, r.GetBadge())
		}
	}
}

// A badge that was never finished shows no credential number, which is on no
// card yet.
func TestReservedBadgeHidesItsNumber(t *testing.T) {
	w := newWorld(t)
	w.holder()
	card := newCard(t)
	conn := w.dial(pki.Station)
	k := begin(t, conn)
	k.open(opening(t, conn, card, provision))
	k.run()
	k.close(badgekmsv1.Reason_REASON_CARD_REMOVED)
	_, err := k.end()
	must(t, err)
	r, err := badgekmsv1.NewBadgeServiceClient(conn).GetBadge(deadline(t), &badgekmsv1.GetBadgeRequest{By: &badgekmsv1.GetBadgeRequest_Uid{Uid: card.UID()}})
	must(t, err)
	if b := r.GetBadge(); b.GetState() != string(registry.Reserved) || len(b.GetCredentialNumber()) != 0 {
		t.Errorf("badge %v", b)
	}
}

// Lists come in pages of the size asked for, each entry once.
func TestPages(t *testing.T) {
	w := newWorld(t)
	client := badgekmsv1.NewHolderServiceClient(w.dial(pki.Operator))
	for n := range 7 {
		_, err := client.CreateHolder(deadline(t), &badgekmsv1.CreateHolderRequest{Holder: &badgekmsv1.Holder{Id: fmt.Sprintf("H-%d", n), Name: "N"}})
		must(t, err)
	}
	var seen []string
	request := &badgekmsv1.ListHoldersRequest{PageSize: 3}
	for pages := 1; ; pages++ {
		r, err := client.ListHolders(deadline(t), request)
		must(t, err)
		for _, h := range r.GetHolders() {
			seen = append(seen, h.GetId())
		}
		if request.PageToken = r.GetNextPageToken(); request.PageToken == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if got := fmt.Sprint(seen); got != "[H-0 H-1 H-2 H-3 H-4 H-5 H-6]" {
		t.Errorf("holders %s", got)
	}
	all, err := client.ListHolders(deadline(t), &badgekmsv1.ListHoldersRequest{PageSize: 1 << 31})
	must(t, err)
	if len(all.GetHolders()) != 7 {
		t.Errorf("%d holders in one page", len(all.GetHolders()))
	}
}

// Inspection tells what a card is, to a station, and what became of it.
func TestInspect(t *testing.T) {
	w := newWorld(t)
	w.holder()
	card := newCard(t)
	conn := w.dial(pki.Station)
	o, err := w.call(conn, card, inspect)
	must(t, err)
	wantOutcome(t, o, badgekmsv1.Reason_REASON_UNSPECIFIED)
	i := o.GetInspection()
	if !i.GetEncodable() || i.GetBadgeState() != "" || i.GetPiccKeyType() != badgekmsv1.PiccKeyType_PICC_KEY_TYPE_TDEA2 ||
		i.GetOriginality() != badgekmsv1.Originality_ORIGINALITY_SIMULATOR || i.FreeBytes == nil || !bytes.Equal(i.GetUid(), card.UID()) {
		t.Errorf("inspection of a factory card %v", i)
	}
	encoded := w.encode(card)
	o, err = w.call(conn, card, inspect)
	must(t, err)
	i = o.GetInspection()
	if i.GetEncodable() || i.GetNotEncodableReason() != badgekmsv1.Reason_REASON_BADGE_ALREADY_ENCODED || i.GetBadgeState() != "encoded" ||
		o.GetBadgeId() != encoded.GetBadgeId() || i.GetPiccKeyType() == badgekmsv1.PiccKeyType_PICC_KEY_TYPE_TDEA2 {
		t.Errorf("inspection of a badge %v", o)
	}
}
