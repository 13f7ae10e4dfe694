package audit_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/audittest"
	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/health"
	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/internal/session"
)

// routes answer with the error that the query parameter "answer" names.
type routes struct{ auth *jwtauth.Authenticator }

var answers = map[string]error{
	"forbidden": problem.New(problem.Forbidden, "FORBIDDEN", ""),
	"foreign":   problem.New(problem.NotFound, "THING_NOT_FOUND", ""),
	"absent":    problem.New(problem.NotFound, "PLACE_NOT_FOUND", ""),
	"invalid":   problem.ErrValidation,
	"internal":  problem.ErrInternal,
	"ok":        nil,
}

func (a routes) Register(r *mux.Router) {
	r.Use(a.auth.Middleware)
	r.Handle("/things/{requestId}", query.Declare(httpjson.Handler(func(w http.ResponseWriter, r *http.Request) error {
		params := query.New(r)
		if about := params.Lookup("about"); about != "" {
			audit.SetTarget(r.Context(), about)
		}
		if err := answers[params.Lookup("answer")]; err != nil {
			return err
		}
		return httpjson.Write(w, http.StatusOK, nil)
	}), "about", "answer"))
	only := r.NewRoute().Subrouter()
	only.Use(jwtauth.Require("ADMIN"))
	only.Handle("/lines/{lineNumber}", httpjson.Handler(func(http.ResponseWriter, *http.Request) error { return nil }))
}

// service records denials into trail. The user kim has the session s1.
type service struct {
	t        *testing.T
	handler  http.Handler
	auth     *jwtauth.Authenticator
	issuer   *authtest.Issuer
	trail    *audittest.Trail
	registry *prometheus.Registry
	now      time.Time
}

func serve(t *testing.T) *service {
	t.Helper()
	s := &service{t: t, issuer: authtest.NewIssuer(t, time.Now), trail: &audittest.Trail{}, registry: prometheus.NewRegistry(), now: noon}
	s.auth = jwtauth.NewAuthenticator(jwtauth.NewVerifier(s.issuer.Config, s.issuer.Keys(), time.Now),
		authtest.LiveSessions{"s1": session.Record{UserID: "kim"}}, prometheus.NewRegistry())
	denials := audit.NewDenials(s.trail, func() time.Time { return s.now }, s.registry, "THING_NOT_FOUND")
	s.handler = httpserver.New(httpserver.Config{MaxInFlight: 8, MaxBody: 1024}, httpserver.Deps{
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider().Tracer(""),
		Health: health.NewRegistry(), Now: time.Now,
	}, nil, denials.Wrap(routes{s.auth})).Handler()
	return s
}

// get requests path as kim in a session, or without a token if sessionID is "".
func (s *service) get(path, sessionID string) {
	s.t.Helper()
	token := ""
	if sessionID != "" {
		token = s.issuer.Token(s.t, jwtauth.Principal{UserID: "kim", SessionID: sessionID})
	}
	s.getWithToken(path, token)
}

// getWithToken requests path with a token, or without one if token is "".
func (s *service) getWithToken(path, token string) {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), http.MethodGet, path, nil)
	r.RemoteAddr = "192.0.2.7:4000"
	r.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	s.handler.ServeHTTP(httptest.NewRecorder(), r)
}

func TestDeniedAccessesAreRecorded(t *testing.T) {
	t.Parallel()
	denied := audit.Event{
		At: noon, Actor: "kim", SessionID: "s1", Action: "GET /things/{requestId}", Target: "7", Outcome: audit.Denied,
		TraceID: "0af7651916cd43dd8448eb211c80319c", Address: "192.0.2.7",
	}
	with := func(change func(e *audit.Event)) []audit.Event {
		e := denied
		change(&e)
		return []audit.Event{e}
	}
	for name, c := range map[string]struct {
		path, session string
		want          []audit.Event
	}{
		"forbidden":     {"/things/7?answer=forbidden", "s1", with(func(e *audit.Event) { e.Detail = "FORBIDDEN" })},
		"foreign":       {"/things/7?answer=foreign", "s1", with(func(e *audit.Event) { e.Detail = "THING_NOT_FOUND" })},
		"explicit":      {"/things/7?answer=forbidden&about=8", "s1", with(func(e *audit.Event) { e.Detail, e.Target = "FORBIDDEN", "8" })},
		"ended session": {"/things/7", "s2", with(func(e *audit.Event) { e.Detail, e.SessionID = "SESSION_ENDED", "s2" })},
		"no permission": {"/lines/010-1234-5678", "s1", with(func(e *audit.Event) {
			e.Action, e.Detail, e.Target = "GET /lines/{lineNumber}", "PERMISSION_DENIED", "010-****-5678"
		})},
		"allowed":      {path: "/things/7?answer=ok", session: "s1"},
		"not found":    {path: "/things/7?answer=absent", session: "s1"},
		"invalid":      {path: "/things/7?answer=invalid", session: "s1"},
		"internal":     {path: "/things/7?answer=internal", session: "s1"},
		"no token":     {path: "/things/7"},
		"unknown path": {path: "/nothing", session: "s1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			s.get(c.path, c.session)
			if diff := cmp.Diff(c.want, s.trail.Events(), cmpopts.IgnoreFields(audit.Event{}, "ID")); diff != "" {
				t.Errorf("on record (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOperatorDenialsAreRecorded by object id, with and without a known role.
func TestOperatorDenialsAreRecorded(t *testing.T) {
	t.Parallel()
	s, entra := serve(t), authtest.NewEntra(t, time.Now)
	s.auth.Admit(jwtauth.NewOperators(entra.Config(), time.Now))
	const abe = "690222be-ff1a-4d56-abd1-7e4f7d38e474"
	for _, role := range []string{"User", "Gardener"} {
		s.getWithToken("/lines/010-1234-5678", entra.Token(abe, role))
	}
	denied := audit.Event{
		At: noon, Actor: "entra:" + abe, Action: "GET /lines/{lineNumber}", Target: "010-****-5678", Detail: "PERMISSION_DENIED",
		Outcome: audit.Denied, TraceID: "0af7651916cd43dd8448eb211c80319c", Address: "192.0.2.7",
	}
	if diff := cmp.Diff([]audit.Event{denied, denied}, s.trail.Events(), cmpopts.IgnoreFields(audit.Event{}, "ID")); diff != "" {
		t.Errorf("on record (-want +got):\n%s", diff)
	}
}

func TestDenialsOfOneActorAreLimited(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for range 100 {
		s.get("/things/7?answer=forbidden", "s1")
	}
	s.count("phonebill_audit_denials_total{outcome=\"limited\"} 40\nphonebill_audit_denials_total{outcome=\"recorded\"} 60")
	s.now = s.now.Add(3 * time.Second)
	for range 10 {
		s.get("/things/7?answer=forbidden", "s1")
	}
	s.count("phonebill_audit_denials_total{outcome=\"limited\"} 47\nphonebill_audit_denials_total{outcome=\"recorded\"} 63")
	if got := len(s.trail.Events()); got != 63 {
		t.Errorf("%d events recorded, want 63", got)
	}
}

func TestDroppedDenialsAreCounted(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.trail.Fill()
	s.get("/things/7?answer=forbidden", "s1")
	s.count("phonebill_audit_denials_total{outcome=\"dropped\"} 1")
}

func (s *service) count(want string) {
	s.t.Helper()
	head := "# HELP phonebill_audit_denials_total Denied accesses: recorded, limited (too many by one actor) or dropped (buffer full).\n" +
		"# TYPE phonebill_audit_denials_total counter\n"
	if err := testutil.GatherAndCompare(s.registry, strings.NewReader(head+want+"\n")); err != nil {
		s.t.Error(err)
	}
}
