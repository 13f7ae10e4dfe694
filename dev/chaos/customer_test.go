package chaos

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func change(status, code string) string {
	return `{"success":true,"data":{"requestId":"id-1","processStatus":"` + status + `","resultCode":"` + code + `"}}`
}

// buyer returns a customer with these requests whose calls get these replies, and their script.
func buyer(t *testing.T, replies []reply, requests ...ChangeRequest) (*customer, *script) {
	t.Helper()
	c, s := visitor(t, replies...)
	return &customer{client: c, requests: requests, answers: map[string]int{}, done: &atomic.Int64{}}, s
}

func TestCustomerRetriesWithTheSameKey(t *testing.T) {
	t.Parallel()
	const ask, look = "POST /api/v1/products/change ", "GET /api/v1/products/change/id-1"
	replies := []reply{
		{0, nil, ""},
		{http.StatusServiceUnavailable, nil, failure("KOS_UNAVAILABLE")},
		{http.StatusConflict, nil, failure("CHANGE_IN_PROGRESS")},
		{http.StatusAccepted, nil, change("PENDING", "")},
		{http.StatusBadGateway, nil, "<html>"},
		{http.StatusOK, nil, change("PROCESSING", "")},
		{http.StatusOK, nil, change("COMPLETED", "0000")},
		{http.StatusConflict, nil, failure("VALIDATION_FAILED")},
	}
	c, s := buyer(t, replies, ChangeRequest{Key: "key-1", Pick: 1}, ChangeRequest{Key: "key-2", Pick: 1})
	c.run(t.Context(), time.Now())

	want := []string{
		ask + "key-1", ask + "key-1", ask + "key-1", ask + "key-1", look, look, look, ask + "key-2",
	}
	if diff := cmp.Diff(want, s.asked()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	observed := []Observed{
		{User: "user", Key: "key-1", Line: ourLine, Current: "A", Target: "C", Answers: []Answer{
			{"id-1", "PENDING", ""}, {"id-1", "PROCESSING", ""}, {"id-1", "COMPLETED", "0000"},
		}},
		{User: "user", Key: "key-2", Line: ourLine, Current: "C", Target: "B", Refusal: "VALIDATION_FAILED"},
	}
	if diff := cmp.Diff(observed, c.observed); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
	if n := c.done.Load(); n != 2 {
		t.Errorf("%d changes are done", n)
	}
}

func TestCustomerRecordsForgottenChange(t *testing.T) {
	t.Parallel()
	replies := []reply{
		{http.StatusAccepted, nil, change("PENDING", "")},
		{http.StatusNotFound, nil, failure("CHANGE_NOT_FOUND")},
	}
	c, _ := buyer(t, replies, ChangeRequest{Key: "key-1"})
	c.run(t.Context(), time.Now())
	want := []Answer{{"id-1", "PENDING", ""}, {"id-1", Unknown, ""}}
	if len(c.observed) != 1 || !cmp.Equal(c.observed[0].Answers, want) || c.plan != "A" {
		t.Errorf("observed %+v, plan %s", c.observed, c.plan)
	}
}

func TestScheduledChangeKeepsThePlan(t *testing.T) {
	t.Parallel()
	c, _ := buyer(t, []reply{{http.StatusOK, nil, change("COMPLETED", "0000")}}, ChangeRequest{Key: "key-1", Later: true})
	c.run(t.Context(), time.Now())
	if len(c.observed) != 1 || c.plan != "A" {
		t.Errorf("observed %+v, plan %s", c.observed, c.plan)
	}
}
