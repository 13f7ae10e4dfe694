package jwtauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/session"
)

// sessions answers the same of every session.
type sessions struct {
	record session.Record
	err    error
}

func (s sessions) Get(context.Context, string) (session.Record, error) { return s.record, s.err }

var live = session.Record{UserID: "testuser01", Lines: []string{"01012345678"}, Permissions: []string{"BILL_INQUIRY"}}

// principal answers who the request is from.
var principal = httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
	return httpjson.Write(w, http.StatusOK, jwtauth.From(r.Context()))
})

func send(handler http.Handler, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	return answer
}

func TestMiddlewareLetsPassWhoLives(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	token := i.token("k1", claims(time.Now()))
	want := jwtauth.Principal{
		UserID: "testuser01", CustomerID: "CUST001", SessionID: "s1",
		Lines: live.Lines, Permissions: live.Permissions, // those of now, not those of the token
	}
	auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(cfg, i.static(), time.Now), sessions{record: live}, prometheus.NewRegistry())
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER "} {
		answer := send(auth.Middleware(principal), scheme+token)
		var got jwtauth.Principal
		if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); answer.Code != http.StatusOK || diff != "" {
			t.Errorf("%s: status %d (-want +got):\n%s", scheme, answer.Code, diff)
		}
	}
}

func TestMiddlewareRefuses(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	good := "Bearer " + i.token("k1", claims(time.Now()))
	other := live
	other.UserID = "testuser02"
	away := newIssuer(t)
	away.away = true
	tests := map[string]struct {
		keys          jwtauth.Keys
		sessions      sessions
		authorization string
		status        int
		code          string
	}{
		"nobody":               {i.static(), sessions{record: live}, "", 401, "UNAUTHENTICATED"},
		"other scheme":         {i.static(), sessions{record: live}, "Basic dTpw", 401, "UNAUTHENTICATED"},
		"no token":             {i.static(), sessions{record: live}, "Bearer ", 401, "UNAUTHENTICATED"},
		"bad token":            {i.static(), sessions{record: live}, "Bearer a.b.c", 401, "UNAUTHENTICATED"},
		"ended session":        {i.static(), sessions{err: session.ErrEnded}, good, 401, "UNAUTHENTICATED"},
		"another's session":    {i.static(), sessions{record: other}, good, 401, "UNAUTHENTICATED"},
		"issuer's keys away":   {away.remote(), sessions{record: live}, good, 503, "AUTH_UNAVAILABLE"},
		"session is no record": {i.static(), sessions{err: errors.New("broken")}, good, 500, "INTERNAL_ERROR"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(cfg, tc.keys, time.Now), tc.sessions, prometheus.NewRegistry())
			answer := send(auth.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				t.Error("the request was let through")
			})), tc.authorization)
			wantRefusal(t, answer, tc.status, tc.code)
		})
	}
}

func wantRefusal(t *testing.T, answer *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var body struct {
		Error struct{ Code string }
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v", answer.Body, err)
	}
	if answer.Code != status || body.Error.Code != code {
		t.Errorf("got %d %s, want %d %s", answer.Code, body.Error.Code, status, code)
	}
	if told := answer.Header().Get("Retry-After") != ""; told != (status == http.StatusServiceUnavailable) {
		t.Errorf("Retry-After %q", answer.Header().Get("Retry-After"))
	}
}

func TestWithoutTheSessionStoreReadsGoOnAndWritesDoNot(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	token := "Bearer " + i.token("k1", claims(time.Now()))
	for name, tc := range map[string]struct {
		sessions        sessions
		write, degraded bool
	}{
		"store there":     {sessions{record: live}, true, false},
		"store not there": {sessions{err: session.ErrUnavailable}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(cfg, i.static(), time.Now), tc.sessions, registry)
			var got jwtauth.Principal
			answer := send(auth.Middleware(principal), token)
			if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil || answer.Code != http.StatusOK || got.Degraded != tc.degraded {
				t.Errorf("read: %d %+v, %v", answer.Code, got, err)
			}
			if !got.Owns("01012345678") || !got.Has("BILL_INQUIRY") {
				t.Errorf("read as %+v", got)
			}
			answer = send(auth.Middleware(jwtauth.RefuseDegraded(principal)), token)
			if tc.write && answer.Code != http.StatusOK {
				t.Errorf("write: %d", answer.Code)
			}
			if !tc.write {
				wantRefusal(t, answer, http.StatusServiceUnavailable, "SESSION_STORE_UNAVAILABLE")
			}
			count, err := testutil.GatherAndCount(registry)
			if err != nil || count != 1 {
				t.Errorf("%d metrics, %v", count, err)
			}
			if n := degraded(t, registry); (n == 2) != tc.degraded || (n == 0) == tc.degraded {
				t.Errorf("%v requests counted as degraded", n)
			}
		})
	}
}

func degraded(t *testing.T, registry *prometheus.Registry) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "phonebill_auth_degraded_requests_total" {
		t.Fatalf("%v, %v", families, err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}

func TestRequireAsksForThePermissionOfNow(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	token := "Bearer " + i.token("k1", claims(time.Now())) // tells of both permissions
	auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(cfg, i.static(), time.Now), sessions{record: live}, prometheus.NewRegistry())
	if answer := send(auth.Middleware(jwtauth.Require("BILL_INQUIRY")(principal)), token); answer.Code != http.StatusOK {
		t.Errorf("refused what is granted: %d", answer.Code)
	}
	wantRefusal(t, send(auth.Middleware(jwtauth.Require("PRODUCT_CHANGE")(principal)), token), http.StatusForbidden, "PERMISSION_DENIED")
	// A route that nobody authenticates is open to nobody.
	wantRefusal(t, send(jwtauth.Require("BILL_INQUIRY")(principal), token), http.StatusForbidden, "PERMISSION_DENIED")
}

func TestNobodyOwnsNothing(t *testing.T) {
	t.Parallel()
	if nobody := jwtauth.From(t.Context()); nobody.Owns("") || nobody.Owns("01012345678") || nobody.Has("") || nobody.Has("ADMIN") {
		t.Errorf("got %+v", nobody)
	}
}
