package queue_test

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
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/jobs"
	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kos is the carrier: it carries out each order once, and remembers in which
// order they came.
type kos struct {
	mu      sync.Mutex
	orders  []string          // request ids, as they came first
	at      []time.Time       // when
	seen    map[string]bool   // what it has accepted
	calls   map[string]int    // orders and repetitions, by request id
	fault   fault             // what happens instead of an answer, if anything
	during  func(id string)   // called when an order is accepted, before the answer
	refuses map[string]string // codes by request id
}

// fault returns an error for calls that get no answer.
type fault func(ctx context.Context, id string) error

// away is KOS failing everybody alike.
func away(err error) fault { return func(context.Context, string) error { return err } }

func newKOS() *kos {
	return &kos{seen: map[string]bool{}, calls: map[string]int{}, refuses: map[string]string{}}
}

func (k *kos) set(f fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fault = f
}

// fail returns what happens instead of an answer.
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
		k.orders, k.at = append(k.orders, c.RequestID), append(k.at, time.Now())
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
	errBreaker  = &change.NotAskedError{Reason: change.KOSUnavailable, Cause: errors.New("circuit breaker is open")}
	errNoAnswer = fmt.Errorf("kos: %w", change.ErrNoAnswer)
)

// broker takes announcements.
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

// replica is one process of the service, as far as it works changes.
type replica struct {
	pool   *pgxpool.Pool
	book   *postgres.Book
	queue  *postgres.Queue
	runner *queue.Runner
	stop   func() // ends the runner and waits for it
}

// setup is what a test's replicas share.
type setup struct {
	t         *testing.T
	db        *pgtest.Database
	kos       *kos
	broker    *broker
	perMinute int
	opts      queue.Options
	clock     func() time.Time
	lines     atomic.Int64 // in use
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	river := pgtest.Step{Name: jobs.Version, Apply: jobs.Migrate}
	return &setup{
		t: t, db: pgtest.New(t, postgres.Migrations(), river), kos: newKOS(), broker: &broker{},
		perMinute: 100_000, clock: time.Now,
	}
}

// noCaches has nothing to forget.
type noCaches struct{}

func (noCaches) Invalidate(context.Context, product.Subscription) error { return nil }

func (noCaches) Holds(context.Context, product.Subscription) error { return nil }

// replica returns a replica with connections of its own that works nothing yet.
func (s *setup) replica() *replica {
	s.t.Helper()
	pool, err := pgxpool.NewWithConfig(context.Background(), s.db.Pool.Config())
	must(s.t, err)
	s.t.Cleanup(pool.Close)
	log := slog.New(slog.DiscardHandler)
	jobs, err := queue.NewJobs(pool, log, s.clock)
	must(s.t, err)
	budget := kosbudget.New(pool, "us", "product-change", kosbudget.PerMinute(s.perMinute))
	r := &replica{pool: pool, book: postgres.NewBook(pool, jobs), queue: postgres.NewQueue(pool, jobs, budget, s.clock)}
	processor := change.NewProcessor(change.ProcessorParams{
		Queue: r.queue, Carrier: s.kos, Lines: noCaches{}, Outcomes: change.NewOutcomes(),
		Meter: metrics.New(prometheus.NewRegistry()), Log: log, Now: s.clock,
		Pace: change.Pace{Call: budget.Interval(), Retry: time.Second},
	})
	opts := s.opts
	opts.Now = s.clock
	r.runner, err = queue.NewRunner(pool, pg.Direct{Pool: pool}, queue.Work{
		Processor: processor, Completed: r.queue, Announcer: s.broker, Stalled: r.queue, Keys: r.book,
	}, opts, log)
	must(s.t, err)
	return r
}

// start works jobs until the test ends, or stop is called.
func (s *setup) start() *replica {
	s.t.Helper()
	r := s.replica()
	r.start(s.t)
	return r
}

func (r *replica) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.runner.Run(ctx)
	}()
	r.stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(r.stop)
}

// accept writes n changes down, each of a line of its own.
func (s *setup) accept(r *replica, n int) []string {
	s.t.Helper()
	ids := make([]string, n)
	for i := range ids {
		id, err := uuid.NewV7()
		must(s.t, err)
		ids[i] = id.String()
		must(s.t, r.book.Accept(s.t.Context(), change.Change{
			RequestID: ids[i], UserID: "testuser01", CustomerID: "CUST001",
			Line:        msisdn.Number(fmt.Sprintf("010%08d", s.lines.Add(1))),
			CurrentCode: "A", CurrentName: "가", Target: product.Product{Code: "B", Name: "나"}, RequestedAt: s.clock(),
		}, change.Key{}))
	}
	return ids
}

func (s *setup) count(sql string, args ...any) (n int) {
	s.t.Helper()
	must(s.t, s.db.Pool.QueryRow(s.t.Context(), sql, args...).Scan(&n))
	return n
}

// final waits until so many changes are final.
func (s *setup) final(n int) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d changes are final", n), func() bool {
		return s.count("SELECT count(*) FROM change_request WHERE status IN ('COMPLETED', 'FAILED')") == n
	})
}

func (s *setup) eventually(what string, condition func() bool) {
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
