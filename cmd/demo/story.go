package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"badgekms/enroll"
	"badgekms/enroll/text"
	"badgekms/kms/audit"
	"badgekms/kms/profile"
	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/cardsim"
)

// errNotAsTold is the failure of a demo whose step ended otherwise than told.
var errNotAsTold = errors.New("this did not go as told")

func notAsTold(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errNotAsTold, fmt.Sprintf(format, args...))
}

// person is a holder of the story, with the card she gets.
type person struct {
	id, name, unit string
	card           *cardsim.Card
	badge          string
	credential     []byte
}

// story is the told part of the demo.
type story struct {
	*world
	*narrator
	profile *profile.Profile
	people  []*person
}

func tell(ctx context.Context, w *world, n *narrator) error {
	s := &story{world: w, narrator: n, profile: profile.Default(), people: []*person{
		{id: "H-1001", name: "Anne Martin", unit: "Pharmacie"},
		{id: "H-1002", name: "Karim Benali", unit: "Urgences"},
		{id: "H-1003", name: "Sophie Leroy", unit: "Bloc opératoire"},
	}}
	started := time.Now()
	s.text("BadgeKMS: three badges, from blank card to opened door.",
		"Everything runs in this process, in "+w.dir+"; cards and Vault are simulators.")
	for _, chapter := range []func(context.Context) error{
		s.setUp, s.createDomains, s.enrolTwo, s.tearAndResume, s.taps, s.refusals, s.keysDiffer, s.auditLog,
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	s.text("", fmt.Sprintf("Done: everything went as told (%s).", time.Since(started).Round(10*time.Millisecond)))
	return nil
}

func (s *story) setUp(ctx context.Context) error {
	s.begin("A hospital sets up its own key management")
	if err := s.openLog(); err != nil {
		return err
	}
	address, err := s.startVault(ctx)
	if err != nil {
		return err
	}
	s.say("hsm-sim, a simulated Vault (NOT an HSM), listens on %s", address)
	if err := s.issueCertificates(); err != nil {
		return err
	}
	s.say("kmsctl pki: a CA for %s; certificates for the KMS, a station, a door, an officer", trustDomain)
	if err := s.startKMS(ctx); err != nil {
		return err
	}
	s.say("the KMS serves gRPC on %s, over mutual TLS and nothing else", s.daemon.Addr())
	return s.connect()
}

func (s *story) createDomains(ctx context.Context) error {
	s.begin("The security officer creates the master keys, inside the Vault")
	domains := badgekmsv1.NewDomainServiceClient(s.officer)
	for _, name := range s.profile.Domains() {
		kind := badgekmsv1.DomainKind_DOMAIN_KIND_AUTHENTICATION
		if name == s.profile.AdminDomain() {
			kind = badgekmsv1.DomainKind_DOMAIN_KIND_ADMIN
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		r, err := domains.CreateDomain(ctx, &badgekmsv1.CreateDomainRequest{Name: name, Kind: kind})
		cancel()
		if err != nil {
			return err
		}
		g := r.GetDomain().GetGenerations()[0]
		s.say("domain %-15s generation %d, check value %X", name, g.GetNumber(), g.GetKcv())
	}
	return nil
}

func (s *story) enrolTwo(ctx context.Context) error {
	s.begin("The badge office enrols two people")
	for i, t := range []cardsim.Type{cardsim.EV2, cardsim.EV3} {
		if err := s.enrol(ctx, s.people[i], t, 0); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) tearAndResume(ctx context.Context) error {
	s.begin("A third card is pulled away in the middle, and put back")
	const command = 35
	return s.enrol(ctx, s.people[2], cardsim.EV3, command)
}

// enrol records a person and enrols a blank card for her. A tear above 0 pulls
// the card away after so many commands, and puts it back when it is asked for.
func (s *story) enrol(ctx context.Context, p *person, t cardsim.Type, tear int) (err error) {
	office := enroll.Office{
		Holders: badgekmsv1.NewHolderServiceClient(s.station), Badges: badgekmsv1.NewBadgeServiceClient(s.station),
	}
	if _, err := office.AddHolder(ctx, &badgekmsv1.Holder{Id: p.id, Name: p.name, Unit: p.unit}, false); err != nil {
		return err
	}
	if p.card, err = blank(t); err != nil {
		return err
	}
	s.say("%s (%s, %s): a blank DESFire %s is put on the station's reader", p.name, p.id, p.unit, t)
	hand := &hand{story: s, card: p.card, tear: tear}
	station := enroll.NewStation(enroll.Config{
		Readers: s.field.readers(), ReaderName: s.field.station(),
		Client: badgekmsv1.NewConversationServiceClient(s.station), Notify: hand.notify,
	})
	issued, err := station.Issue(ctx, enroll.Order{HolderID: p.id, Resume: true})
	if err = errors.Join(err, hand.err); err != nil {
		return err
	}
	if tear > 0 && (!hand.torn || !issued.Outcome.GetProvisioned().GetResumed()) {
		return notAsTold("the enrolment of %s was not torn and resumed", p.name)
	}
	p.badge, p.credential = issued.Outcome.GetBadgeId(), issued.Outcome.GetProvisioned().GetCredentialNumber()
	s.say("  encoded and verified: credential number %X, %d round trips", p.credential, issued.Outcome.GetRoundTrips())
	if err := s.field.remove(s.field.station()); err != nil {
		return err
	}
	if _, err := office.HandOver(ctx, p.badge, "carte nationale d'identité"); err != nil {
		return err
	}
	s.say("  handed over to %s, whose identity card was seen", p.name)
	return nil
}

// hand lays the card on the station's reader when the station asks for it.
type hand struct {
	*story
	card *cardsim.Card
	tear int
	torn bool
	err  error
}

func (h *hand) notify(e enroll.Event) {
	switch e.Kind {
	case enroll.WaitingForCard:
		h.err = errors.Join(h.err, h.field.put(h.field.station(), h.card))
	case enroll.Inspected:
		// The look is over; the tear shall hit the enrolment.
		h.card.TearAt(h.tear, cardsim.After)
	case enroll.Step:
		h.say("  step %d of %d: %s", e.Progress.GetStep(), e.Progress.GetOf(), text.English.Stage(e.Progress.GetStage()))
	case enroll.PutBack:
		h.torn = true
		h.say("  the card was pulled away; the station says: %s", text.English.Reason(e.Reason).Cure)
		h.card.TearAt(0, cardsim.After)
		h.err = errors.Join(h.err, h.field.remove(h.field.station()), h.field.put(h.field.station(), h.card))
	}
}

// auditLog exports the log and verifies it as an auditor would, with nothing
// but the public key.
func (s *story) auditLog(ctx context.Context) error {
	s.begin("The security officer proves what happened")
	deadline, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	report, err := s.verifiedExport(deadline)
	if err != nil {
		return err
	}
	s.say("the exported audit log holds %d records; each, their order and the signed checkpoint are verified", report.Records)
	return nil
}

// sequenceWait is how often the export is asked again while the newest records
// wait for the sequencer, which signs at least once a second.
const sequenceWait = 200 * time.Millisecond

// verifiedExport exports and verifies until the records told so far are there:
// at least one for each domain, enrolment, hand-over and tap.
func (s *story) verifiedExport(ctx context.Context) (audit.Report, error) {
	key, err := audit.LoadSigningKey(s.path("audit.key"))
	if err != nil {
		return audit.Report{}, err
	}
	wanted := int64(len(s.profile.Domains()) + 4*len(s.people))
	for {
		export, err := s.export(ctx)
		if err != nil {
			return audit.Report{}, err
		}
		report, err := audit.Verify(bytes.NewReader(export), key.Verifier(), audit.Checks{})
		if err != nil || report.Records >= wanted {
			return report, err
		}
		select {
		case <-time.After(sequenceWait):
		case <-ctx.Done():
			return report, notAsTold("the audit log has %d records, at least %d are expected", report.Records, wanted)
		}
	}
}

func (s *story) export(ctx context.Context) ([]byte, error) {
	stream, err := badgekmsv1.NewAuditServiceClient(s.officer).ExportAudit(ctx, &badgekmsv1.ExportAuditRequest{})
	if err != nil {
		return nil, err
	}
	var all []byte
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, r.GetData()...)
	}
}
