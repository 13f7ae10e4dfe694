package chaos

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/api"
)

// script is a server with a fixed sequence of answers.
type script struct {
	mu    sync.Mutex
	steps []step
	calls []string // method, path and key
}

type step struct {
	status int // 0: the connection is closed
	body   string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, r.Method+" "+r.URL.Path+" "+r.Header.Get("Idempotency-Key"))
	if len(s.steps) == 0 || s.steps[0].status == 0 {
		s.steps = s.steps[min(1, len(s.steps)):]
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(s.steps[0].status)
	_, _ = io.WriteString(w, s.steps[0].body)
	s.steps = s.steps[1:]
}

func answered(status, code string) string {
	return `{"success":true,"data":{"requestId":"id-1","processStatus":"` + status + `","resultCode":"` + code + `"}}`
}

func failed(code string) string { return `{"success":false,"error":{"code":"` + code + `"}}` }

// client returns a customer of the script with these requests.
func client(t *testing.T, s *script, requests ...ChangeRequest) *customer {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &customer{
		api: api.New(server.URL, server.Client().Transport), user: "user", line: "line", plan: "A",
		plans: []string{"B", "C"}, requests: requests, answers: map[string]int{}, done: newProgress(),
	}
}

func TestCustomerRetriesWithTheSameKey(t *testing.T) {
	t.Parallel()
	const ask, look = "POST /api/v1/products/change ", "GET /api/v1/products/change/id-1 "
	s := &script{steps: []step{
		{0, ""},
		{http.StatusServiceUnavailable, failed("KOS_UNAVAILABLE")},
		{http.StatusConflict, failed("CHANGE_IN_PROGRESS")},
		{http.StatusAccepted, answered("PENDING", "")},
		{http.StatusBadGateway, "<html>"},
		{http.StatusOK, answered("PROCESSING", "")},
		{http.StatusOK, answered("COMPLETED", "0000")},
		{http.StatusConflict, failed("VALIDATION_FAILED")},
	}}
	c := client(t, s, ChangeRequest{Key: "key-1", Pick: 1}, ChangeRequest{Key: "key-2", Pick: 1})
	c.run(t.Context(), time.Now())

	want := []string{
		ask + "key-1", ask + "key-1", ask + "key-1", ask + "key-1", look, look, look, ask + "key-2",
	}
	if diff := cmp.Diff(want, s.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	observed := []Observed{
		{User: "user", Key: "key-1", Line: "line", Current: "A", Target: "C", Answers: []Answer{
			{"id-1", "PENDING", ""}, {"id-1", "PROCESSING", ""}, {"id-1", "COMPLETED", "0000"},
		}},
		{User: "user", Key: "key-2", Line: "line", Current: "C", Target: "B", Refusal: "VALIDATION_FAILED"},
	}
	if diff := cmp.Diff(observed, c.observed); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
	if err := c.done.reach(t.Context(), 2); err != nil {
		t.Error(err)
	}
}

func TestCustomerRecordsForgottenChange(t *testing.T) {
	t.Parallel()
	s := &script{steps: []step{
		{http.StatusAccepted, answered("PENDING", "")},
		{http.StatusNotFound, failed("CHANGE_NOT_FOUND")},
	}}
	c := client(t, s, ChangeRequest{Key: "key-1"})
	c.run(t.Context(), time.Now())
	want := []Answer{{"id-1", "PENDING", ""}, {"id-1", Unknown, ""}}
	if len(c.observed) != 1 || !cmp.Equal(c.observed[0].Answers, want) || c.plan != "A" {
		t.Errorf("observed %+v, plan %s", c.observed, c.plan)
	}
}

func TestScheduledChangeKeepsThePlan(t *testing.T) {
	t.Parallel()
	s := &script{steps: []step{{http.StatusOK, answered("COMPLETED", "0000")}}}
	c := client(t, s, ChangeRequest{Key: "key-1", Later: true})
	c.run(t.Context(), time.Now())
	if len(c.observed) != 1 || c.plan != "A" {
		t.Errorf("observed %+v, plan %s", c.observed, c.plan)
	}
}
