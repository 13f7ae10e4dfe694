package query_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/query"
)

const depth = 1000

var seoul = time.FixedZone("KST", 9*60*60)

type color string

// routed returns a request with a query, as received by the handler of its route.
func routed(t testing.TB, text string) *http.Request {
	t.Helper()
	var got *http.Request
	router := mux.NewRouter()
	capture := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r })
	router.Handle("/", query.Declare(capture, "line", "startDate", "endDate", "page", "size", "color"))
	router.ServeHTTP(httptest.NewRecorder(), &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: text}})
	return got
}

// read reads a parameter of every type.
func read(t testing.TB, text string) (got []any, faults map[string]string) {
	t.Helper()
	r := query.New(routed(t, text))
	line, given := r.Line("line")
	from, until := r.Days(seoul)
	got = []any{r.Page(20, depth), line.Digits(), given, from, until, query.OneOf(r, "color", color("red"), color("blue"))}
	if err := r.Err(); err != nil {
		p, ok := errors.AsType[*problem.Error](err)
		if !ok || !errors.Is(err, problem.ErrValidation) {
			t.Fatal(err)
		}
		faults = p.Details.(problem.FieldErrors).Fields
	}
	return got, faults
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	got, faults := read(t, "")
	want := []any{query.Page{Number: 1, Size: 20}, "", false, time.Time{}, time.Time{}, color("")}
	if diff := cmp.Diff(want, got); diff != "" || len(faults) > 0 {
		t.Errorf("%s\nfaults: %v", diff, faults)
	}
}

func TestAllParameters(t *testing.T) {
	t.Parallel()
	got, faults := read(t, "page=10&size=100&line=010-1234-5678&startDate=2026-07-01&endDate=2026-07-01&color=blue")
	want := []any{
		query.Page{Number: 10, Size: 100}, "01012345678", true,
		time.Date(2026, 7, 1, 0, 0, 0, 0, seoul), time.Date(2026, 7, 2, 0, 0, 0, 0, seoul), color("blue"),
	}
	if diff := cmp.Diff(want, got); diff != "" || len(faults) > 0 {
		t.Errorf("%s\nfaults: %v", diff, faults)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"page=0":                    {"page"},
		"page=x&size=101":           {"page", "size"},
		"page=11&size=100":          {"page"},
		"page=99999999999999999999": {"page"},
		"size=-1":                   {"size"},
		"size=%2B1":                 {"size"},
		"size=01":                   {"size"},
		"size=":                     {"size"},
		"size":                      {"size"},
		"line=":                     {"line"},
		"color=":                    {"color"},
		"startDate=":                {"startDate"},
		"page=1&page=1":             {"page"},
		"page=1&p%61ge=2":           {"page"},
		"color=red;size=5":          {"color"},
		"color;size=5":              {"color"},
		"color=red%zz":              {"color"},
		"color=red%":                {"color"},
		"%zz=1":                     {"%zz"},
		"color=%ff":                 {"color"},
		"color=%ed%a0%80":           {"color"},
		"colour=red":                {"colour"},
		"Color=red":                 {"Color"},
		"color[]=red":               {"color[]"},
		"=1":                        {""},
		"a=1&b=2&c=":                {"a", "b", "c"},
		"line=012":                  {"line"},
		"startDate=2026-02-30":      {"startDate"},
		"endDate=tomorrow":          {"endDate"},
		"startDate=2026-07-02&endDate=2026-07-01": {"startDate"},
		"color=green": {"color"},
		"color=green&line=x&size=x&startDate=2026": {"color", "line", "size", "startDate"},
	} {
		t.Run(text, func(t *testing.T) {
			_, faults := read(t, text)
			if len(faults) != len(want) {
				t.Errorf("%s: %v, want faults of %v", text, faults, want)
			}
			for _, name := range want {
				if faults[name] == "" {
					t.Errorf("%s: no fault of %s", text, name)
				}
			}
		})
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		page           query.Page
		total          int
		count          int
		next, previous bool
		offset         int
	}{
		{query.Page{Number: 1, Size: 10}, 0, 0, false, false, 0},
		{query.Page{Number: 1, Size: 10}, 10, 1, false, false, 0},
		{query.Page{Number: 1, Size: 10}, 11, 2, true, false, 0},
		{query.Page{Number: 2, Size: 10}, 11, 2, false, true, 10},
		{query.Page{Number: 9, Size: 10}, 11, 2, false, true, 80},
	} {
		p := c.page
		if p.Count(c.total) != c.count || p.HasNext(c.total) != c.next || p.HasPrevious() != c.previous || p.Offset() != c.offset {
			t.Errorf("%+v of %d items: %d pages, next %t, previous %t, offset %d",
				p, c.total, p.Count(c.total), p.HasNext(c.total), p.HasPrevious(), p.Offset())
		}
	}
}

// TestPairs checks that empty pairs and percent-encoded names are accepted.
func TestPairs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"&", "color=red&", "&&color=red", "colo%72=red", "color=r%65d"} {
		got, faults := read(t, text)
		if len(faults) > 0 || text != "&" && got[5] != color("red") {
			t.Errorf("%s: %v, faults %v", text, got[5], faults)
		}
	}
}

func TestFaultsAreLimited(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for n := range 100 {
		fmt.Fprintf(&text, "%d%s=1&", n, strings.Repeat("x", 100))
	}
	_, faults := read(t, text.String())
	if len(faults) != 16 {
		t.Errorf("%d faults", len(faults))
	}
	for name := range faults {
		if len(name) > 64 {
			t.Errorf("name of %d bytes", len(name))
		}
	}
}

// TestMiddlewareRejectsUndeclaredParameters even if the handler does not read them.
func TestMiddlewareRejectsUndeclaredParameters(t *testing.T) {
	t.Parallel()
	done := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	router := mux.NewRouter()
	router.Use(query.Middleware)
	router.Handle("/plain", done)
	router.Handle("/declared", query.Declare(done, "size"))
	sub := router.PathPrefix("/sub").Subrouter()
	sub.Use(func(next http.Handler) http.Handler { return next })
	sub.Handle("/plain", done).Methods(http.MethodPost)
	sub.Handle("/declared", query.Declare(done, "size")).Methods(http.MethodPost)
	for target, want := range map[string]int{
		"/plain": 204, "/plain?": 204, "/plain?size=1": 400, "/plain?size": 400,
		"/declared?size=1": 204, "/declared?size=1&x=1": 400,
	} {
		for method, prefix := range map[string]string{http.MethodGet: "", http.MethodPost: "/sub"} {
			rec := httptest.NewRecorder()
			router.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, prefix+target, nil))
			if rec.Code != want {
				t.Errorf("%s %s%s: %d, want %d: %s", method, prefix, target, rec.Code, want, rec.Body)
			}
		}
	}
}

func TestReadingUndeclaredParameterPanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	query.New(routed(t, "")).Time("until")
}

func FuzzReader(f *testing.F) {
	f.Add("page=1&size=20&line=01012345678&startDate=2026-07-01&endDate=2026-07-31&color=red")
	f.Add("page=-1&size=&line=%00&startDate=&endDate=9999-12-31")
	f.Add("color=red;size=5&color=%zz&=&%ff=%ff&&page=%2B1")
	f.Fuzz(func(t *testing.T, text string) {
		got, faults := read(t, text)
		page := got[0].(query.Page)
		if len(faults) == 0 && (page.Number < 1 || page.Size < 1 || page.Number*page.Size > depth) {
			t.Errorf("%q: page %+v", text, page)
		}
		if values, err := url.ParseQuery(text); len(faults) == 0 {
			// Valid queries mean the same to net/url.
			if err != nil || values.Get("color") != string(got[5].(color)) {
				t.Errorf("%q: net/url parses %v, %v", text, values, err)
			}
		}
		for name := range faults {
			if !utf8.ValidString(name) {
				t.Errorf("%q: invalid UTF-8 in %q", text, name)
			}
		}
	})
}
