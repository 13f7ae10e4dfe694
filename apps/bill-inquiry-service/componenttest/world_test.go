// Package componenttest runs the service against real PostgreSQL, a real state
// store, real sidecars and the KOS stand-in's own binary.
package componenttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/api"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/app"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/kos/kostest"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
	"github.com/phonebill/phonebill/apps/internal/session"
	"github.com/phonebill/phonebill/dev/openapitest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	kostest.Clean()
	if code == 0 {
		// Otter's cleaners end when their caches are collected as garbage.
		if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// world is one service with all its dependencies, for one test.
type world struct {
	t       testing.TB
	kos     *kostest.KOS
	db      *pgtest.Database
	dapr    *daprtest.Sidecar
	issuer  *authtest.Issuer
	keys    *sealtest.Store // of the sealed columns
	address string          // that the service listens on
	environ []string        // of the service, besides the required variables
	// unpooled makes the service connect to PostgreSQL without a connection pooler.
	unpooled bool
	running  *fx.App

	// Parts of the running service.
	server  *httpserver.Server
	pool    *pgxpool.Pool
	metrics *prometheus.Registry
}

// stateStore returns the resource of a state store called name.
type stateStore func(t testing.TB, name string) string

func newWorld(t testing.TB, cache stateStore) *world {
	t.Helper()
	w, opts := prepare(t, cache)
	w.dapr = daprtest.Start(t, opts)
	w.start()
	return w
}

// prepare returns a world without a sidecar, and the options of its sidecar.
func prepare(t testing.TB, cache stateStore) (*world, daprtest.Options) {
	t.Helper()
	keyset := sealtest.Keyset(t)
	w := &world{
		t: t, kos: kostest.Start(t, app.Name), db: pgtest.New(t, postgres.Migrations(), pgtest.Step{Name: jobs.Version, Apply: jobs.Migrate}),
		issuer: authtest.NewIssuer(t, time.Now), keys: sealtest.NewStore(keyset), address: "127.0.0.1:0",
	}
	keys := httptest.NewServer(w.issuer)
	t.Cleanup(keys.Close)
	resiliency, err := filepath.Abs("../../../resiliency")
	if err != nil {
		t.Fatal(err)
	}
	return w, daprtest.Options{
		AppID: "bill-of-" + w.db.Config.Name,
		Secrets: map[string]string{
			w.db.Config.PasswordSecret: w.db.Password,
			"kos-credentials":          kostest.Credentials(app.Name),
			"data-keyset":              keyset,
		},
		Resources: []string{
			daprtest.RedisState(t, "session-store"), cache(t, "cache-store"),
			daprtest.HTTPEndpoint("kos-mock-service", w.kos.URL),
			daprtest.HTTPEndpoint("auth-service", keys.URL),
		},
		ResourceDirs: []string{resiliency},
	}
}

// noNightlyRefresh disables the nightly refresh. Between 02:00 and 05:00 in Seoul it would call KOS
// during a test.
const noNightlyRefresh = "NIGHTLY_REFRESH_ENABLED=false"

// start runs the service and waits until it is ready.
func (w *world) start() {
	w.t.Helper()
	cfg, err := config.Load[app.Config](append([]string{
		"HTTP_ADDR=" + w.address, "LOG_LEVEL=ERROR", "KOS_CREDENTIALS_SECRET=kos-credentials", "DATA_KEYSET_SECRET=data-keyset", noNightlyRefresh,
		"DB_NAME=" + w.db.Config.Name, "DB_USER=" + w.db.Config.User, "DB_PASSWORD_SECRET=" + w.db.Config.PasswordSecret,
	}, w.environ...))
	if err != nil {
		w.t.Fatal(err)
	}
	// All that these tests do passes a connection pooler in transaction mode.
	cfg.Database, cfg.Sidecar = w.db.Config, w.dapr.Config()
	if !w.unpooled {
		cfg.Database = pgtest.Pooled(w.t, w.db)
	}
	cfg.Database.MaxConns = 15
	w.running = fx.New(app.Graph(cfg), fx.Populate(&w.server, &w.pool, &w.metrics))
	if err := w.running.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.stop)
	w.awaitReady()
}

func (w *world) awaitReady() {
	w.t.Helper()
	expect.Eventually(w.t, "the service is ready", func() bool {
		req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url("/actuator/health/readiness"), http.NoBody)
		if err != nil {
			return false
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// stop ends the service as a deployment would.
func (w *world) stop() {
	if w.running == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.running.Stop(ctx); err != nil {
		w.t.Errorf("stop: %v", err)
	}
	w.running = nil
	http.DefaultClient.CloseIdleConnections()
}

func (w *world) url(path string) string {
	if w.server == nil { // a separate process
		return "http://" + w.address + path
	}
	return "http://" + w.server.Addr() + path
}

// customer is a user with a session and a token.
type customer struct {
	w     *world
	token string
	http  *http.Client

	location string // of an inquiry
}

// login creates a session of a user with a line.
func (w *world) login(line string) *customer {
	w.t.Helper()
	principal := jwtauth.Principal{
		UserID: "user-of-" + line, CustomerID: kostest.CustomerOf(line), SessionID: "session-of-" + line,
		Lines: []string{line}, Permissions: []string{bill.Permission},
	}
	store := session.NewStore(w.dapr.Client().State("session-store"))
	err := store.Create(w.t.Context(), principal.SessionID, session.Record{
		UserID: principal.UserID, Lines: principal.Lines, Permissions: principal.Permissions,
		Idle: time.Hour, TouchedAt: time.Now(),
	})
	if err != nil && !errors.Is(err, session.ErrConflict) { // the sidecar may have written it twice
		w.t.Fatal(err)
	}
	transport := openapitest.Load(w.t, api.OpenAPI).Transport(http.DefaultTransport)
	return &customer{w: w, token: w.issuer.Token(w.t, principal), http: &http.Client{Transport: transport}}
}

// answer is a response of the API.
type answer struct {
	status int
	code   string // of a failure
	data   map[string]any
	header http.Header
	took   time.Duration
}

func (c *customer) inquire(line, month string) answer {
	c.w.t.Helper()
	return c.do(http.MethodPost, "/api/v1/bills/inquiry", fmt.Sprintf(`{"lineNumber":%q,"inquiryMonth":%q}`, line, month))
}

func (c *customer) do(method, path, body string, headers ...string) answer {
	c.w.t.Helper()
	start := time.Now()
	req, err := http.NewRequestWithContext(c.w.t.Context(), method, c.w.url(path), strings.NewReader(body))
	if err != nil {
		c.w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var envelope struct {
		Data  map[string]any `json:"data"`
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&envelope); err != nil {
		c.w.t.Fatal(err)
	}
	return answer{resp.StatusCode, envelope.Error.Code, envelope.Data, resp.Header, time.Since(start)}
}
