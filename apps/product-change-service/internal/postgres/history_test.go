package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

func TestFindIsForTheOwnerOnly(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	place := s.accepted(t, number(1))
	s.finish(t, place, change.Failed)
	found, err := s.history.Find(t.Context(), "testuser01", place.RequestID)
	if err != nil || found.Status != change.Failed || found.ResultCode != "2099" || found.ProcessedAt.IsZero() {
		t.Errorf("got %+v, %v", found, err)
	}
	for user, id := range map[string]string{
		"testuser02": place.RequestID, "testuser01": uuid.NewString(), "": "nonsense",
	} {
		if _, err := s.history.Find(t.Context(), user, id); !errors.Is(err, change.ErrNoChange) {
			t.Errorf("%s of %q: %v", id, user, err)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	s := newStore(t, plenty)
	var ids []string // newest first
	for i := range 5 {
		place := s.accepted(t, number(i%2))
		ids = append([]string{place.RequestID}, ids...)
		if i != 4 {
			s.finish(t, place, []change.Status{change.Completed, change.Failed}[i%2])
		}
	}
	stranger := asked(t, number(9))
	stranger.UserID = "testuser02"
	expect.NoError(t, s.changes.Accept(t.Context(), stranger, change.Key{}, product.Version{}))

	both := []msisdn.Number{number(0), number(1)}
	tests := map[string]struct {
		filter change.Filter
		total  int
		want   []string
	}{
		"all":          {change.Filter{Lines: both, Page: query.Page{Number: 1, Size: 10}}, 5, ids},
		"second page":  {change.Filter{Lines: both, Page: query.Page{Number: 2, Size: 2}}, 5, ids[2:4]},
		"beyond":       {change.Filter{Lines: both, Page: query.Page{Number: 4, Size: 2}}, 5, nil},
		"one line":     {change.Filter{Lines: both[1:], Page: query.Page{Number: 1, Size: 10}}, 2, []string{ids[1], ids[3]}},
		"one status":   {change.Filter{Lines: both, Status: change.Completed, Page: query.Page{Number: 1, Size: 10}}, 2, []string{ids[2], ids[4]}},
		"that runs":    {change.Filter{Lines: both, Status: change.Pending, Page: query.Page{Number: 1, Size: 10}}, 1, ids[:1]},
		"until before": {change.Filter{Lines: both, Until: time.Now().Add(-time.Hour), Page: query.Page{Number: 1, Size: 10}}, 0, nil},
		"from later":   {change.Filter{Lines: both, From: time.Now().Add(time.Hour), Page: query.Page{Number: 1, Size: 10}}, 0, nil},
		"no line":      {change.Filter{Page: query.Page{Number: 1, Size: 10}}, 0, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.filter.UserID = "testuser01"
			page, err := s.history.List(t.Context(), test.filter)
			expect.NoError(t, err)
			var got []string
			for _, c := range page.Changes {
				got = append(got, c.RequestID)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || page.Total != test.total {
				t.Errorf("%d in all, want %d (-want +got):\n%s", page.Total, test.total, diff)
			}
		})
	}
}
