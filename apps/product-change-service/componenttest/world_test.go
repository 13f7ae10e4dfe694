// Package componenttest runs the service with real PostgreSQL, state store, broker and
// sidecars, and the mock of KOS.
package componenttest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/freeport"
	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/kos/kostest"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/app"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/events"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
)

func TestMain(m *testing.M) {
	code := m.Run()
	kostest.Clean()
	http.DefaultClient.CloseIdleConnections()
	if code == 0 {
		// Goroutines of otter end when their caches are garbage-collected.
		if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// world has the replicas of the service for one test, with all that they need.
type world struct {
	t        *testing.T
	kos      *kostest.KOS
	db       *pgtest.Database
	issuer   *authtest.Issuer
	replicas []*replica
	environ  []string // of all replicas
}

// replica is one process of the service with its sidecar.
type replica struct {
	w       *world
	address string
	dapr    *daprtest.Sidecar
	running *fx.App
	metrics *prometheus.Registry
}

// quickBreaker is the policy of resiliency/ for KOS, with a breaker that is half-open after a
// second.
const quickBreaker = `apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: kos}
spec:
  policies:
    timeouts: {kos: 2s}
    retries: {kos: {policy: constant, duration: 50ms, maxRetries: 2, matching: {httpStatusCodes: "500,502-504", gRPCStatusCodes: "4,14"}}}
    circuitBreakers: {kos: {maxRequests: 3, timeout: 1s, trip: consecutiveFailures >= 5}}
  targets: {apps: {kos-mock-service: {timeout: kos, retry: kos, circuitBreaker: kos}}}
`

// resiliency returns the policies of the repository.
func resiliency(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs("../../../resiliency")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// options differ from the default set-up.
type options struct {
	replicas     int  // default 1
	quickBreaker bool // instead of the policies of the repository
	volatileL2   bool // L2 is in memory of the sidecar
	noBroker     bool // no broker
	environ      []string
}

func newWorld(t *testing.T, o options) *world {
	t.Helper()
	river := pgtest.Step{Name: jobs.Version, Apply: jobs.Migrate}
	w := &world{
		t: t, kos: kostest.Start(t, app.Name), db: pgtest.New(t, postgres.Migrations(), river),
		issuer: authtest.NewIssuer(t, time.Now), environ: o.environ,
	}
	keys := httptest.NewServer(w.issuer)
	t.Cleanup(keys.Close)
	opts := daprtest.Options{
		AppID: "product-of-" + w.db.Config.Name,
		Secrets: map[string]string{
			w.db.Config.PasswordSecret: w.db.Password,
			"kos-credentials":          kostest.Credentials(app.Name),
			"data-keyset":              sealtest.Keyset(t),
		},
		Resources: []string{
			daprtest.RedisState(t, "session-store"),
			daprtest.HTTPEndpoint("kos-mock-service", w.kos.URL),
			daprtest.HTTPEndpoint("auth-service", keys.URL),
		},
	}
	cache := daprtest.RedisState
	if o.volatileL2 {
		cache = daprtest.MemoryState
	}
	opts.Resources = append(opts.Resources, cache(t, "cache-store"))
	if !o.noBroker {
		opts.Resources = append(opts.Resources, daprtest.RedisPubSub(t, "pubsub"),
			daprtest.Subscription("pubsub", events.ProductChanged, "/events/product-changed"))
	}
	if o.quickBreaker {
		opts.Resources = append(opts.Resources, quickBreaker)
	} else {
		opts.ResourceDirs = []string{resiliency(t)}
	}
	for range max(1, o.replicas) {
		w.replicas = append(w.replicas, w.newReplica(opts))
	}
	return w
}

func (w *world) newReplica(opts daprtest.Options) *replica {
	w.t.Helper()
	r := &replica{w: w, address: freeport.Address(w.t)} // the sidecar needs it first
	_, port, err := net.SplitHostPort(r.address)
	if err != nil {
		w.t.Fatal(err)
	}
	if opts.AppPort, err = strconv.Atoi(port); err != nil {
		w.t.Fatal(err)
	}
	r.dapr = daprtest.Start(w.t, opts)
	r.start()
	return r
}

// start runs the service and waits until it is ready.
func (r *replica) start() {
	t := r.w.t
	t.Helper()
	cfg, err := config.Load[app.Config](append([]string{
		"HTTP_ADDR=" + r.address, "LOG_LEVEL=ERROR", "KOS_CREDENTIALS_SECRET=kos-credentials", "DATA_KEYSET_SECRET=data-keyset",
		"DB_NAME=x", "DB_USER=x", "DB_PASSWORD_SECRET=x",
		"KOS_CHANGE_PER_MINUTE=10000", "KOS_PRODUCT_INQUIRY_PER_MINUTE=10000", "KOS_CHANGE_STATUS_PER_MINUTE=10000",
	}, r.w.environ...))
	if err != nil {
		t.Fatal(err)
	}
	// All statements of these tests pass a connection pooler in transaction mode.
	cfg.Database, cfg.Sidecar = pgtest.Pooled(t, r.w.db), r.dapr.Config()
	cfg.Database.MaxConns = 10
	r.running = fx.New(app.Graph(cfg), fx.Populate(&r.metrics))
	if err := r.running.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.stop)
	r.w.eventually("the service is ready", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url("/actuator/health/readiness"), http.NoBody)
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

// stop stops the service as a deployment does.
func (r *replica) stop() {
	if r.running == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.running.Stop(ctx); err != nil {
		r.w.t.Errorf("stop: %v", err)
	}
	r.running = nil
	http.DefaultClient.CloseIdleConnections()
}

// forget empties L1 and L2 of a volatileL2 replica. Its database stays.
func (r *replica) forget() {
	r.stop()
	r.dapr.Kill()
	r.dapr.Restart()
	r.start()
}

func (r *replica) url(path string) string { return "http://" + r.address + path }

// count returns the count of a query.
func (w *world) count(sql string) (n int) {
	w.t.Helper()
	if err := w.db.Pool.QueryRow(w.t.Context(), sql).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) eventually(what string, condition func() bool) {
	w.t.Helper()
	deadline := time.After(60 * time.Second)
	for !condition() {
		select {
		case <-deadline:
			w.t.Fatalf("not within 60 s: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
