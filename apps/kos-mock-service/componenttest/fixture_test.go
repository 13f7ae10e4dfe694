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
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/kos-mock-service/api"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/app"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
	"github.com/phonebill/phonebill/dev/openapitest"
)

// Settings of the tests: KOS without delays and random failures.
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

// noon is the initial time of the tests, 18:00 in Korea.
var noon = time.Date(2026, 1, 17, 9, 0, 0, 0, time.UTC)

// world is the environment of the services in a test.
type world struct {
	t        *testing.T
	database *pgtest.Database
	secrets  secrets
	sidecar  *daprtest.Sidecar // nil: the services use the fake secret store
	auth     *authService
}

// secrets is a fake secret store.
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

// newDaprWorld returns a world with a real sidecar, for secrets and calls of the auth service.
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

// environment replaces parts of the dependency graph.
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

// start runs a replica with additional variables.
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

// stop stops the replica; the end of the test does so too.
func (s *service) stop() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := s.app.Stop(ctx); err != nil {
		s.t.Errorf("stop: %v", err)
	}
}

// answer is a response of the service.
type answer struct {
	status     int
	retryAfter string
	body       []byte
}

// kos parses KOS's envelope, with the data decoded into data.
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

// send sends a request and returns the response.
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

// do is send for requests that must not fail in transport.
func (s *service) do(method, path, token, body string) answer {
	s.t.Helper()
	got, err := s.send(s.t.Context(), method, path, token, body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

// token returns an access token of a client.
func (s *service) token(client string) string {
	s.t.Helper()
	var grant struct{ AccessToken string }
	got := s.do(http.MethodPost, "/api/kos/auth", "", fmt.Sprintf(`{"clientId":%q,"clientSecret":%q}`, client, clientSecret))
	if code := got.kos(s.t, &grant); code != "0000" || grant.AccessToken == "" {
		s.t.Fatalf("login of %s: %s", client, got.body)
	}
	return grant.AccessToken
}

// inquire requests a line's bill.
func (s *service) inquire(token, line, month string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, "/api/kos/bill-inquiry", token, billInquiry(line, month))
}

func billInquiry(line, month string) string {
	return fmt.Sprintf(`{"lineNumber":%q,"billingMonth":%q,"requestId":"request-1"}`, line, month)
}

// setBillBehavior replaces the override of bill inquiries.
func (s *service) setBillBehavior(change string) {
	s.t.Helper()
	s.setBehavior("bill-inquiry", change)
}

// setBehavior replaces the override of an endpoint.
func (s *service) setBehavior(endpoint, change string) {
	s.t.Helper()
	if got := s.do(http.MethodPut, "/admin/behavior/"+endpoint, "", change); got.status != http.StatusOK {
		s.t.Fatalf("set behavior %s: %d %s", change, got.status, got.body)
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

// settled returns the counts once every call is answered.
func (s *service) settled(query string) (got counts) {
	s.t.Helper()
	expect.Eventually(s.t, "every call is answered", func() bool {
		got = s.count(query)
		return got.Unanswered == 0
	})
	return got
}
