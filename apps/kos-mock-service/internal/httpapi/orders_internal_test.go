package httpapi

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

// FuzzOrderFilter parses arbitrary queries of the order log: an accepted page is within bounds, and
// a cursor survives formatting and parsing.
func FuzzOrderFilter(f *testing.F) {
	for _, seed := range []string{
		"", "after=1768608000000000-42&size=10", "after=-1-1", "after=1--1", "after=99999999999999999999-1", "after=9007199254740993-1", "after=1",
		"since=2026-01-17T12:00:00Z", "since=0000-01-01T00:00:00Z", "since=2026-01-17T12:00:00%2B99:00", "size=0", "size=1001", "size=1e2", "size=%00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var (
			filter billing.OrderFilter
			err    error
		)
		router := mux.NewRouter()
		router.Handle("/", query.Declare(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			filter, err = readOrderFilter(r)
		}), "client", "since", "after", "size"))
		router.ServeHTTP(httptest.NewRecorder(), &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: text}})
		if err != nil {
			if !errors.Is(err, problem.ErrValidation) {
				t.Errorf("want a validation error, got %v", err)
			}
			return
		}
		if filter.Size < 1 || filter.Size > maxOrders {
			t.Errorf("page size is %d", filter.Size)
		}
		if filter.After == (billing.OrderMark{}) {
			return
		}
		if again, err := parseMark(formatMark(filter.After)); err != nil || !again.At.Equal(filter.After.At) || again.ID != filter.After.ID {
			t.Errorf("%+v became %+v, %v", filter.After, again, err)
		}
	})
}
