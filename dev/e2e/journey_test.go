package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/phonebill/phonebill/dev/internal/api"
)

// seenWithin bounds the propagation of a session change.
const seenWithin = 5 * time.Second

func TestJourney(t *testing.T) {
	t.Parallel()
	c := subscriber(t)

	menu := c.Menu().OK(t)
	if menu.CurrentMonth != api.Month(0) || menu.CustomerInfo.Line != c.Line || menu.CustomerInfo.CustomerID != c.CustomerID {
		t.Errorf("menu: %+v", menu)
	}
	var months []string
	for n := range 6 {
		months = append(months, api.Month(n))
	}
	if diff := cmp.Diff(months, menu.AvailableMonths); diff != "" {
		t.Errorf("months: %s", diff)
	}

	first := c.see(t, "")
	plausible(t, first, c.Line, api.Month(0))
	plausible(t, c.see(t, api.Month(1)), c.Line, api.Month(1))
	again := c.see(t, compact(api.Month(1)))
	plausible(t, again, c.Line, api.Month(1))
	dashed := c.Line[:3] + "-" + c.Line[3:7] + "-" + c.Line[7:]
	plausible(t, c.Inquire(dashed, api.Month(0)).OK(t), c.Line, api.Month(0))
	wantCalls(t, c, 2, "four inquiries about two months")

	result := c.Result(again.RequestID).OK(t)
	if diff := cmp.Diff(api.Result{RequestID: again.RequestID, Status: "COMPLETED", Progress: 100, Bill: again.Bill}, result); diff != "" {
		t.Errorf("result: %s", diff)
	}
	latest := c.History("size=1").OK(t)
	if latest.Pagination.TotalItems != 4 || latest.Items[0].Line != c.Line {
		t.Errorf("history: %+v", latest)
	}

	old := c.Tokens
	c.Refresh(old.Refresh).OK(t)
	c.see(t, "")
	c.Logout().OK(t)
	ended(t, c, c.Tokens.Access)
	ended(t, c, old.Access)
	c.Refresh(c.Tokens.Refresh).Refused(t, http.StatusUnauthorized, "REFRESH_TOKEN_INVALID")
}

// ended waits until every service refuses an access token.
func ended(t testing.TB, c customer, accessToken string) {
	t.Helper()
	client := c.With(accessToken)
	await(t, seenWithin, "the end of the session", func() error {
		verify, inquire := client.Verify(), client.Inquire(c.Line, "")
		if verify.Status != http.StatusUnauthorized || inquire.Status != http.StatusUnauthorized {
			return errAwaited(verify.String() + "\n" + inquire.String())
		}
		return nil
	})
	client.Verify().Refused(t, http.StatusUnauthorized, "UNAUTHENTICATED")
	client.Menu().Refused(t, http.StatusUnauthorized, "UNAUTHENTICATED")
}

func compact(month string) string { return strings.ReplaceAll(month, "-", "") }

// plausible checks that a bill is the requested one and adds up.
func plausible(t testing.TB, inquiry api.Inquiry, line, month string) {
	t.Helper()
	b := inquiry.Bill
	if b.Line != line || b.Month != compact(month) || inquiry.Stale || inquiry.CustomerInfo.LineStatus != "ACTIVE" {
		t.Errorf("not the requested bill: %+v %+v", inquiry, b)
	}
	for _, fault := range unsound(b) {
		t.Errorf("the bill does not add up: %s: %+v", fault, b)
	}
	status := "BILLED"
	if inquiry.AsOf.In(api.Seoul).Format("2006-01") == month {
		status = "OPEN"
	}
	if b.Status != status {
		t.Errorf("the bill of %s is %s, want %s", month, b.Status, status)
	}
}

func TestFreshLineHasSixMonthsOfBills(t *testing.T) {
	t.Parallel()
	c := newcomer(t)
	c.Inquire(c.Line, "").Refused(t, http.StatusNotFound, "LINE_NOT_FOUND")

	made := c.MakeMockData(c.CustomerID, c.Line).OK(t)
	var months []string
	for n := 1; n <= 6; n++ {
		months = append(months, compact(api.Month(n)))
	}
	if diff := cmp.Diff(api.MockData{CustomerID: c.CustomerID, Line: c.Line, Months: months}, made); diff != "" {
		t.Errorf("mock data: %s", diff)
	}
	if diff := cmp.Diff(made, c.MakeMockData(c.CustomerID, c.Line).OK(t)); diff != "" {
		t.Errorf("the second answer differs: %s", diff)
	}
	await(t, 15*time.Second, "the negative answer expires", func() error {
		if answer := c.Inquire(c.Line, ""); !answer.Succeeded() {
			return errAwaited(answer.String())
		}
		return nil
	})
	for n := range 6 { // the current month and five of the six: older ones cannot be requested
		plausible(t, c.see(t, api.Month(n)), c.Line, api.Month(n))
	}
	c.Inquire(c.Line, api.Month(6)).Refused(t, http.StatusBadRequest, "INVALID_MONTH")
}

func TestMockDataNeedsOwnLine(t *testing.T) {
	t.Parallel()
	c, other := subscriber(t), newcomer(t)
	c.MakeMockData(c.CustomerID, other.Line).Refused(t, http.StatusNotFound, "LINE_NOT_REGISTERED")
	c.MakeMockData(other.CustomerID, c.Line).Refused(t, http.StatusNotFound, "LINE_NOT_REGISTERED")
	c.MakeMockData("ABSENT", "01079999999").Refused(t, http.StatusNotFound, "LINE_NOT_REGISTERED")
}

func TestHistoryIsPagedAndFiltered(t *testing.T) {
	t.Parallel()
	c := subscriber(t)
	var ids []string // oldest first
	for n := range 5 {
		ids = append(ids, c.see(t, api.Month(n)).RequestID)
	}
	unknown := newcomer(t)
	unknown.Inquire(unknown.Line, "").Refused(t, http.StatusNotFound, "LINE_NOT_FOUND")

	var paged []string
	for page, query := range []string{"page=1&size=2", "page=2&size=2", "page=3&size=2", "page=4&size=2"} {
		got := c.History(query).OK(t)
		for _, item := range got.Items {
			paged = append(paged, item.RequestID)
		}
		p := got.Pagination
		if p.CurrentPage != page+1 || p.TotalItems != 5 || p.TotalPages != 3 || p.PageSize != 2 || p.HasNext != (page < 2) || p.HasPrevious != (page > 0) {
			t.Errorf("%s: %+v", query, p)
		}
	}
	slices.Reverse(ids)
	if diff := cmp.Diff(ids, paged); diff != "" {
		t.Errorf("pages, newest first: %s", diff)
	}

	day := func(n int) string { return time.Now().In(api.Seoul).AddDate(0, 0, n).Format(time.DateOnly) }
	filters := map[string]int{
		"":                     5,
		"lineNumber=" + c.Line: 5,
		"status=COMPLETED":     5,
		"status=FAILED":        0,
		"startDate=" + day(-1): 5,
		"startDate=" + day(1):  0,
		"endDate=" + day(-2):   0,
		"startDate=" + day(-1) + "&endDate=" + day(1): 5,
	}
	for query, want := range filters {
		if got := c.History(query).OK(t); got.Pagination.TotalItems != want || len(got.Items) != want {
			t.Errorf("%s: %d items, want %d", query, got.Pagination.TotalItems, want)
		}
	}
	failed := unknown.History("status=FAILED").OK(t)
	if len(failed.Items) != 1 || failed.Items[0].Summary == "" {
		t.Errorf("the failed inquiry: %+v", failed)
	}
	result := unknown.Result(failed.Items[0].RequestID).OK(t)
	want := api.Result{RequestID: failed.Items[0].RequestID, Status: "FAILED", Progress: 100, ErrorMessage: failed.Items[0].Summary}
	if diff := cmp.Diff(want, result, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("result of a failed inquiry: %s", diff)
	}
}

func TestDemoUsers(t *testing.T) {
	t.Parallel()
	lines := map[string]string{
		"testuser01": "010-1234-5678", "testuser02": "01087654321", "testuser03": "01055554444", "testuser04": "01099998888",
	}
	for user, line := range lines {
		inquiry := demo(t, user).Inquire(line, "").OK(t)
		names.add(inquiry.CustomerInfo.Name)
		plausible(t, inquiry, strings.ReplaceAll(line, "-", ""), api.Month(0))
	}
	demo(t, "testuser05").Inquire("01000000000", "").Refused(t, http.StatusConflict, "LINE_SUSPENDED")
	demo(t, "admin01").User("testuser01").OK(t)
}
