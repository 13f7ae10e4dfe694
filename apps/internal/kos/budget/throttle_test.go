package budget_test

import (
	"math"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
)

// pass moves the row of a budget into the past, which is the same as advancing the clock.
func pass(t *testing.T, pool *pgxpool.Pool, d time.Duration) {
	t.Helper()
	_, err := pool.Exec(t.Context(), "UPDATE kos_budget SET full_at = full_at - $1::interval, share_at = share_at - $1::interval", d)
	if err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, budget *kosbudget.Budget) kosbudget.State {
	t.Helper()
	now, err := budget.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// given counts the calls that a budget admits within d.
func given(t *testing.T, pool *pgxpool.Pool, budget *kosbudget.Budget, d time.Duration) (calls int) {
	t.Helper()
	for gone := time.Duration(0); gone < d; {
		wait := reserve(t, budget)
		if wait == 0 {
			calls++
			continue
		}
		pass(t, pool, wait)
		gone += wait
	}
	return calls
}

func TestThrottledBudgetPausesSlowsDownAndRecovers(t *testing.T) {
	t.Parallel()
	a, b := pools(t)
	ours, theirs := kosbudget.New(a, "us", "bill-inquiry", kosbudget.PerMinute(96)), kosbudget.New(b, "us", "bill-inquiry", kosbudget.PerMinute(96))
	for range 3 { // answers to concurrent calls
		if err := ours.Throttled(t.Context(), 20*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if wait := reserve(t, theirs); wait < 19*time.Second || wait > 25*time.Second {
		t.Errorf("another replica waits %s", wait)
	}
	if now := state(t, theirs); math.Abs(now.Share-0.5) > 0.01 || now.Left != 0 || now.Wait < 19*time.Second {
		t.Errorf("after a 429: %+v", now)
	}
	pass(t, a, 20*time.Second)
	if calls := given(t, a, theirs, 30*time.Second); calls < 15 || calls > 24 {
		t.Errorf("%d calls in the half minute after, want about 21", calls)
	}
	for range 5 { // half a minute has passed already
		pass(t, a, 30*time.Second)
	}
	if now := state(t, ours); now.Share != 1 || now.Interval.Round(time.Millisecond) != ours.Interval().Round(time.Millisecond) || now.Left != 12 {
		t.Errorf("recovered: %+v", now)
	}
}

func TestRepeatedThrottlingLowersTheRateToAMinimum(t *testing.T) {
	t.Parallel()
	pool, _ := pools(t)
	budget := kosbudget.New(pool, "us", "bill-inquiry", kosbudget.PerMinute(96))
	for range 10 {
		if err := budget.Throttled(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		pass(t, pool, 11*time.Second)
	}
	now := state(t, budget)
	if now.Share > 0.06 || now.Share < 0.04 {
		t.Errorf("got %+v", now)
	}
	pass(t, pool, time.Minute)
	if reserve(t, budget) != 0 {
		t.Error("no call is admitted any more")
	}
}

func TestSpareCallsLeaveHalfOfTheBurst(t *testing.T) {
	t.Parallel()
	pool, _ := pools(t)
	budget := kosbudget.New(pool, "us", "bill-inquiry", kosbudget.PerMinute(16*8)) // 16 at once
	spare := budget.Spare()
	calls := 0
	for reserve(t, spare) == 0 {
		calls++
	}
	if calls != 8 || state(t, budget).Left != 8 {
		t.Errorf("background work got %d calls, %+v is left", calls, state(t, budget))
	}
	if wait := reserve(t, budget); wait != 0 {
		t.Errorf("interactive work waits %s", wait)
	}
	if wait := reserve(t, spare); wait <= spare.Interval() {
		t.Errorf("background work waits %s only", wait)
	}
	small := kosbudget.New(pool, "us", "small", kosbudget.PerMinute(6)) // one at once: there is nothing to halve
	if wait := reserve(t, small.Spare()); wait != 0 {
		t.Errorf("waits %s for a new budget", wait)
	}
}

func TestNewBudgetIsFull(t *testing.T) {
	t.Parallel()
	pool, _ := pools(t)
	if now := state(t, kosbudget.New(pool, "us", "new", kosbudget.PerMinute(96))); now.Left != 12 || now.Wait != 0 || now.Share != 1 {
		t.Errorf("got %+v", now)
	}
}
