package httpapi

import (
	"errors"
	"net/url"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/problem"
)

// FuzzOrderFilter reads any query of the log of orders: what is taken is a page
// within bounds, and a mark says the same when it is read again.
func FuzzOrderFilter(f *testing.F) {
	for _, seed := range []string{
		"", "after=1768608000000000-42&size=10", "after=-1-1", "after=1--1", "after=99999999999999999999-1", "after=9007199254740993-1", "after=1",
		"since=2026-01-17T12:00:00Z", "since=0000-01-01T00:00:00Z", "since=2026-01-17T12:00:00%2B99:00", "size=0", "size=1001", "size=1e2", "size=%00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		query, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		filter, err := readOrderFilter(query)
		if err != nil {
			if !errors.Is(err, problem.ErrValidation) {
				t.Errorf("taken for a fault of ours: %v", err)
			}
			return
		}
		if filter.Size < 1 || filter.Size > maxOrders {
			t.Errorf("a page of %d", filter.Size)
		}
		if query.Get("after") == "" {
			return
		}
		if again, err := parseMark(formatMark(filter.After)); err != nil || !again.At.Equal(filter.After.At) || again.ID != filter.After.ID {
			t.Errorf("%+v became %+v, %v", filter.After, again, err)
		}
	})
}
