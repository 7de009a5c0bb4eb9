package enroll

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	badgekmsv1 "badgekms/proto/badgekms/v1"
	"badgekms/reader/relay"
	"badgekms/reader/relay/relaytest"
)

// records gives holders in pages of two.
type records struct {
	badgekmsv1.UnimplementedHolderServiceServer
	ids   []string
	stuck bool
	fail  bool
}

func (r *records) ListHolders(_ context.Context, q *badgekmsv1.ListHoldersRequest) (*badgekmsv1.ListHoldersResponse, error) {
	from := 0
	if q.GetPageToken() != "" {
		from, _ = strconv.Atoi(q.GetPageToken())
		if r.fail {
			return nil, status.Error(codes.Unavailable, "stopping")
		}
	}
	to := min(from+2, len(r.ids))
	response := &badgekmsv1.ListHoldersResponse{}
	for _, id := range r.ids[from:to] {
		response.Holders = append(response.Holders, &badgekmsv1.Holder{Id: id})
	}
	if to < len(r.ids) {
		response.NextPageToken = strconv.Itoa(to)
	}
	if r.stuck {
		response.NextPageToken = "2"
	}
	return response, nil
}

func TestAllHolders(t *testing.T) {
	tests := map[string]struct {
		records records
		want    int
		check   func(error) bool
	}{
		"none":         {records{}, 0, nil},
		"one page":     {records{ids: []string{"a", "b"}}, 2, nil},
		"three pages":  {records{ids: []string{"a", "b", "c", "d", "e"}}, 5, nil},
		"fails midway": {records{ids: []string{"a", "b", "c"}, fail: true}, 2, func(err error) bool { return status.Code(err) == codes.Unavailable }},
		"stuck":        {records{ids: []string{"a", "b", "c"}, stuck: true}, 3, func(err error) bool { return errors.Is(err, relay.ErrProtocol) }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			endpoint := relaytest.Serve(t, func(s *grpc.Server) { badgekmsv1.RegisterHolderServiceServer(s, &test.records) })
			office := Office{Holders: badgekmsv1.NewHolderServiceClient(endpoint.Dial(t))}
			got := 0
			var failure error
			for h, err := range office.AllHolders(t.Context()) {
				if err != nil {
					failure = err
					break
				}
				if h.GetId() != test.records.ids[got] {
					t.Errorf("holder %d is %s", got, h.GetId())
				}
				got++
			}
			if got != test.want || (test.check == nil) != (failure == nil) || test.check != nil && !test.check(failure) {
				t.Errorf("%d holders, %v", got, failure)
			}
		})
	}
}
