package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/auth-service/api"
	"github.com/phonebill/phonebill/apps/auth-service/internal/httpapi"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/auth-service/internal/throttle"
	"github.com/phonebill/phonebill/apps/auth-service/internal/token"
	"github.com/phonebill/phonebill/apps/auth-service/internal/token/tokentest"
	"github.com/phonebill/phonebill/apps/internal/health"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/session"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/dev/openapitest"
)

func TestMain(m *testing.M) {
	// The cleanup goroutine of a cache ends when the cache is garbage-collected.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

// world is the API over the real domain and tokens with in-memory stores.
type world struct {
	t       *testing.T
	client  *http.Client
	url     string
	store   *identitytest.Memory
	live    *identitytest.Sessions
	trail   *identitytest.Trail
	history *identitytest.History
	budgets throttle.Config
	secrets secrets
	log     *syncBuffer

	operators *jwtauth.Operators // nil: none configured
}

// setup returns a world with the users kim and lee and the administrator root. Every answer is
// checked against the OpenAPI document.
func setup(t *testing.T) *world {
	t.Helper()
	return setupWith(t, wide)
}

// setupWith is setup with other throttle budgets and changes.
func setupWith(t *testing.T, budgets throttle.Config, changes ...func(*world)) *world {
	t.Helper()
	w := &world{
		t: t,
		store: identitytest.NewMemory(time.Now,
			identitytest.Customer("kim", "CUST1", "01011112222"),
			identitytest.Customer("lee", "CUST2", "01033334444"),
			identitytest.Administrator("root")),
		live:    identitytest.NewSessions(),
		trail:   &identitytest.Trail{},
		history: &identitytest.History{},
		budgets: budgets,
		secrets: secrets{"keys": tokentest.Set(t, tokentest.NewKey(t, "signer"))},
		log:     &syncBuffer{},
	}
	for _, change := range changes {
		change(w)
	}
	registry := prometheus.NewRegistry()
	server := httpserver.New(httpserver.Config{MaxInFlight: 64, MaxBody: 64 << 10, Drain: time.Second}, httpserver.Deps{
		Log: slog.New(slog.NewJSONHandler(w.log, nil)), Registry: registry, Tracer: noop.NewTracerProvider().Tracer(""),
		Health: health.NewRegistry(), Now: time.Now,
	}, api.OpenAPI, w.api(registry))
	listening := httptest.NewServer(server.Handler())
	t.Cleanup(listening.Close)
	w.url = listening.URL
	w.client = &http.Client{Transport: openapitest.Load(t, api.OpenAPI).Transport(listening.Client().Transport)}
	return w
}

// api assembles the service like package app.
func (w *world) api(registry *prometheus.Registry) *httpapi.API {
	names := jwtauth.Config{Issuer: "issuer", Audience: "audience"}
	keys := token.NewKeys(token.KeysParams{
		Secrets: w.secrets, Secret: "keys", Ledger: tokentest.NewLedger(time.Now), Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	verifier := jwtauth.NewVerifier(names, keys, time.Now)
	issuer := token.NewIssuer(token.Config{AccessTTL: 30 * time.Minute, RefreshTTL: 24 * time.Hour}, names, keys, verifier, time.Now)
	passwords, recorder := &identitytest.Passwords{}, &identitytest.Recorder{}
	guard := identity.NewGuard(identity.GuardParams{Credentials: w.store, Passwords: passwords, Attempts: w.store})
	sessions := identity.NewSessions(identity.SessionsParams{
		Guard: guard, Tokens: issuer, Index: w.store, Store: w.live,
		History: w.history, Recorder: recorder, Now: time.Now, Lifetimes: identity.Lifetimes{
			Idle: time.Minute, AutoLoginIdle: time.Hour, Absolute: 12 * time.Hour, AutoLoginAbsolute: 720 * time.Hour, Refresh: time.Hour,
		},
	})
	accounts := identity.NewAccounts(identity.AccountsParams{
		Users: w.store, Credentials: w.store, Guard: guard, Passwords: passwords, Carrier: &identitytest.Carrier{},
		Sessions: w.live, Recorder: recorder,
	})
	admin := identity.NewAdministration(w.store, w.trail, w.live, recorder, time.Now)
	return httpapi.New(httpapi.Params{
		Sessions: sessions, Own: sessions, Accounts: accounts, Admin: admin, Keys: keys,
		Auth:     jwtauth.NewAuthenticator(verifier, seen{w.live}, registry).Admit(w.operators),
		Throttle: throttle.New(w.budgets, time.Now, registry),
		Gate:     sidecar.NewGate(sidecar.Config{}),
	})
}

// wide are budgets that are never used up by tests of other things.
var wide = throttle.Config{Login: much, LoginUser: much, Refresh: much, Password: much, Register: much}

var much = throttle.Rate{Burst: 1_000, Over: time.Minute}

// secrets is an in-memory token.Secrets.
type secrets map[string]string

// Secret implements token.Secrets.
func (s secrets) Secret(_ context.Context, name string) (string, error) {
	if text, ok := s[name]; ok {
		return text, nil
	}
	return "", io.ErrUnexpectedEOF
}

// Reread implements token.Secrets.
func (s secrets) Reread(ctx context.Context, name string) (string, error) { return s.Secret(ctx, name) }

// seen is the view that services have of sessions: a jwtauth.Sessions.
type seen struct{ store *identitytest.Sessions }

// Get implements jwtauth.Sessions.
func (s seen) Get(ctx context.Context, id string) (session.Record, error) {
	live, _, err := s.store.Get(ctx, id)
	switch {
	case errors.Is(err, identity.ErrNoSession):
		return session.Record{}, session.ErrEnded
	case err != nil:
		return session.Record{}, session.ErrUnavailable
	}
	return session.Record{UserID: live.UserID, Permissions: live.Permissions, Lines: live.Lines}, nil
}

// syncBuffer collects a server's log.
type syncBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

// Write implements io.Writer.
func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// answer is a response.
type answer struct {
	status int
	header http.Header
	body   map[string]any
}

// code returns the error code of a failure.
func (a answer) code() any {
	failure, _ := a.body["error"].(map[string]any)
	return failure["code"]
}

// fields returns the invalid fields that a validation error names.
func (a answer) fields() []string {
	failure, _ := a.body["error"].(map[string]any)
	details, _ := failure["details"].(map[string]any)
	fields, _ := details["fieldErrors"].(map[string]any)
	names := []string{}
	for name := range fields {
		names = append(names, name)
	}
	return names
}

// call sends body as JSON, unless empty, with the access token, if any.
func (w *world) call(method, path, access, body string) answer {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if access != "" {
		req.Header.Set("Authorization", "Bearer "+access)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if err := json.NewDecoder(resp.Body).Decode(&a.body); err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (w *world) get(path, access string) answer { return w.call(http.MethodGet, path, access, "") }

func (w *world) post(path, access, body string) answer {
	return w.call(http.MethodPost, path, access, body)
}

// login returns the tokens of a user.
func (w *world) login(userID string) (access, refresh string) {
	w.t.Helper()
	a := w.post("/api/v1/auth/login", "", `{"userId":"`+userID+`","password":"`+identitytest.Password+`"}`)
	access, _ = a.body["access_token"].(string)
	refresh, _ = a.body["refresh_token"].(string)
	if a.status != http.StatusOK || access == "" || refresh == "" {
		w.t.Fatalf("login answered %d: %v", a.status, a.body)
	}
	return access, refresh
}

func (a answer) want(t *testing.T, status int, code string) {
	t.Helper()
	if a.status != status || a.code() != code {
		t.Errorf("got %d %v, want %d %s", a.status, a.code(), status, code)
	}
}
