package enroll

import (
	"context"
	"iter"
	"time"

	badgekmsv1 "badgekms/proto/badgekms/v1"
)

// callLimit is how long one call about records may take.
const callLimit = 10 * time.Second

// pageSize is how many records are fetched at a time, the most that the API
// gives.
const pageSize = 500

// Office is the badge office's records: holders and badges. Its errors are the
// KMS's gRPC errors, which package reason knows.
type Office struct {
	// Holders reaches the records of people.
	Holders badgekmsv1.HolderServiceClient
	// Badges reaches the records of badges.
	Badges badgekmsv1.BadgeServiceClient
}

// AddHolder records a person. Repeating it with the same data is no error;
// validateOnly checks and records nothing.
func (o Office) AddHolder(ctx context.Context, h *badgekmsv1.Holder, validateOnly bool) (*badgekmsv1.Holder, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	response, err := o.Holders.CreateHolder(ctx, &badgekmsv1.CreateHolderRequest{Holder: h, ValidateOnly: validateOnly})
	return response.GetHolder(), err
}

// AllHolders yields the people in order of id, page by page, until the first
// error.
func (o Office) AllHolders(ctx context.Context) iter.Seq2[*badgekmsv1.Holder, error] {
	return pages(ctx, func(ctx context.Context, token string) ([]*badgekmsv1.Holder, string, error) {
		r, err := o.Holders.ListHolders(ctx, &badgekmsv1.ListHoldersRequest{PageSize: pageSize, PageToken: token})
		return r.GetHolders(), r.GetNextPageToken(), err
	})
}

// FindBadge finds one badge by its id, UID or credential number.
func (o Office) FindBadge(ctx context.Context, by *badgekmsv1.GetBadgeRequest) (*badgekmsv1.Badge, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	response, err := o.Badges.GetBadge(ctx, by)
	return response.GetBadge(), err
}

// AllBadges yields the badges in order of id, those of one holder where one is
// named, until the first error.
func (o Office) AllBadges(ctx context.Context, holderID string) iter.Seq2[*badgekmsv1.Badge, error] {
	return pages(ctx, func(ctx context.Context, token string) ([]*badgekmsv1.Badge, string, error) {
		r, err := o.Badges.ListBadges(ctx, &badgekmsv1.ListBadgesRequest{PageSize: pageSize, PageToken: token, HolderId: holderID})
		return r.GetBadges(), r.GetNextPageToken(), err
	})
}

// HandOver records that somebody saw the holder's identity, by the evidence
// named, and gave the badge away: it becomes active.
func (o Office) HandOver(ctx context.Context, badgeID, evidence string) (*badgekmsv1.Badge, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	response, err := o.Badges.HandOverBadge(ctx, &badgekmsv1.HandOverBadgeRequest{Id: badgeID, IdentityEvidence: evidence})
	return response.GetBadge(), err
}

// pages yields the records of every page that fetch gives.
func pages[R any](ctx context.Context, fetch func(context.Context, string) ([]R, string, error)) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var none R
		token := ""
		for {
			records, next, err := fetchPage(ctx, token, fetch)
			if err != nil {
				yield(none, err)
				return
			}
			for _, r := range records {
				if !yield(r, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			if next == token {
				yield(none, incomplete("the KMS gave the same page of records twice"))
				return
			}
			token = next
		}
	}
}

func fetchPage[R any](ctx context.Context, token string, fetch func(context.Context, string) ([]R, string, error)) ([]R, string, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return fetch(ctx, token)
}
