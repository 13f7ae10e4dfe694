package query_test

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/query"
)

const depth = 1000

var seoul = time.FixedZone("KST", 9*60*60)

type color string

// read reads every kind of parameter.
func read(t testing.TB, text string) (got []any, faults map[string]string) {
	t.Helper()
	values, err := url.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	r := query.New(values)
	line, given := r.Line("line")
	from, until := r.Days(seoul)
	got = []any{r.Page(20, depth), line.Digits(), given, from, until, query.OneOf(r, "color", color("red"), color("blue"))}
	if err := r.Err(); err != nil {
		refusal, ok := errors.AsType[*problem.Error](err)
		if !ok || !errors.Is(err, problem.ErrValidation) {
			t.Fatal(err)
		}
		faults = refusal.Details.(problem.FieldErrors).Fields
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

func TestEverythingGiven(t *testing.T) {
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
		"line=012":                  {"line"},
		"startDate=2026-02-30":      {"startDate"},
		"endDate=tomorrow":          {"endDate"},
		"startDate=2026-07-02&endDate=2026-07-01": {"startDate"},
		"color=green": {"color"},
		"color=green&line=x&size=x&startDate=2026": {"color", "line", "size", "startDate"},
	} {
		_, faults := read(t, text)
		if len(faults) != len(want) {
			t.Errorf("%s: %v, want faults of %v", text, faults, want)
		}
		for _, name := range want {
			if faults[name] == "" {
				t.Errorf("%s: %s is not named", text, name)
			}
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		page            query.Page
		total           int
		count           int
		next, previous  bool
		itemsBeforeThis int
	}{
		{query.Page{Number: 1, Size: 10}, 0, 0, false, false, 0},
		{query.Page{Number: 1, Size: 10}, 10, 1, false, false, 0},
		{query.Page{Number: 1, Size: 10}, 11, 2, true, false, 0},
		{query.Page{Number: 2, Size: 10}, 11, 2, false, true, 10},
		{query.Page{Number: 9, Size: 10}, 11, 2, false, true, 80},
	} {
		p := c.page
		if p.Count(c.total) != c.count || p.HasNext(c.total) != c.next || p.HasPrevious() != c.previous || p.Offset() != c.itemsBeforeThis {
			t.Errorf("%+v of %d items: %d pages, next %t, previous %t, offset %d",
				p, c.total, p.Count(c.total), p.HasNext(c.total), p.HasPrevious(), p.Offset())
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add("page=1&size=20&line=01012345678&startDate=2026-07-01&endDate=2026-07-31&color=red")
	f.Add("page=-1&size=&line=%00&startDate=&endDate=9999-12-31")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := url.ParseQuery(text); err != nil {
			return
		}
		got, faults := read(t, text)
		page := got[0].(query.Page)
		if len(faults) == 0 && (page.Number < 1 || page.Size < 1 || page.Number*page.Size > depth) {
			t.Errorf("%q asks for %+v", text, page)
		}
	})
}
