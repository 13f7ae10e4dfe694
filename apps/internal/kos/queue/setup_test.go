package queue_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/kos/budget"
	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var migrations = fstest.MapFS{"001_queue.sql": {Data: []byte(budget.Table + queue.Schema)}}

// untraced is the tracer of dispatchers whose traces do not matter.
var untraced = noop.NewTracerProvider().Tracer("")

const (
	endpoint = "bill-inquiry"
	// plenty is a rate limit that no test reaches.
	plenty = 100_000
)

// setup has the parts that the replicas of a test share.
type setup struct {
	t         *testing.T
	pool      *pgxpool.Pool
	perMinute int
	capacity  [2]int
	workers   int
	giveUp    time.Duration
	timeout   time.Duration
	handle    queue.Handler

	mu      sync.Mutex
	handled []attempt // in the order in which they began
}

// attempt is one attempt at an item.
type attempt struct {
	queue.Item

	claimed time.Time
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	return &setup{
		t: t, pool: pgtest.New(t, migrations).Pool, perMinute: plenty, workers: 4, giveUp: time.Hour, timeout: 10 * time.Second,
		handle: func(context.Context, queue.Item) queue.Outcome { return queue.Answered(nil) },
	}
}

// replica returns the queue of a replica, with its own connections.
func (s *setup) replica() (*queue.Queue, *pgxpool.Pool) {
	s.t.Helper()
	pool, err := pgxpool.NewWithConfig(context.Background(), s.pool.Config())
	expect.NoError(s.t, err)
	s.t.Cleanup(pool.Close)
	return queue.New(pool, queue.Endpoint{
		Name: endpoint, Budget: budget.New(pool, "us", endpoint, budget.PerMinute(s.perMinute)),
		Capacity: s.capacity, Workers: s.workers, Timeout: s.timeout, GiveUpAfter: s.giveUp,
	}), pool
}

// start runs a dispatcher until the test ends or stop is called.
func (s *setup) start() (q *queue.Queue, stop func()) {
	s.t.Helper()
	q, pool := s.replica()
	log := slog.New(slog.DiscardHandler)
	d := queue.NewDispatcher(q, map[string]queue.Handler{endpoint: s.record}, queue.NewMetrics(prometheus.NewRegistry()), log, untraced)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	running.Go(func() { pg.Listen(ctx, pg.Direct{Pool: pool}, log, d.Listener()) })
	stop = func() {
		cancel()
		running.Wait()
	}
	s.t.Cleanup(stop)
	return q, stop
}

func (s *setup) record(ctx context.Context, item queue.Item) queue.Outcome {
	begun := attempt{Item: item}
	const sql = "SELECT coalesce(attempted_at, clock_timestamp()) FROM kos_queue WHERE endpoint = $1 AND dedup_key = $2"
	if err := s.pool.QueryRow(context.Background(), sql, item.Endpoint, item.Key).Scan(&begun.claimed); err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	s.handled = append(s.handled, begun)
	s.mu.Unlock()
	return s.handle(ctx, item)
}

// items returns the handled items in the order in which their attempts began.
func (s *setup) items() []attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.handled)
}

// claims returns the keys of the handled items in the order in which they were claimed. Attempts
// of several workers may begin in another order.
func (s *setup) claims() (keys []string) {
	items := s.items()
	slices.SortFunc(items, func(a, b attempt) int { return a.claimed.Compare(b.claimed) })
	for _, item := range items {
		keys = append(keys, item.Key)
	}
	return keys
}

// keys returns the keys of the handled items in the order in which their attempts began.
func (s *setup) keys() (keys []string) {
	for _, item := range s.items() {
		keys = append(keys, item.Key)
	}
	return keys
}

// item returns a request for an item of a key.
func item(key, orderingKey string) queue.Request {
	return queue.Request{Endpoint: endpoint, Key: key, OrderingKey: orderingKey, Payload: map[string]string{"key": key}}
}

func background(r queue.Request) queue.Request {
	r.Class = queue.Background
	return r
}

// enqueue enqueues items, each in its own transaction.
func (s *setup) enqueue(requests ...queue.Request) (last queue.Ticket) {
	s.t.Helper()
	q, _ := s.replica()
	for _, r := range requests {
		ticket, err := enqueue(s.t.Context(), q, s.pool, r)
		expect.NoError(s.t, err)
		last = ticket
	}
	return last
}

func enqueue(ctx context.Context, q *queue.Queue, pool *pgxpool.Pool, r queue.Request) (ticket queue.Ticket, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
		ticket, err = q.Enqueue(ctx, tx, r)
		return err
	})
	return ticket, err
}

// elapse moves all times of rows d into the past, which is the same as advancing the clock
// of the database.
func (s *setup) elapse(d time.Duration) {
	s.t.Helper()
	for _, sql := range []string{
		`UPDATE kos_queue SET enqueued_at = enqueued_at - $1::interval, due_at = due_at - $1::interval,
		    lease_until = lease_until - $1::interval, attempted_at = attempted_at - $1::interval, failing_since = failing_since - $1::interval`,
		`UPDATE kos_outage SET until = until - $1::interval, since = since - $1::interval`,
		`UPDATE kos_budget SET full_at = full_at - $1::interval, share_at = share_at - $1::interval`,
	} {
		_, err := s.pool.Exec(s.t.Context(), sql, d)
		expect.NoError(s.t, err)
	}
	_, err := s.pool.Exec(s.t.Context(), "SELECT pg_notify('kos_queue', '')")
	expect.NoError(s.t, err)
}

func (s *setup) count(sql string) (n int) {
	s.t.Helper()
	expect.NoError(s.t, s.pool.QueryRow(s.t.Context(), sql).Scan(&n))
	return n
}

func (s *setup) eventually(what string, condition func() bool) {
	s.t.Helper()
	deadline := time.After(60 * time.Second)
	for !condition() {
		select {
		case <-deadline:
			s.t.Fatalf("not within 60 s: %s; handled %v", what, s.keys())
		case <-time.After(10 * time.Millisecond): // poll
		}
	}
}

// settled waits until the outcomes of all attempts are recorded.
func (s *setup) settled() {
	s.t.Helper()
	s.eventually("no attempt is running", func() bool { return s.count("SELECT count(*) FROM kos_queue WHERE lease_until IS NOT NULL") == 0 })
}

// empty waits until the queue is empty.
func (s *setup) empty() {
	s.t.Helper()
	s.eventually("the queue is empty", func() bool { return s.count("SELECT count(*) FROM kos_queue") == 0 })
}

func payload(t *testing.T, item queue.Item) (got map[string]string) {
	t.Helper()
	expect.NoError(t, json.Unmarshal(item.Payload, &got))
	return got
}
