// Package budget shares KOS's rate limits among all replicas of a service. Admission of a
// call is one statement on a row of the service's database: the generic cell rate algorithm
// (GCRA), on the database's clock.
//
// The row also holds a lowered rate: after a 429 of KOS all replicas slow down at once, and
// recover step by step.
package budget

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Table creates the table of budgets. The migrations of a service must contain it.
const Table = `
CREATE TABLE kos_budget (
    client   text        NOT NULL,
    endpoint text        NOT NULL,
    full_at  timestamptz NOT NULL, -- when all taken calls are given back
    share    float8      NOT NULL DEFAULT 1,       -- part of the configured rate in use
    share_at timestamptz NOT NULL DEFAULT 'epoch', -- from then on the share grows
    PRIMARY KEY (client, endpoint)
);`

// Limit is the rate limit of an endpoint, for all replicas together.
type Limit struct {
	// PerMinute is never exceeded within any 60 s.
	PerMinute int
	// Burst is how many of these may be made at once. Calls are given back at a rate of
	// PerMinute-Burst, because a burst may come right before a busy minute. A small burst
	// drains a long queue faster; a large one admits more concurrent calls at once.
	Burst int
}

// PerMinute returns a limit of n calls a minute, an eighth of them at once.
func PerMinute(n int) Limit { return Limit{PerMinute: n, Burst: max(1, n/8)} }

// interval is the time between calls once the burst is spent.
func (l Limit) interval() time.Duration {
	return time.Minute / time.Duration(max(1, l.PerMinute-l.Burst))
}

// spareBurst is the part of the burst that background work may use. The rest is for
// interactive work.
const spareBurst = 0.5

// Budget admits calls of one endpoint of KOS.
type Budget struct {
	db       Querier
	client   string
	endpoint string
	interval time.Duration // in which one call is given back
	burst    time.Duration // what may be taken in advance, in intervals
	part     float64       // of the burst
	// throttled counts the 429 answers of KOS; nil if they are not measured.
	throttled prometheus.Counter
}

// Querier is a pool, a connection or a transaction.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

var _ Querier = (*pgxpool.Pool)(nil)

// New returns the budget of an endpoint for a client. Replicas share it through one
// database.
func New(db Querier, client, endpoint string, limit Limit) *Budget {
	interval := limit.interval()
	return &Budget{
		db: db, client: client, endpoint: endpoint,
		interval: interval, burst: time.Duration(max(1, limit.Burst)) * interval, part: 1,
	}
}

// Spare returns a view of the budget for background work. It admits a call only if half of
// the burst stays for others; with a burst of one call, only if the budget is full.
func (b *Budget) Spare() *Budget {
	spare := *b
	spare.part = spareBurst
	return &spare
}

// Interval returns the time between calls once the burst is spent, at the configured
// rate.
func (b *Budget) Interval() time.Duration { return b.interval }

// A lowered rate grows by a tenth of the configured rate each half minute. These are parts
// of statements in which budget is the row, $3 the interval and $4 what may be taken in
// advance.
const (
	share    = `least(1, budget.share + 0.1 * greatest(0, floor(extract(epoch FROM clock_timestamp() - budget.share_at)::float8 / 30)))`
	interval = `($3::interval / ` + share + `)`
	bound    = `greatest($4::interval, ` + interval + `)`
)

// A call is admitted if no more than the burst is taken with it. Otherwise the statement
// returns an estimate of when it will be, at least 1 ms: other calls may come before, even
// before the very first one.
const reserve = `
WITH given AS (
    INSERT INTO kos_budget AS budget (client, endpoint, full_at)
    VALUES ($1, $2, clock_timestamp() + $3)
    ON CONFLICT (client, endpoint) DO UPDATE
    SET full_at = greatest(budget.full_at, clock_timestamp()) + ` + interval + `
    WHERE budget.full_at + ` + interval + ` <= clock_timestamp() + ` + bound + `
    RETURNING full_at
)
SELECT CASE WHEN EXISTS (SELECT FROM given) THEN interval '0' ELSE greatest(interval '1 ms',
    (SELECT budget.full_at + ` + interval + ` - ` + bound + ` - clock_timestamp()
     FROM kos_budget AS budget WHERE client = $1 AND endpoint = $2)) END`

// Reserve takes one call from the budget. If wait is 0, the call is admitted. Otherwise
// nothing was taken, and no call is admitted before wait has passed.
func (b *Budget) Reserve(ctx context.Context) (wait time.Duration, err error) {
	return b.ReserveIn(ctx, b.db)
}

// ReserveIn is Reserve in a transaction. A rollback gives the call back. Until the
// transaction ends, other reservations wait.
func (b *Budget) ReserveIn(ctx context.Context, tx Querier) (wait time.Duration, err error) {
	err = tx.QueryRow(ctx, reserve, b.client, b.endpoint, b.interval, b.advance()).Scan(&wait)
	if err != nil {
		return 0, fmt.Errorf("kos budget %s: %w", b.endpoint, err)
	}
	return wait, nil
}

// advance is how much may be taken in advance.
func (b *Budget) advance() time.Duration { return time.Duration(float64(b.burst) * b.part) }

// Await waits for the admission of a call, for longest at most. It returns a positive wait,
// as Reserve does, as soon as no call will be admitted within that time.
func (b *Budget) Await(ctx context.Context, longest time.Duration) (wait time.Duration, err error) {
	for waited := time.Duration(0); ; waited += wait {
		wait, err = b.Reserve(ctx)
		if err != nil || wait == 0 || waited+wait > longest {
			return wait, err
		}
		select {
		case <-ctx.Done():
			return wait, ctx.Err()
		case <-time.After(wait):
		}
	}
}
