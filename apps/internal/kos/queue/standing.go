package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Reason is why an item waits.
type Reason string

// The reasons.
const (
	NotWaiting  Reason = ""            // the item is claimed, or will be at once
	Behind      Reason = "behind"      // others come first
	Limited     Reason = "limited"     // the budget is spent
	Throttling  Reason = "throttling"  // the budget is spent, and lowered after a 429
	Unavailable Reason = "unavailable" // the item is set aside, or the endpoint has an outage
)

// Standing is the position of an item.
type Standing struct {
	// Ahead is how many items come before it, at most deepest.
	Ahead int
	// Claimed reports whether a worker has claimed it.
	Claimed bool
	// Estimate is how long the answer of KOS will probably take.
	Estimate time.Duration
	Reason   Reason
}

// deepest bounds the count of items ahead.
const deepest = "5000"

// callTime is the usual duration of a call.
const callTime = 500 * time.Millisecond

// An outage is expected to last as long again as it has lasted, up to a minute: a circuit
// breaker may hide its end for that long.
const findStanding = `
SELECT coalesce(mine.lease_until > clock_timestamp(), false),
       (SELECT count(*) FROM (
            SELECT FROM kos_queue other
            WHERE other.endpoint = mine.endpoint
              AND (other.class, other.round, other.position) < (mine.class, mine.round, mine.position)
              AND ` + otherReady + `
            LIMIT ` + deepest + `) AS ahead),
       greatest(interval '0', mine.due_at - clock_timestamp(),
            (SELECT greatest(outage.until - clock_timestamp(), least(clock_timestamp() - outage.since, interval '1 minute'))
             FROM kos_outage outage WHERE outage.endpoint = mine.endpoint AND ` + sustained + `))
FROM kos_queue mine
WHERE mine.endpoint = $1 AND mine.dedup_key = $2`

// Standing returns the position of the item of a key, or ErrNotQueued.
func (q *Queue) Standing(ctx context.Context, endpoint, key string) (Standing, error) {
	var (
		s     Standing
		aside time.Duration // set aside, or through an outage
	)
	err := q.pool.QueryRow(ctx, findStanding, endpoint, key).Scan(&s.Claimed, &s.Ahead, &aside)
	if errors.Is(err, pgx.ErrNoRows) {
		return Standing{}, ErrNotQueued
	}
	if err != nil {
		return Standing{}, fmt.Errorf("kos queue: %w", err)
	}
	if s.Claimed {
		s.Ahead, s.Estimate = 0, callTime
		return s, nil
	}
	budget, err := q.endpoints[endpoint].Budget.State(ctx)
	if err != nil {
		return Standing{}, fmt.Errorf("kos queue: %w", err)
	}
	spaced := max(0, s.Ahead-max(0, budget.Left-1)) // the other items are admitted at once
	s.Estimate = max(aside, budget.Wait) + time.Duration(spaced)*budget.Interval + callTime
	switch {
	case aside > 0:
		s.Reason = Unavailable
	case budget.Wait > 0 && budget.Share < 1:
		s.Reason = Throttling
	case s.Ahead > 0:
		s.Reason = Behind
	case budget.Wait > 0:
		s.Reason = Limited
	}
	return s, nil
}

// For 5 s after an outage's time is over, due interactive items probe whether it has ended.
const findCallable = `
SELECT NOT EXISTS (
    SELECT FROM kos_outage
    WHERE endpoint = $1 AND since IS NOT NULL AND (until > clock_timestamp()
        OR until > clock_timestamp() - interval '5 seconds'
           AND EXISTS (SELECT FROM kos_queue WHERE endpoint = $1 AND class = 0 AND ` + ready + `)))`

// Callable reports whether an endpoint can be called. It is false during an outage: items
// that are enqueued then wait for its end.
func (q *Queue) Callable(ctx context.Context, endpoint string) (callable bool, err error) {
	if err := q.pool.QueryRow(ctx, findCallable, endpoint).Scan(&callable); err != nil {
		return false, fmt.Errorf("kos queue: %w", err)
	}
	return callable, nil
}

const findReady = `SELECT EXISTS (SELECT FROM kos_queue WHERE endpoint = $1 AND class = 0 AND ` + ready + `)`

// Busy reports whether an item that is enqueued now would wait: interactive items are
// ahead of it, or the budget is spent.
func (q *Queue) Busy(ctx context.Context, endpoint string) (busy bool, err error) {
	if err := q.pool.QueryRow(ctx, findReady, endpoint).Scan(&busy); err != nil {
		return false, fmt.Errorf("kos queue: %w", err)
	}
	if busy {
		return true, nil
	}
	state, err := q.endpoints[endpoint].Budget.State(ctx)
	if err != nil {
		return false, fmt.Errorf("kos queue: %w", err)
	}
	return state.Wait > 0, nil
}

// Count is the number of items of an endpoint and class.
type Count struct {
	Endpoint string
	Class    Class
	Items    int
	Oldest   time.Duration // age of the oldest
}

const countItems = `
SELECT endpoint, class, count(*), clock_timestamp() - min(enqueued_at)
FROM kos_queue
GROUP BY endpoint, class`

// Counts returns the number of items, claimed ones included.
func (q *Queue) Counts(ctx context.Context) ([]Count, error) {
	rows, err := q.pool.Query(ctx, countItems)
	if err != nil {
		return nil, fmt.Errorf("count items: %w", err)
	}
	counts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Count, err error) {
		var class int
		err = row.Scan(&c.Endpoint, &class, &c.Items, &c.Oldest)
		c.Class = Class(class)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("count items: %w", err)
	}
	return counts, nil
}
