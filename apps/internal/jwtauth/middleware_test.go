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

// sessions returns the same result for every session id.
type sessions struct {
	record session.Record
	err    error
}

func (s sessions) Get(context.Context, string) (session.Record, error) { return s.record, s.err }

var live = session.Record{UserID: "testuser01", Lines: []string{"01012345678"}, Permissions: []string{"BILL_INQUIRY"}}

// principal answers with the principal of the request.
var principal = httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
	return httpjson.Write(w, http.StatusOK, jwtauth.From(r.Context()))
})

func send(handler http.Handler, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, r)
	return rec
}

func TestMiddlewareAcceptsLiveSessions(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	token := i.token("k1", claims(time.Now()))
	want := jwtauth.Principal{
		UserID: "testuser01", CustomerID: "CUST001", SessionID: "s1",
		Lines: live.Lines, Permissions: live.Permissions, // of the session, not of the token
	}
	auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(cfg, i.static(), time.Now), sessions{record: live}, prometheus.NewRegistry())
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER "} {
		rec := send(auth.Middleware(principal), scheme+token)
		var got jwtauth.Principal
		if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); rec.Code != http.StatusOK || diff != "" {
			t.Errorf("%s: status %d (-want +got):\n%s", scheme, rec.Code, diff)
		}
	}
}

func TestMiddlewareRejects(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	good := "Bearer " + i.token("k1", claims(time.Now()))
	other := live
	other.UserID = "testuser02"
	down := newIssuer(t)
	down.down = true
	tests := map[string]struct {
		keys          jwtauth.Keys
		sessions      sessions
		authorization string
		status        int
		code          string
	}{
		"no header":          {i.static(), sessions{record: live}, "", 401, "UNAUTHENTICATED"},
		"other scheme":       {i.static(), sessions{record: live}, "Basic dTpw", 401, "UNAUTHENTICATED"},
		"no token":           {i.static(), sessions{record: live}, "Bearer ", 401, "UNAUTHENTICATED"},
		"bad token":          {i.static(), sessions{record: live}, "Bearer a.b.c", 401, "UNAUTHENTICATED"},
		"ended session":      {i.static(), sessions{err: session.ErrEnded}, good, 401, "UNAUTHENTICATED"},
		"another's session":  {i.static(), sessions{record: other}, good, 401, "UNAUTHENTICATED"},
		"no keys":            {down.remote(), sessions{record: live}, good, 503, "AUTH_UNAVAILABLE"},
		"session read fails": {i.static(), sessions{err: errors.New("broken")}, good, 500, "INTERNAL_ERROR"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(cfg, tc.keys, time.Now), tc.sessions, prometheus.NewRegistry())
			rec := send(auth.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				t.Error("the request was accepted")
			})), tc.authorization)
			wantProblem(t, rec, tc.status, tc.code)
		})
	}
}

func wantProblem(t *testing.T, rec *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var body struct {
		Error struct{ Code string }
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v", rec.Body, err)
	}
	if rec.Code != status || body.Error.Code != code {
		t.Errorf("got %d %s, want %d %s", rec.Code, body.Error.Code, status, code)
	}
	if after := rec.Header().Get("Retry-After"); (after != "") != (status == http.StatusServiceUnavailable) {
		t.Errorf("Retry-After %q", after)
	}
}

func TestSessionStoreOutageAllowsReadsOnly(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	token := "Bearer " + i.token("k1", claims(time.Now()))
	for name, tc := range map[string]struct {
		sessions        sessions
		write, degraded bool
	}{
		"available":   {sessions{record: live}, true, false},
		"unavailable": {sessions{err: session.ErrUnavailable}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(cfg, i.static(), time.Now), tc.sessions, registry)
			var got jwtauth.Principal
			rec := send(auth.Middleware(principal), token)
			if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != http.StatusOK || got.Degraded != tc.degraded {
				t.Errorf("read: %d %+v, %v", rec.Code, got, err)
			}
			if !got.Owns("01012345678") || !got.Has("BILL_INQUIRY") {
				t.Errorf("read as %+v", got)
			}
			rec = send(auth.Middleware(jwtauth.RefuseDegraded(principal)), token)
			if tc.write && rec.Code != http.StatusOK {
				t.Errorf("write: %d", rec.Code)
			}
			if !tc.write {
				wantProblem(t, rec, http.StatusServiceUnavailable, "SESSION_STORE_UNAVAILABLE")
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

func TestRequireChecksPermissionsOfTheSession(t *testing.T) {
	t.Parallel()
	i := newIssuer(t, "k1")
	token := "Bearer " + i.token("k1", claims(time.Now())) // has both permissions
	auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(cfg, i.static(), time.Now), sessions{record: live}, prometheus.NewRegistry())
	if rec := send(auth.Middleware(jwtauth.Require("BILL_INQUIRY")(principal)), token); rec.Code != http.StatusOK {
		t.Errorf("granted permission: %d", rec.Code)
	}
	wantProblem(t, send(auth.Middleware(jwtauth.Require("PRODUCT_CHANGE")(principal)), token), http.StatusForbidden, "PERMISSION_DENIED")
	// Without the middleware there is no principal.
	wantProblem(t, send(jwtauth.Require("BILL_INQUIRY")(principal), token), http.StatusForbidden, "PERMISSION_DENIED")
}

func TestZeroPrincipalHasNoRights(t *testing.T) {
	t.Parallel()
	if p := jwtauth.From(t.Context()); p.Owns("") || p.Owns("01012345678") || p.Has("") || p.Has("ADMIN") {
		t.Errorf("got %+v", p)
	}
}
