package componenttest

import (
	"net/http"
	"testing"

	"github.com/phonebill/phonebill/apps/auth-service/internal/app"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/kos/kostest"
)

// TestRecycledLineIsRegisteredByItsNewCustomer has KOS give a line to another customer while the
// former one has an account and a session.
func TestRecycledLineIsRegisteredByItsNewCustomer(t *testing.T) {
	t.Parallel()
	k := kostest.Start(t, app.Name)
	s := prepare(t, k.URL)
	s.serve()
	s.awaitReady()
	s.addUsers()
	const path, check, line = "/api/v1/auth/register", "/internal/registrations/check", "01012345678"
	former := customer(form{"userId": "former01", "customerId": "CUST001", "lineNumber": line})
	next := customer(form{"userId": "next0001", "customerId": "NEW900", "lineNumber": line})
	s.post(path, "", former).want(t, http.StatusCreated, "")
	session := s.login("former01")
	s.post(path, "", next).want(t, http.StatusConflict, "LINE_TAKEN") // for KOS it is still the former customer's

	k.Move(line, "NEW900", "나새로온")
	thief := customer(form{"userId": "thief", "customerId": "NEW901", "lineNumber": line})
	s.post(path, "", thief).want(t, http.StatusConflict, "LINE_TAKEN")
	k.Behave("product-inquiry", map[string]any{"errorShare": 1})
	s.post(path, "", next).wantRetryLater(t, "KOS_UNAVAILABLE")
	expect.Equal(t, s.registered(check, "CUST001", line), true)
	k.Behave("product-inquiry", map[string]any{})
	s.await(func() bool { return s.post(path, "", next).status == http.StatusCreated }) // once the breaker is closed

	expect.Equal(t, s.registered(check, "CUST001", line), false)
	expect.Equal(t, s.registered(check, "NEW900", line), true)
	s.post(path, "", thief).want(t, http.StatusConflict, "LINE_TAKEN")
	s.post(path, "", customer(form{"userId": "former02", "customerId": "CUST001", "lineNumber": "01090000900"})).
		want(t, http.StatusConflict, "CUSTOMER_TAKEN")

	// Both accounts keep working, each with its own customer.
	s.refresh(session.text("refresh_token")).want(t, http.StatusOK, "")
	for id, want := range map[string]string{"former01": "CUST001", "next0001": "NEW900"} {
		grant := s.login(id)
		for _, own := range []string{"/api/v1/auth/user-info", "/api/v1/users/" + id, "/api/v1/auth/verify"} {
			a := s.get(own, grant.text("access_token"))
			expect.Equal(t, a.text("customer_id"), want)
			expect.Equal(t, a.text("line_number"), line)
		}
	}
	s.wantRecordedMove("former01", "010-****-5678")
}

// registered returns what other services are answered about a line.
func (s *system) registered(path, customerID, line string) bool {
	s.t.Helper()
	a := s.post(path, "", form{"customerId": customerID, "lineNumber": line})
	a.want(s.t, http.StatusOK, "")
	return a.body["registered"] == true
}

// wantRecordedMove checks that administrators see both accounts in the list of users, and an audit
// event about the former customer.
func (s *system) wantRecordedMove(former, masked string) {
	s.t.Helper()
	admin := s.login("root0001").text("access_token")
	expect.Equal(s.t, len(s.get("/api/v1/users?query=01012345678", admin).rows("users")), 2)
	events := s.get("/api/v1/auth/audit?action=LINE_MOVED", admin).rows("events")
	expect.Equal(s.t, len(events), 1)
	for name, want := range map[string]string{"target": former, "detail": masked, "outcome": "DONE", "address": "", "session_id": ""} {
		expect.Equal(s.t, events[0][name], any(want))
	}
}
