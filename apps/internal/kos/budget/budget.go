// Package budget shares KOS's limits among all replicas of a service: who
// wants to call KOS first takes the right to do so from a row of the service's
// database. It is the generic cell rate algorithm (GCRA) in one statement, on
// the database's clock.
//
// Should KOS allow less than was agreed, the row keeps that too: all replicas
// slow down at once, and come back step by step.
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

// Table is what the service's migrations must have created.
const Table = `
CREATE TABLE kos_budget (
    client   text        NOT NULL,
    endpoint text        NOT NULL,
    full_at  timestamptz NOT NULL, -- when nothing will be taken any more
    share    float8      NOT NULL DEFAULT 1,       -- of the agreed rate that KOS allows
    share_at timestamptz NOT NULL DEFAULT 'epoch', -- from then on the share grows
    PRIMARY KEY (client, endpoint)
);`

// Limit is how often all replicas together may call an endpoint.
type Limit struct {
	// PerMinute is never exceeded within any 60 s.
	PerMinute int
	// Burst is how many of these may be made at once. Calls come back at a rate
	// of PerMinute-Burst, since a burst may come right before a busy minute: a
	// small one lets a long line move faster, a large one lets more callers
	// through who come together to a budget that is full.
	Burst int
}

// PerMinute returns a limit of n calls a minute, an eighth of them at once.
func PerMinute(n int) Limit { return Limit{PerMinute: n, Burst: max(1, n/8)} }

// interval is how far apart calls are once the burst is spent.
func (l Limit) interval() time.Duration {
	return time.Minute / time.Duration(max(1, l.PerMinute-l.Burst))
}

// spareBurst is the part of the burst that background work may use: the rest is
// left for whoever comes next and waits for the answer.
const spareBurst = 0.5

// Budget is the right to call one endpoint of KOS.
type Budget struct {
	db       Querier
	client   string
	endpoint string
	interval time.Duration // a call is given back in this time
	burst    time.Duration // what may be taken in advance, in intervals
	part     float64       // of the burst
	// throttled counts KOS's refusals, if that is measured.
	throttled prometheus.Counter
}

// Querier is a pool, a connection or a transaction.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

var _ Querier = (*pgxpool.Pool)(nil)

// New returns the budget of an endpoint for a client. Replicas share it by using
// one database.
func New(db Querier, client, endpoint string, limit Limit) *Budget {
	interval := limit.interval()
	return &Budget{
		db: db, client: client, endpoint: endpoint,
		interval: interval, burst: time.Duration(max(1, limit.Burst)) * interval, part: 1,
	}
}

// Spare returns the same budget for work that nobody waits for: it gives no
// call unless half of the burst, or all that there is, stays for others.
func (b *Budget) Spare() *Budget {
	spare := *b
	spare.part = spareBurst
	return &spare
}

// Interval returns how far apart calls are once the burst is spent, as long as
// KOS allows what was agreed.
func (b *Budget) Interval() time.Duration { return b.interval }

// What KOS allows grows by a tenth of the agreed rate each half minute. These
// are parts of statements in which the row is called budget, $3 is the interval
// and $4 what may be taken in advance.
const (
	share    = `least(1, budget.share + 0.1 * greatest(0, floor(extract(epoch FROM clock_timestamp() - budget.share_at)::float8 / 30)))`
	interval = `($3::interval / ` + share + `)`
	bound    = `greatest($4::interval, ` + interval + `)`
)

// A call may be made if, after it, no more than the burst is taken. Who may not
// is told when that will be, as far as can be seen: others may have come between,
// even with the very first call, so it is always a little later.
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

// Reserve takes one call from the budget. If wait is 0 the call may be made
// now; else nothing was taken, and there is nothing to be had before wait has
// passed.
func (b *Budget) Reserve(ctx context.Context) (wait time.Duration, err error) {
	return b.ReserveIn(ctx, b.db)
}

// ReserveIn is Reserve within a transaction: what it took is given back by a
// rollback. Until the transaction ends, others who want to reserve wait.
func (b *Budget) ReserveIn(ctx context.Context, tx Querier) (wait time.Duration, err error) {
	err = tx.QueryRow(ctx, reserve, b.client, b.endpoint, b.interval, b.advance()).Scan(&wait)
	if err != nil {
		return 0, fmt.Errorf("kos budget %s: %w", b.endpoint, err)
	}
	return wait, nil
}

// advance is what may be taken in advance.
func (b *Budget) advance() time.Duration { return time.Duration(float64(b.burst) * b.part) }

// Await is Reserve for those who can wait: for longest at most. It returns what
// Reserve would, once nothing can be had within that time.
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
