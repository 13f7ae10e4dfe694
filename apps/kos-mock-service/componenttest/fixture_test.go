package componenttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/kos-mock-service/api"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/app"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
	"github.com/phonebill/phonebill/dev/openapitest"
)

// The settings of the tests: KOS without delays and chance failures.
const (
	clientSecret = "secret-of-the-tests"
	quick        = `{"latency":{"minMs":0,"maxMs":0},"errorShare":0}`
	openSettings = `{
		"clients": [{"clientId":"bill-inquiry-service","clientSecret":"` + clientSecret + `"},
		            {"clientId":"product-change-service","clientSecret":"` + clientSecret + `"},
		            {"clientId":"auth-service","clientSecret":"` + clientSecret + `"}],
		"token": {"signingKey":"a2V5LWtleS1rZXkta2V5LWtleS1rZXkta2V5LWtleS0="},
		"adminEnabled": true, "mockDataEnabled": true, "populationSize": 1000,
		"endpoints": {"auth":` + quick + `,"bill-inquiry":` + quick + `,"product-inquiry":` + quick + `,"products":` + quick + `,
		              "product-change":` + quick + `,"product-change-status":` + quick + `}}`
)

// noon is the time of the tests, 18:00 in Korea.
var noon = time.Date(2026, 1, 17, 9, 0, 0, 0, time.UTC)

// world is what the services of a test run in.
type world struct {
	t        *testing.T
	database *pgtest.Database
	secrets  secrets
	sidecar  *daprtest.Sidecar // nil: the services read secrets themselves
	auth     *authService
}

// secrets is a secret store.
type secrets map[string]string

func (s secrets) Secret(_ context.Context, name string) (string, error) {
	if s[name] == "" {
		return "", errors.New("no such secret")
	}
	return s[name], nil
}

// Reread implements sidecar.Secrets.
func (s secrets) Reread(ctx context.Context, name string) (string, error) { return s.Secret(ctx, name) }

// newWorld returns a world without a sidecar.
func newWorld(t *testing.T) *world {
	t.Helper()
	database := pgtest.New(t, postgres.Migrations())
	return &world{t: t, database: database, secrets: secrets{
		database.Config.PasswordSecret: database.Password,
		"kos-mock-config":              openSettings,
		"kos-mock-config-closed":       strings.ReplaceAll(openSettings, `Enabled": true`, `Enabled": false`),
		"kos-mock-config-wrong":        `{"clients": []}`,
	}}
}

// newDaprWorld returns a world whose secrets come from a real sidecar, and in
// which the auth service is reached through it.
func newDaprWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.auth = &authService{registered: map[string]string{}}
	server := httptest.NewServer(w.auth)
	t.Cleanup(server.Close)
	w.sidecar = daprtest.Start(t, daprtest.Options{
		AppID:     "kos-mock-of-" + w.database.Config.Name,
		Secrets:   w.secrets,
		Resources: []string{daprtest.HTTPEndpoint("auth-service", server.URL)},
	})
	return w
}

// environment returns what replaces parts of the graph.
func (w *world) environment(s *service) fx.Option {
	replaced := []any{
		func() *slog.Logger { return slog.New(slog.NewJSONHandler(s.log, nil)) },
		func() func() time.Time { return s.clock.now },
	}
	if w.sidecar == nil {
		replaced = append(replaced, func() sidecar.Secrets { return w.secrets })
	}
	return fx.Decorate(replaced...)
}

// service is one running replica.
type service struct {
	t     *testing.T
	app   *fx.App
	url   string
	http  *http.Client
	log   *buffer
	clock *clock
}

// start runs a replica with the given variables besides the usual ones.
func (w *world) start(variables ...string) *service {
	w.t.Helper()
	cfg, err := config.Load[app.Config](append([]string{
		"HTTP_ADDR=127.0.0.1:0", "DB_NAME=x", "DB_USER=x", "DB_PASSWORD_SECRET=x",
	}, variables...))
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.Database = w.database.Config
	if w.sidecar != nil {
		cfg.Sidecar = w.sidecar.Config()
	}
	s := &service{t: w.t, log: &buffer{}, clock: &clock{at: noon}}
	var server *httpserver.Server
	s.app = fx.New(app.Graph(cfg), fx.Populate(&server), w.environment(s))
	if err := s.app.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.stop)
	base := &http.Transport{}
	w.t.Cleanup(base.CloseIdleConnections)
	s.http = &http.Client{Transport: openapitest.Load(w.t, api.OpenAPI).Transport(base), Timeout: 20 * time.Second}
	s.url = "http://" + server.Addr()
	return s
}

// stop ends the replica; it may be called before the test does.
func (s *service) stop() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := s.app.Stop(ctx); err != nil {
		s.t.Errorf("stop: %v", err)
	}
}

// answer is what came back from the service.
type answer struct {
	status     int
	retryAfter string
	body       []byte
}

// kos returns the answer's envelope of KOS, with the data read into data.
func (a answer) kos(t *testing.T, data any) (code string) {
	t.Helper()
	envelope := struct {
		Success    bool
		ResultCode string
		Data       any
	}{Data: data}
	if err := json.Unmarshal(a.body, &envelope); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	if envelope.Success != (envelope.ResultCode == "0000") {
		t.Errorf("success is %v with %s", envelope.Success, envelope.ResultCode)
	}
	return envelope.ResultCode
}

// send sends a request and returns its answer.
func (s *service) send(ctx context.Context, method, path, token, body string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header.Get("Retry-After"), text}, err
}

// do is send for what must succeed technically.
func (s *service) do(method, path, token, body string) answer {
	s.t.Helper()
	got, err := s.send(s.t.Context(), method, path, token, body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

// token logs a client in.
func (s *service) token(client string) string {
	s.t.Helper()
	var grant struct{ AccessToken string }
	got := s.do(http.MethodPost, "/api/kos/auth", "", fmt.Sprintf(`{"clientId":%q,"clientSecret":%q}`, client, clientSecret))
	if code := got.kos(s.t, &grant); code != "0000" || grant.AccessToken == "" {
		s.t.Fatalf("login of %s: %s", client, got.body)
	}
	return grant.AccessToken
}

// inquire asks for a line's bill.
func (s *service) inquire(token, line, month string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, "/api/kos/bill-inquiry", token, billInquiry(line, month))
}

func billInquiry(line, month string) string {
	return fmt.Sprintf(`{"lineNumber":%q,"billingMonth":%q,"requestId":"request-1"}`, line, month)
}

// tell changes how bill inquiries behave.
func (s *service) tell(change string) {
	s.t.Helper()
	s.tellTo("bill-inquiry", change)
}

// tellTo changes how an endpoint behaves.
func (s *service) tellTo(endpoint, change string) {
	s.t.Helper()
	if got := s.do(http.MethodPut, "/admin/behavior/"+endpoint, "", change); got.status != http.StatusOK {
		s.t.Fatalf("told to %s: %d %s", change, got.status, got.body)
	}
}

// counts are the calls that reached KOS.
type counts struct {
	Total, Limited, Unanswered, BusiestMinute int64

	ByStatus, ByResultCode map[string]int64
}

func (s *service) count(query string) counts {
	s.t.Helper()
	var got counts
	answer := s.do(http.MethodPost, "/admin/calls", "", query)
	if err := json.Unmarshal(answer.body, &got); err != nil || answer.status != http.StatusOK {
		s.t.Fatalf("count %s: %d %s", query, answer.status, answer.body)
	}
	return got
}

// settled is count once every call is answered.
func (s *service) settled(query string) (got counts) {
	s.t.Helper()
	await(s.t, "every call is answered", func() bool {
		got = s.count(query)
		return got.Unanswered == 0
	})
	return got
}

// await waits until the condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
