package server_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"badgekms/kms/custody"
	"badgekms/kms/pki"
	"badgekms/kms/registry"
	"badgekms/kms/server"
	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// faultyStore is a registry whose Updates fail on demand.
type faultyStore struct {
	registry.Store
	mu  sync.Mutex
	err error
}

func (s *faultyStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Update implements registry.Store.
func (s *faultyStore) Update(ctx context.Context, change func(registry.Tx) error) error {
	s.mu.Lock()
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%w: %w", registry.ErrStorage, err)
	}
	return s.Store.Update(ctx, change)
}

// Errors carry the Reason and its gRPC code; their text names no file, no
// address of a back end and no UID, and the log has the cause.
func TestErrorsForCallers(t *testing.T) {
	fault := &faultyStore{}
	w := newWorld(t, func(o *server.Options) {
		fault.Store = o.Store
		o.Office.Store = fault
	})
	card, badge := w.badge()
	officer := w.dial(pki.Officer)
	badges, holders, domains := badgekmsv1.NewBadgeServiceClient(officer), badgekmsv1.NewHolderServiceClient(officer), badgekmsv1.NewDomainServiceClient(officer)
	cause := errors.New("https://vault.internal:8200/v1/transit: " + w.dir + "/token: dial tcp 127.0.0.1:1")
	for name, c := range map[string]struct {
		call func(ctx context.Context) error
		code codes.Code
		want badgekmsv1.Reason
	}{
		"unknown badge": {func(ctx context.Context) error {
			_, err := badges.GetBadge(ctx, &badgekmsv1.GetBadgeRequest{By: &badgekmsv1.GetBadgeRequest_Uid{Uid: []byte{4, 1, 2, 3, 4, 5, 6}}})
			return err
		}, codes.NotFound, badgekmsv1.Reason_REASON_BADGE_UNKNOWN},
		"no badge named": {func(ctx context.Context) error {
			_, err := badges.GetBadge(ctx, &badgekmsv1.GetBadgeRequest{})
			return err
		}, codes.InvalidArgument, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"handed over twice": {func(ctx context.Context) error {
			_, err := badges.HandOverBadge(ctx, &badgekmsv1.HandOverBadgeRequest{Id: badge, IdentityEvidence: "passport"})
			return err
		}, codes.FailedPrecondition, badgekmsv1.Reason_REASON_STATE_INVALID},
		"expiry that is no time": {func(ctx context.Context) error {
			_, err := badges.HandOverBadge(ctx, &badgekmsv1.HandOverBadgeRequest{Id: badge, IdentityEvidence: "passport", ExpiresAt: &timestamppb.Timestamp{Seconds: 1 << 60}})
			return err
		}, codes.InvalidArgument, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"holder with other data": {func(ctx context.Context) error {
			_, err := holders.CreateHolder(ctx, &badgekmsv1.CreateHolderRequest{Holder: &badgekmsv1.Holder{Id: "H-1", Name: "Someone Else"}})
			return err
		}, codes.AlreadyExists, badgekmsv1.Reason_REASON_HOLDER_EXISTS},
		"no holder at all": {func(ctx context.Context) error {
			_, err := holders.CreateHolder(ctx, &badgekmsv1.CreateHolderRequest{})
			return err
		}, codes.InvalidArgument, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"domain without kind": {func(ctx context.Context) error {
			_, err := domains.CreateDomain(ctx, &badgekmsv1.CreateDomainRequest{Name: "parking"})
			return err
		}, codes.InvalidArgument, badgekmsv1.Reason_REASON_MESSAGE_INVALID},
		"domain that exists": {func(ctx context.Context) error {
			_, err := domains.CreateDomain(ctx, &badgekmsv1.CreateDomainRequest{Name: w.domains.Profile.AdminDomain(), Kind: badgekmsv1.DomainKind_DOMAIN_KIND_ADMIN})
			return err
		}, codes.AlreadyExists, badgekmsv1.Reason_REASON_DOMAIN_EXISTS},
		"storage fails": {func(ctx context.Context) error {
			fault.fail(cause)
			defer fault.fail(nil)
			_, err := holders.CreateHolder(ctx, &badgekmsv1.CreateHolderRequest{Holder: &badgekmsv1.Holder{Id: "H-2", Name: "Jean Petit"}})
			return err
		}, codes.Unavailable, badgekmsv1.Reason_REASON_STORAGE_FAILED},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.call(deadline(t))
			wantRefusal(t, err, c.want)
			if status.Code(err) != c.code {
				t.Errorf("code %v, want %v", status.Code(err), c.code)
			}
			w.wantNoLeak(status.Convert(err).String(), card.UID())
		})
	}
}

// What befalls custody or storage in a tap leaves it undecided: the Outcome
// names the kind of failure, and only the log its cause.
func TestFailuresInATap(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want badgekmsv1.Reason
	}{
		"custody away":   {custody.ErrUnavailable, badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE},
		"wrong answer":   {custody.ErrWrongAnswer, badgekmsv1.Reason_REASON_CUSTODY_UNAVAILABLE},
		"storage failed": {registry.ErrStorage, badgekmsv1.Reason_REASON_STORAGE_FAILED},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			card, badge := w.badge()
			w.custody.onDerive(func(context.Context) error { return fmt.Errorf("%w: https://vault.internal:8200", c.err) })
			o, err := w.call(w.dial(pki.Terminal), card, authenticate)
			must(t, err)
			wantOutcome(t, o, c.want)
			w.wantNoLeak(o.String())
			if o.GetBadgeId() != badge {
				t.Errorf("outcome %v", o)
			}
		})
	}
}
