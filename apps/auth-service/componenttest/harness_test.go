// Package componenttest tests the service as a whole against PostgreSQL, Redis and daprd with the
// configuration and resiliency of this repository. It checks every answer against the OpenAPI
// document.
package componenttest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/auth-service/api"
	"github.com/phonebill/phonebill/apps/auth-service/internal/app"
	"github.com/phonebill/phonebill/apps/auth-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/auth-service/internal/token/tokentest"
	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/kos/kostest"
	"github.com/phonebill/phonebill/apps/internal/linktest"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
	"github.com/phonebill/phonebill/dev/openapitest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The cleanup goroutine of a cache ends when the cache is garbage-collected.
		goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"),
		goleak.Cleanup(func(code int) {
			kostest.Clean()
			os.Exit(code)
		}))
}

// waitLimit bounds the wait for a condition.
const waitLimit = 30 * time.Second

// system is the service with its dependencies.
type system struct {
	t        *testing.T
	key      tokentest.Key // signs the tokens
	keyset   string        // seals names
	database *pgtest.Database
	options  daprtest.Options
	dapr     *daprtest.Sidecar
	redis    *linktest.Link // between the sidecar and Redis
	postgres *linktest.Link // between the service and PostgreSQL
	environ  []string

	url    string
	from   string // source address, as sent by the proxy
	client *http.Client
	plain  *http.Client // for routes outside the OpenAPI document
}

// foreign are secrets in the store that the service may not read.
var foreign = []string{"redis-auth-key", "database-password-bill-inquiry", "kos-mock-config"}

// noKOS is an address without a KOS.
const noKOS = "http://127.0.0.1:1"

// prepare sets up everything but the service itself, with KOS at kosURL.
func prepare(t *testing.T, kosURL string) *system {
	t.Helper()
	return prepareOn(t, pgtest.New(t, postgres.Migrations()), kosURL)
}

// prepareOn is prepare with an existing database.
func prepareOn(t *testing.T, database *pgtest.Database, kosURL string) *system {
	t.Helper()
	s := &system{t: t, key: tokentest.NewKey(t, "signer"), keyset: sealtest.Keyset(t), database: database}
	s.redis = linktest.Start(t, os.Getenv("PHONEBILL_TEST_REDIS_ADDR"))
	// All queries of these tests pass a connection pooler in transaction mode.
	pooled := pgtest.Pooled(t, s.database)
	s.postgres = linktest.Start(t, net.JoinHostPort(pooled.Host, strconv.Itoa(pooled.Port)))
	s.options = s.sidecar(kosURL)
	s.dapr = daprtest.Start(t, s.options)
	s.environ = []string{
		"HTTP_ADDR=127.0.0.1:0",
		"DB_HOST=127.0.0.1", "DB_PORT=" + s.postgres.Port(),
		"DB_POOLER=transaction", "DB_DIRECT_HOST=" + pooled.DirectHost, "DB_DIRECT_PORT=" + strconv.Itoa(pooled.DirectPort),
		"DB_NAME=" + s.database.Config.Name, "DB_USER=" + s.database.Config.User,
		"DB_PASSWORD_SECRET=database-password-auth",
		"DAPR_HTTP_PORT=" + strconv.Itoa(s.dapr.HTTPPort), "DAPR_GRPC_PORT=" + strconv.Itoa(s.dapr.GRPCPort),
		"KOS_APP_ID=kos-mock-service", "KOS_CREDENTIALS_SECRET=kos-api-credentials-auth",
		"DATA_KEYSET_SECRET=data-keyset-auth",
		"PASSWORD_MEMORY_KIB=64", "PASSWORD_ITERATIONS=1", "HTTP_TRUSTED_PROXIES=127.0.0.1/32",
	}
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	s.plain = &http.Client{Transport: base, Timeout: waitLimit}
	s.client = &http.Client{Transport: openapitest.Load(t, api.OpenAPI).Transport(base), Timeout: waitLimit}
	return s
}

// emptyDatabase returns a database without tables.
func emptyDatabase(t *testing.T) *pgtest.Database {
	t.Helper()
	database := pgtest.New(t, postgres.Migrations())
	_, err := database.Pool.Exec(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
	expect.NoError(t, err)
	return database
}

// sidecar returns the sidecar's options: those of development, with components that use this test's
// own stores.
func (s *system) sidecar(kosURL string) daprtest.Options {
	secrets := map[string]string{
		"jwt-signing-key":          tokentest.Set(s.t, s.key),
		"database-password-auth":   s.database.Password,
		"data-keyset-auth":         s.keyset,
		"kos-api-credentials-auth": kostest.Credentials(app.Name),
	}
	for _, name := range foreign {
		secrets[name] = rand.Text()
	}
	configuration, err := os.ReadFile("../../../components/local/configurations/auth-service.yaml")
	expect.NoError(s.t, err)
	sessions := daprtest.RedisState(s.t, "session-store")
	return daprtest.Options{
		AppID:   "auth-" + rand.Text(),
		Secrets: secrets,
		Resources: []string{
			strings.Replace(sessions, os.Getenv("PHONEBILL_TEST_REDIS_ADDR"), s.redis.Address(), 1),
			daprtest.HTTPEndpoint("kos-mock-service", kosURL),
		},
		ResourceDirs:  []string{"../../../resiliency"},
		Configuration: string(configuration),
	}
}

// start returns a ready service of the test's own, with the users user0001 and user0002 and the
// administrator root0001. environ overrides the defaults.
func start(t *testing.T, environ ...string) *system {
	t.Helper()
	s := prepare(t, noKOS)
	s.environ = append(s.environ, environ...)
	s.serve()
	s.awaitReady()
	s.addUsers()
	return s
}

// serve runs the service until the test ends.
func (s *system) serve() {
	s.t.Helper()
	cfg, err := config.Load[app.Config](s.environ)
	expect.NoError(s.t, err)
	var server *httpserver.Server
	service := fx.New(app.Graph(cfg), fx.Populate(&server))
	expect.NoError(s.t, service.Start(s.t.Context()))
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
		defer cancel()
		expect.NoError(s.t, service.Stop(ctx))
	})
	s.url = "http://" + server.Addr()
}

func (s *system) awaitReady() {
	s.t.Helper()
	s.await(func() bool { return s.readiness().Status == "UP" })
}

// readiness returns the readiness report.
func (s *system) readiness() (report struct {
	Status     string
	Components map[string]struct{ Status, Reason string }
}) {
	s.t.Helper()
	s.actuator("/actuator/health/readiness", func(resp *http.Response) {
		expect.NoError(s.t, json.NewDecoder(resp.Body).Decode(&report))
	})
	return report
}

func (s *system) actuator(path string, read func(*http.Response)) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, http.NoBody)
	expect.NoError(s.t, err)
	resp, err := s.plain.Do(req)
	expect.NoError(s.t, err)
	defer func() { _ = resp.Body.Close() }()
	read(resp)
}

func (s *system) await(holds func() bool) {
	s.t.Helper()
	expect.Eventually(s.t, "the condition holds", holds)
}
