package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/outbox"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// kos is a carrier that carries out each order once and records their sequence.
type kos struct {
	mu      sync.Mutex
	orders  []string          // request ids, as they came first
	seen    map[string]bool   // accepted orders
	calls   map[string]int    // orders and repetitions, by request id
	fault   fault             // what happens instead of an answer, if anything
	during  func(id string)   // called when an order is accepted, before the answer
	refuses map[string]string // codes by request id
}

// fault returns the error of a call, or nil.
type fault func(ctx context.Context, id string) error

// away fails every call.
func away(err error) fault { return func(context.Context, string) error { return err } }

func newKOS() *kos {
	return &kos{seen: map[string]bool{}, calls: map[string]int{}, refuses: map[string]string{}}
}

func (k *kos) set(f fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fault = f
}

// fail sets the fault of calls.
func (k *kos) fail(ctx context.Context, id string) error {
	k.mu.Lock()
	f := k.fault
	k.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(ctx, id)
}

func (k *kos) Order(ctx context.Context, c change.Change) (change.Result, error) {
	if err := k.fail(ctx, c.RequestID); err != nil {
		return change.Result{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls[c.RequestID]++
	if !k.seen[c.RequestID] {
		k.seen[c.RequestID] = true
		k.orders = append(k.orders, c.RequestID)
	}
	if k.during != nil {
		k.during(c.RequestID)
	}
	return k.result(c.RequestID), nil
}

func (k *kos) Inquire(ctx context.Context, c change.Change) (change.Result, bool, error) {
	if err := k.fail(ctx, c.RequestID); err != nil {
		return change.Result{}, false, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.result(c.RequestID), k.seen[c.RequestID], nil
}

func (k *kos) result(id string) change.Result {
	if code := k.refuses[id]; code != "" {
		return change.Result{Code: code, Message: "처리되지 않았습니다."}
	}
	return change.Result{Code: change.OK, Message: "정상 처리"}
}

var (
	errBreaker  = &change.NotCalledError{Reason: change.KOSUnavailable, Cause: errors.New("circuit breaker is open")}
	errNoAnswer = fmt.Errorf("kos: %w", change.ErrNoAnswer)
)

// broker records events.
type broker struct {
	mu    sync.Mutex
	fault error
	tries int
	got   []string // request ids
}

func (b *broker) Announce(_ context.Context, c change.Change) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tries++
	if b.fault != nil {
		return b.fault
	}
	b.got = append(b.got, c.RequestID)
	return nil
}

func (b *broker) set(fault error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fault = fault
}

func (b *broker) seen() (tries, got int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tries, len(b.got)
}

// worker is a replica that processes changes.
type worker struct {
	store

	run  func(ctx context.Context)
	stop func() // ends processing and waits for it
}

// world has the parts that the replicas of a test share.
type world struct {
	t         *testing.T
	db        *pgtest.Database
	kos       *kos
	broker    *broker
	perMinute int
	clock     func() time.Time
	lines     atomic.Int64 // in use
}

func newWorld(t *testing.T) *world {
	t.Helper()
	river := pgtest.Step{Name: jobs.Version, Apply: jobs.Migrate}
	return &world{
		t: t, db: pgtest.New(t, postgres.Migrations(), river), kos: newKOS(), broker: &broker{},
		perMinute: plenty, clock: time.Now,
	}
}

// noCaches has nothing to invalidate.
type noCaches struct{}

func (noCaches) Invalidate(context.Context, product.Subscription) error { return nil }

func (noCaches) CheckHolder(context.Context, product.Subscription) error { return nil }

// replica returns a replica with connections of its own that processes nothing yet.
func (s *world) replica() *worker {
	s.t.Helper()
	pool, err := pgxpool.NewWithConfig(context.Background(), s.db.Pool.Config())
	expect.NoError(s.t, err)
	s.t.Cleanup(pool.Close)
	log := slog.New(slog.DiscardHandler)
	w := &worker{store: replica(s.t, pool, sealtest.NewStore(sealtest.Keyset(s.t)), s.perMinute)}
	processor := change.NewProcessor(change.ProcessorParams{
		Attempts: w.changes, Carrier: s.kos, Lines: noCaches{}, Log: log, Now: s.clock,
	})
	registry := prometheus.NewRegistry()
	dispatcher := queue.NewDispatcher(w.queue, map[string]queue.Handler{
		postgres.Endpoint: w.changes.Handler(processor.Process, metrics.New(registry)),
	}, queue.NewMetrics(registry), log, noop.NewTracerProvider().Tracer(""))
	direct := pg.Direct{Pool: pool}
	runner, err := outbox.NewRunner(pool, direct, outbox.Work{Completed: w.changes, Announcer: s.broker, Keys: w.changes, Now: s.clock}, log, noop.NewTracerProvider().Tracer(""))
	expect.NoError(s.t, err)
	w.run = func(ctx context.Context) {
		var all sync.WaitGroup
		all.Go(func() { dispatcher.Run(ctx) })
		all.Go(func() { runner.Run(ctx) })
		all.Go(func() { pg.Listen(ctx, direct, log, dispatcher.Listener()) })
		all.Wait()
	}
	return w
}

// start processes changes until the test ends, or stop is called.
func (s *world) start() *worker {
	s.t.Helper()
	w := s.replica()
	w.start(s.t)
	return w
}

func (w *worker) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx)
	}()
	w.stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(w.stop)
}

// elapse moves all times in the queue d into the past.
func (s *world) elapse(d time.Duration) {
	s.t.Helper()
	for _, sql := range []string{
		"UPDATE kos_queue SET due_at = due_at - $1::interval, lease_until = lease_until - $1::interval",
		"UPDATE kos_outage SET until = until - $1::interval",
	} {
		_, err := s.db.Pool.Exec(s.t.Context(), sql, d)
		expect.NoError(s.t, err)
	}
	_, err := s.db.Pool.Exec(s.t.Context(), "SELECT pg_notify('kos_queue', '')")
	expect.NoError(s.t, err)
}

// accept accepts n changes, each for its own line.
func (s *world) accept(r *worker, n int) []string {
	s.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		id, err := uuid.NewV7()
		expect.NoError(s.t, err)
		ids[i] = id.String()
		expect.NoError(s.t, r.changes.Accept(s.t.Context(), change.Change{
			RequestID: ids[i], UserID: "testuser01", CustomerID: "CUST001",
			Line:        msisdn.Number(fmt.Sprintf("010%08d", s.lines.Add(1))),
			CurrentCode: "A", CurrentName: "가", Target: product.Product{Code: "B", Name: "나"}, RequestedAt: s.clock(),
		}, change.Key{}, product.Version{}))
	}
	return ids
}

func (s *world) count(sql string) (n int) {
	s.t.Helper()
	expect.NoError(s.t, s.db.Pool.QueryRow(s.t.Context(), sql).Scan(&n))
	return n
}

// claimedAt returns when a change was last claimed. The change must be in progress.
func (s *world) claimedAt(id string) (at time.Time) {
	const sql = `SELECT attempted_at FROM kos_queue WHERE payload->>'requestId' = $1`
	if err := s.db.Pool.QueryRow(context.Background(), sql, id).Scan(&at); err != nil {
		s.t.Error(err)
	}
	return at
}

// final waits until n changes are final.
func (s *world) final(n int) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d changes are final", n), func() bool {
		return s.count("SELECT count(*) FROM change_request WHERE status IN ('COMPLETED', 'FAILED')") == n
	})
}

func (s *world) eventually(what string, condition func() bool) {
	s.t.Helper()
	deadline := time.After(90 * time.Second)
	for !condition() {
		select {
		case <-deadline:
			s.t.Fatalf("not within 90 s: %s", what)
		case <-time.After(20 * time.Millisecond): // the next look
		}
	}
}
