package main

import (
	"context"
	"time"

	"badgekms/enroll"
	"badgekms/kms/an10922"
	"badgekms/kms/custody"
	"badgekms/kms/profile"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// keysDiffer derives every key of every badge again, in the Vault, and compares
// their check values. Only the demo can: it holds the simulated Vault's token.
func (s *story) keysDiffer(ctx context.Context) error {
	s.begin("No two keys are the same (check values; the keys are not shown)")
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	masters, err := s.masters(ctx)
	if err != nil {
		return err
	}
	seen := map[an10922.KCV]string{}
	for _, p := range s.people {
		office := enroll.Office{Badges: badgekmsv1.NewBadgeServiceClient(s.station)}
		b, err := office.FindBadge(ctx, &badgekmsv1.GetBadgeRequest{By: &badgekmsv1.GetBadgeRequest_Id{Id: p.badge}})
		if err != nil {
			return err
		}
		line := ""
		for _, slot := range b.GetSlots() {
			kcv, err := s.checkValue(ctx, masters[slot.GetDomain()], b.GetUid(), slot)
			if err != nil {
				return err
			}
			if other, twice := seen[kcv]; twice {
				return notAsTold("a key of %s has the check value of one of %s", p.name, other)
			}
			seen[kcv] = p.name
			line += " " + kcv.String()
		}
		s.say("%-13s%s", p.name, line)
	}
	s.say("%d keys, %d check values", len(seen), len(seen))
	return nil
}

// masters tells where the first generation of each domain is in custody.
func (s *story) masters(ctx context.Context) (map[string]custody.Master, error) {
	r, err := badgekmsv1.NewDomainServiceClient(s.officer).ListDomains(ctx, &badgekmsv1.ListDomainsRequest{})
	if err != nil {
		return nil, err
	}
	masters := map[string]custody.Master{}
	for _, d := range r.GetDomains() {
		g := d.GetGenerations()[0]
		masters[d.GetName()] = custody.Master{
			Domain: d.GetName(), Generation: int(g.GetNumber()), KeyName: g.GetCustodyKey(), KeyVersion: int(g.GetCustodyVersion()),
		}
	}
	return masters, nil
}

func (s *story) checkValue(ctx context.Context, m custody.Master, uid []byte, slot *badgekmsv1.Slot) (an10922.KCV, error) {
	input, err := s.profile.Format(slot.GetDomain()).M(profile.Input{
		UID: uid, AID: profile.AID(slot.GetAid()), Slot: byte(slot.GetNumber()), Issue: uint16(slot.GetIssue()), SystemID: systemID,
	})
	if err != nil {
		return an10922.KCV{}, err
	}
	keys, err := s.custody.Derive(ctx, m, []an10922.M{input})
	if err != nil {
		return an10922.KCV{}, err
	}
	defer keys[0].Destroy()
	return an10922.CheckValue(keys[0]), nil
}
