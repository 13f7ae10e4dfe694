package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/jobs"
	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/outbox"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plenty is a rate limit that no test reaches.
const plenty = 100_000

// store is one replica's view of a database.
type store struct {
	keys    *sealtest.Store
	pool    *pgxpool.Pool
	queue   *queue.Queue
	changes *postgres.Changes
	history *postgres.History
	archive *postgres.Archive
}

// newStore returns a replica with a database of its own.
func newStore(t *testing.T, perMinute int) store {
	t.Helper()
	river := pgtest.Step{Name: jobs.Version, Apply: jobs.Migrate}
	return replica(t, pgtest.New(t, postgres.Migrations(), river).Pool, sealtest.NewStore(sealtest.Keyset(t)), perMinute)
}

// replica returns a replica over a pool, with a keyset.
func replica(t *testing.T, pool *pgxpool.Pool, keys *sealtest.Store, perMinute int) store {
	t.Helper()
	jobs, err := outbox.NewJobs(pool, slog.New(slog.DiscardHandler), noop.NewTracerProvider().Tracer(""), time.Now)
	expect.NoError(t, err)
	q := newQueue(pool, perMinute)
	return store{
		keys: keys, pool: pool, queue: q, changes: postgres.NewChanges(pool, q, jobs), history: postgres.NewHistory(pool, q),
		archive: postgres.NewArchive(pool, keys.Keyring()),
	}
}

// twin returns another replica with connections of its own.
func (s store) twin(t *testing.T, perMinute int) store {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(t.Context(), s.pool.Config())
	expect.NoError(t, err)
	t.Cleanup(pool.Close)
	return replica(t, pool, s.keys, perMinute)
}

// number returns the n-th line of the tests.
func number(i int) msisdn.Number { return msisdn.Number(fmt.Sprintf("0107%07d", i)) }

var target = product.Product{
	Code: "LTE-BASIC-001", Name: "LTE 베이직", MonthlyFee: 39_000,
	Data: "20GB", Voice: "무제한", SMS: "기본 제공", Operator: "KT", OnSale: true,
}

// asked returns a change that is requested now.
func asked(t *testing.T, line msisdn.Number) change.Change {
	t.Helper()
	id, err := uuid.NewV7()
	expect.NoError(t, err)
	return change.Change{
		RequestID: id.String(), UserID: "testuser01", CustomerID: "CUST001", Line: line,
		CurrentCode: "5G-PREMIUM-001", CurrentName: "5G 프리미엄", Target: target,
		Status: change.Pending, RequestedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
}

// newQueue returns the queue of changes and of fetches of subscribers, with short attempts.
func newQueue(pool *pgxpool.Pool, perMinute int) *queue.Queue {
	endpoint := func(name string) queue.Endpoint {
		return queue.Endpoint{
			Name: name, Budget: kosbudget.New(pool, "us", name, kosbudget.PerMinute(perMinute)),
			Workers: 8, Timeout: 2 * time.Second, GiveUpAfter: 24 * time.Hour,
		}
	}
	return queue.New(pool, endpoint(postgres.Endpoint), endpoint(postgres.SubscriberEndpoint))
}

// accepted returns a queued change.
func (s store) accepted(t *testing.T, line msisdn.Number) change.Change {
	t.Helper()
	c := asked(t, line)
	_, version, err := s.archive.Subscriber(t.Context(), line)
	if !errors.Is(err, product.ErrNotArchived) {
		expect.NoError(t, err)
	}
	expect.NoError(t, s.changes.Accept(t.Context(), c, change.Key{}, version))
	return c
}

// load returns a change from the history.
func (s store) load(t *testing.T, c change.Change) change.Change {
	t.Helper()
	found, err := s.history.Find(t.Context(), c.UserID, c.RequestID)
	expect.NoError(t, err)
	return found
}

// end ends a change and its queue item, and reports whether it was not final before.
func (s store) end(ctx context.Context, c change.Change, o change.Outcome) (ended bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if _, err := tx.Exec(ctx, "DELETE FROM kos_queue WHERE endpoint = 'product-change' AND dedup_key = $1", c.Line.Digits()); err != nil {
			return err
		}
		ended, err = s.changes.End(ctx, tx, c, o)
		return err
	})
	return ended, err
}

func (s store) finish(t *testing.T, c change.Change, status change.Status) {
	t.Helper()
	ended, err := s.end(t.Context(), c, outcome(status))
	expect.NoError(t, err)
	if !ended {
		t.Fatal("was final already")
	}
}

func outcome(status change.Status) change.Outcome {
	o := change.Outcome{Status: status, ResultCode: change.OK, ResultMessage: "정상 처리", At: time.Now().UTC().Truncate(time.Microsecond)}
	if status == change.Failed {
		o.ResultCode, o.ResultMessage = "2099", "처리되지 않았습니다."
	}
	return o
}

// count returns the count of a query.
func (s store) count(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	expect.NoError(t, s.pool.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}
