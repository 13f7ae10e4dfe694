package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/cache/readthrough"
	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// capacity is the capacity of the queue for each class.
const capacity = 3

// fetches is the queue of a replica with its own database, and the fetches that it has
// worked on.
type fetches struct {
	*postgres.Queue

	t     *testing.T
	pool  *pgxpool.Pool
	items *queue.Queue
	reply func(bill.Fetch) bill.Reply

	mu      sync.Mutex
	fetched []bill.Fetch
}

func newFetches(t *testing.T, keyring *seal.Keyring) *fetches {
	t.Helper()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	name := string(bill.BillInquiry)
	items := queue.New(pool, queue.Endpoint{
		Name: name, Budget: kosbudget.New(pool, "us", name, kosbudget.PerMinute(100_000)),
		Capacity: [2]int{capacity, capacity}, Workers: 1, Timeout: 5 * time.Second, GiveUpAfter: 10 * time.Minute,
	})
	return &fetches{Queue: postgres.NewQueue(pool, items, keyring, uuid.NewString), t: t, pool: pool, items: items, reply: answered}
}

// answered returns a bill of the customer of the tests.
func answered(f bill.Fetch) bill.Reply {
	return bill.Reply{
		CustomerID: holder.ID,
		Bill:       bill.Bill{Line: f.Line, Month: f.Month, Customer: holder, Charges: bill.Charges{Total: 87_654}},
	}
}

// start runs a dispatcher until the test ends.
func (f *fetches) start() {
	f.t.Helper()
	work := func(_ context.Context, fetch bill.Fetch) bill.Reply {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.fetched = append(f.fetched, fetch)
		return f.reply(fetch)
	}
	registry := prometheus.NewRegistry()
	handler := f.Handler(work, metrics.New(registry), time.Now)
	log := slog.New(slog.DiscardHandler)
	d := queue.NewDispatcher(f.items, map[string]queue.Handler{string(bill.BillInquiry): handler}, queue.NewMetrics(registry), log, noop.NewTracerProvider().Tracer(""))
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	running.Go(func() { pg.Listen(ctx, pg.Direct{Pool: f.pool}, log, d.Listener()) })
	f.t.Cleanup(func() { stop(); running.Wait() })
}

func (f *fetches) seen() []bill.Fetch {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.fetched)
}

// empty waits until the queue is empty.
func (f *fetches) empty() {
	f.t.Helper()
	deadline := time.After(30 * time.Second)
	for number(f.t, f.pool, "SELECT count(*) FROM kos_queue") > 0 {
		select {
		case <-deadline:
			f.t.Fatalf("not empty within 30 s; fetched %+v", f.seen())
		case <-time.After(10 * time.Millisecond): // poll
		}
	}
}

// enqueue enqueues an inquiry of a customer.
func (f *fetches) enqueue(line msisdn.Number, customer string) bill.Record {
	f.t.Helper()
	r := waiting(line)
	r.Customer = customer
	if _, err := f.EnqueueInquiry(f.t.Context(), r); err != nil {
		f.t.Fatal(err)
	}
	return r
}

func number(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) (n int) {
	t.Helper()
	if err := pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func waiting(line msisdn.Number) bill.Record {
	return bill.Record{
		RequestID: uuid.Must(uuid.NewV7()).String(), UserID: "testuser01", Customer: holder.ID, Line: line, Month: "2026-11",
		Status: bill.Processing, RequestedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
}

const rows = "SELECT (SELECT count(*) FROM kos_queue) + (SELECT count(*) FROM waiting_inquiry)"

func TestInquiryAndItemAreStoredTogether(t *testing.T) {
	t.Parallel()
	f := newFetches(t, sealtest.Keyring(t))
	r := f.enqueue(line, holder.ID)
	if n := number(t, f.pool, "SELECT count(*) FROM inquiry_request WHERE status = 'PROCESSING'"); n != 1 {
		t.Errorf("%d records", n)
	}
	standing, err := f.InquiryStanding(t.Context(), r.RequestID)
	if err != nil || standing.Ahead != 0 || standing.Claimed || standing.Unavailable || standing.Estimate <= 0 {
		t.Errorf("stands at %+v, %v", standing, err)
	}
	f.start()
	f.empty()
	want := []bill.Fetch{{Subject: bill.Subject{Line: line, Month: "2026-11"}, Customers: []string{holder.ID}, RequestID: r.RequestID}}
	if diff := cmp.Diff(want, f.seen()); diff != "" {
		t.Error(diff)
	}
	if n := number(t, f.pool, "SELECT count(*) FROM inquiry_request WHERE status = 'COMPLETED' AND result_code = '0000'"); n != 1 {
		t.Error("the record is not completed")
	}
	if n := number(t, f.pool, rows); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if _, err := f.InquiryStanding(t.Context(), r.RequestID); !errors.Is(err, bill.ErrNotQueued) {
		t.Errorf("after the end: %v", err)
	}
	expectNoPrivateText(t, f.pool)
}

func TestInquiryIsQueuedWithoutAnEstimate(t *testing.T) {
	t.Parallel()
	f := newFetches(t, sealtest.Keyring(t))
	exec(t, f.pool, "DROP TABLE kos_budget")
	standing, err := f.EnqueueInquiry(t.Context(), waiting(line))
	if err != nil || standing.Estimate <= 0 || number(t, f.pool, "SELECT count(*) FROM waiting_inquiry") != 1 {
		t.Errorf("got %+v, %v", standing, err)
	}
}

func TestFailedEnqueueStoresNothing(t *testing.T) {
	t.Parallel()
	t.Run("without keys", func(t *testing.T) {
		t.Parallel()
		f := newFetches(t, sealtest.NewStore("").Keyring())
		if _, err := f.EnqueueInquiry(t.Context(), waiting(line)); !errors.Is(err, bill.ErrDatabase) {
			t.Errorf("got %v", err)
		}
		if n := number(t, f.pool, rows); n != 0 {
			t.Errorf("%d rows are left", n)
		}
	})
	t.Run("into a full queue", func(t *testing.T) {
		t.Parallel()
		f := newFetches(t, sealtest.Keyring(t))
		for _, own := range []msisdn.Number{"01070000001", "01070000002", "01070000003"} {
			f.enqueue(own, holder.ID)
		}
		if _, err := f.EnqueueInquiry(t.Context(), waiting(line)); !errors.Is(err, readthrough.ErrFull) {
			t.Errorf("got %v", err)
		}
		if added, err := f.Prefetch(t.Context(), waiting(line).Query(), bill.ReasonLogin); err != nil || !added {
			t.Errorf("the background has a capacity of its own: added %t, %v", added, err)
		}
		if n := number(t, f.pool, "SELECT count(*) FROM inquiry_request"); n != 3 {
			t.Errorf("%d records", n)
		}
	})
}

// TestEachCustomerOfALineGetsItsOwnAnswer enqueues inquiries of the former and the new
// customer of a line. One call of KOS answers both.
func TestEachCustomerOfALineGetsItsOwnAnswer(t *testing.T) {
	t.Parallel()
	f := newFetches(t, sealtest.Keyring(t))
	want := map[string]string{}
	for customer, code := range map[string]string{holder.ID: "0000", "CUST900": "LINE_MOVED"} {
		want[f.enqueue(line, customer).RequestID] = code
		want[f.enqueue(line, customer).RequestID] = code
	}
	f.start()
	f.empty()
	if fetched := f.seen(); len(fetched) != 1 || !slices.Equal(fetched[0].Customers, []string{holder.ID, "CUST900"}) {
		t.Errorf("fetched %+v", fetched)
	}
	for id, code := range want {
		if n := number(t, f.pool, "SELECT count(*) FROM inquiry_request WHERE request_id = $1 AND result_code = $2", id, code); n != 1 {
			t.Errorf("%s did not end with %s", id, code)
		}
	}
}

func TestOutcomeOfAFetchFollowsTheAnswer(t *testing.T) {
	t.Parallel()
	outage := errors.Join(bill.ErrUnavailable, errors.New("timeout"))
	for name, c := range map[string]struct {
		err      error
		ends     bool
		callable bool
		stays    string // condition of the item's row
	}{
		"an answer":  {nil, true, true, ""},
		"a refusal":  {bill.ErrNoBill, true, true, ""},
		"no answer":  {outage, false, true, "unanswered = 1 AND due_at > clock_timestamp()"},
		"not called": {errors.Join(outage, bill.ErrNotCalled), false, false, "unanswered = 0 AND due_at <= clock_timestamp()"},
		"throttled":  {errors.Join(outage, bill.ErrThrottled), false, true, "unanswered = 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFetches(t, sealtest.Keyring(t))
			f.reply = func(fetch bill.Fetch) bill.Reply {
				reply := answered(fetch)
				reply.Err = c.err
				return reply
			}
			f.enqueue(line, holder.ID)
			changed, stop := f.Await(waiting(line).Query())
			defer stop()
			f.start()
			<-changed // listening has begun
			if c.ends {
				f.empty()
				return
			}
			deadline := time.After(30 * time.Second)
			for len(f.seen()) == 0 || number(t, f.pool, "SELECT count(*) FROM kos_queue WHERE (lease_until IS NULL OR claims > 1) AND "+c.stays) != 1 {
				select {
				case <-deadline:
					t.Fatal("the item is not in the wanted state")
				case <-time.After(5 * time.Millisecond): // poll
				}
			}
			if callable, err := f.Callable(t.Context(), waiting(line).Query()); callable != c.callable || err != nil {
				t.Errorf("callable: %t, %v", callable, err)
			}
		})
	}
}

func TestGivenUpFetchFailsItsInquiries(t *testing.T) {
	t.Parallel()
	f := newFetches(t, sealtest.Keyring(t))
	f.enqueue(line, holder.ID)
	exec(t, f.pool, "UPDATE kos_queue SET failing_since = clock_timestamp() - interval '11 minutes', due_at = clock_timestamp() + interval '1 minute'")
	f.start()
	f.empty()
	if n := number(t, f.pool, "SELECT count(*) FROM inquiry_request WHERE status = 'FAILED' AND result_code = 'KOS_UNAVAILABLE'"); n != 1 || len(f.seen()) != 0 {
		t.Errorf("%d inquiries failed, KOS was called %d times", n, len(f.seen()))
	}
}
