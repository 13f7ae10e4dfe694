package budget_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

var migrations = fstest.MapFS{"001_budget.sql": {Data: []byte(kosbudget.Table)}}

// pools returns the pools of two replicas of one database.
func pools(t *testing.T) (a, b *pgxpool.Pool) {
	t.Helper()
	a = pgtest.New(t, migrations).Pool
	b, err := pgxpool.NewWithConfig(t.Context(), a.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return a, b
}

func reserve(t *testing.T, budget *kosbudget.Budget) time.Duration {
	t.Helper()
	wait, err := budget.Reserve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return wait
}

func TestLimitIsExactOverReplicas(t *testing.T) {
	t.Parallel()
	a, b := pools(t)
	const perMinute, burst, reservers = 16, 2, 100
	var given atomic.Int32
	var group sync.WaitGroup
	for i := range reservers {
		pool := []*pgxpool.Pool{a, b}[i%2]
		group.Go(func() {
			wait, err := kosbudget.New(pool, "us", "product-change", kosbudget.PerMinute(perMinute)).Reserve(context.Background())
			if err != nil {
				t.Error(err)
			}
			if wait == 0 {
				given.Add(1)
			}
		})
	}
	group.Wait()
	// The next call would be admitted after 60 s / 14, long after this test.
	if given.Load() != burst {
		t.Errorf("%d of %d reservations were admitted, want %d", given.Load(), reservers, burst)
	}
}

// No window of a minute has more calls than the limit. Moving the row into the past is the
// same as advancing the clock of the database.
func TestLimitHoldsInEveryMinute(t *testing.T) {
	t.Parallel()
	for _, perMinute := range []int{2, 7, 48, 96, 190} {
		t.Run(fmt.Sprint(perMinute), func(t *testing.T) {
			t.Parallel()
			pool, _ := pools(t)
			budget := kosbudget.New(pool, "us", "products", kosbudget.PerMinute(perMinute))
			var calls []time.Duration // times of admission
			var clock time.Duration
			for clock < 3*time.Minute {
				wait := reserve(t, budget)
				if wait == 0 {
					calls = append(calls, clock)
					continue
				}
				clock += wait
				if _, err := pool.Exec(t.Context(), "UPDATE kos_budget SET full_at = full_at - $1::interval", wait); err != nil {
					t.Fatal(err)
				}
			}
			for i := range calls {
				// The statements take time, in which the budget recovers a little.
				if end := i + perMinute; end < len(calls) && calls[end]-calls[i] < time.Minute-5*time.Second {
					t.Errorf("%d calls within %s", perMinute+1, calls[end]-calls[i])
				}
			}
			if steady := perMinute * 3 * 3 / 4; len(calls) < steady {
				t.Errorf("only %d calls in three minutes: the budget is not used", len(calls))
			}
		})
	}
}

func TestReserveReturnsTheWait(t *testing.T) {
	t.Parallel()
	pool, _ := pools(t)
	budget := kosbudget.New(pool, "us", "product-change", kosbudget.PerMinute(6)) // one at once, then one in 12 s
	if wait := reserve(t, budget); wait != 0 {
		t.Fatalf("the first had to wait %s", wait)
	}
	if wait := reserve(t, budget); wait <= 10*time.Second || wait > budget.Interval() {
		t.Errorf("the second is to wait %s, calls come back every %s", wait, budget.Interval())
	}
}

func TestBudgetsAreIndependent(t *testing.T) {
	t.Parallel()
	pool, _ := pools(t)
	for _, budget := range []*kosbudget.Budget{
		kosbudget.New(pool, "us", "product-change", kosbudget.PerMinute(6)), kosbudget.New(pool, "us", "products", kosbudget.PerMinute(6)),
		kosbudget.New(pool, "them", "product-change", kosbudget.PerMinute(6)),
	} {
		if wait := reserve(t, budget); wait != 0 {
			t.Errorf("waits %s for calls of another budget", wait)
		}
	}
}

func TestRollbackReturnsTheCall(t *testing.T) {
	t.Parallel()
	pool, _ := pools(t)
	budget := kosbudget.New(pool, "us", "product-change", kosbudget.PerMinute(6))
	for range 3 {
		tx, err := pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if wait, err := budget.ReserveIn(t.Context(), tx); wait != 0 || err != nil {
			t.Errorf("got %s, %v", wait, err)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	pool, _ := pools(t)
	quick := kosbudget.New(pool, "us", "quick", kosbudget.PerMinute(1200)) // 150 at once, then one in 57 ms
	for reserve(t, quick) == 0 {                                           // spend the burst
	}
	if wait, err := quick.Await(t.Context(), time.Minute); wait != 0 || err != nil {
		t.Errorf("got %s, %v", wait, err)
	}
	slow := kosbudget.New(pool, "us", "slow", kosbudget.PerMinute(2))
	reserve(t, slow)
	if wait, err := slow.Await(t.Context(), time.Second); wait < 30*time.Second || err != nil {
		t.Errorf("got %s, %v", wait, err)
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := slow.Await(ctx, time.Hour); err == nil {
		t.Error("waited after the end of the context")
	}
}

func TestDatabaseUnavailable(t *testing.T) {
	t.Parallel()
	budget := kosbudget.New(away{}, "us", "product-change", kosbudget.PerMinute(6))
	if wait, err := budget.Reserve(t.Context()); err == nil || wait != 0 {
		t.Errorf("got %s, %v", wait, err)
	}
	if err := budget.Throttled(t.Context(), time.Second); !errors.Is(err, errAway) {
		t.Errorf("got %v", err)
	}
	if _, err := budget.State(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("got %v", err)
	}
}

type away struct{}

func (away) QueryRow(context.Context, string, ...any) pgx.Row { return away{} }

func (away) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, errAway
}

func (away) Scan(...any) error { return errAway }

var errAway = errors.New("connection refused")
