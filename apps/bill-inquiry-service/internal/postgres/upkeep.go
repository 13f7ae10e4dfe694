package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
)

// What waits and has no live job is seen to by nobody. The job's arguments are
// River's, its kind and the name of the field are package queue's.
const findStalled = `
SELECT f.fetch_id, f.endpoint, f.class
FROM waiting_fetch f
WHERE NOT EXISTS (
    SELECT FROM river_job j
    WHERE j.kind = $1 AND j.args @> jsonb_build_object('fetchId', f.fetch_id)
      AND j.state IN ('available', 'pending', 'retryable', 'running', 'scheduled'))
ORDER BY f.class, f.round, f.place
LIMIT 1000`

type stalled struct {
	id       int64
	endpoint string
	class    int
}

// Requeue has questions seen to that have no live job of that kind. It returns
// how many there were.
func (q *Queue) Requeue(ctx context.Context, kind string) (int, error) {
	found := 0
	err := pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, findStalled, kind)
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s stalled, err error) {
			return s, row.Scan(&s.id, &s.endpoint, &s.class)
		})
		if err != nil {
			return err
		}
		for _, one := range all {
			if err := q.jobs.Fetch(ctx, tx, bill.Endpoint(one.endpoint), bill.Class(one.class), one.id); err != nil {
				return err
			}
		}
		found = len(all)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("requeue questions: %w", err)
	}
	return found, nil
}

const findHopeless = `
SELECT ` + wishColumns + `
FROM waiting_fetch f
LEFT JOIN resting_endpoint resting USING (endpoint)
WHERE (taken_until IS NULL OR taken_until < clock_timestamp())
  AND (failing_since < clock_timestamp() - $1::interval
       OR since < clock_timestamp() - $1::interval AND resting.away_since < clock_timestamp() - $1::interval AND ` + goesOn + `)
LIMIT 1000`

// Hopeless returns questions that KOS has left without an answer for so long, or
// that came that long ago and could not be asked since.
func (q *Queue) Hopeless(ctx context.Context, limit time.Duration) ([]bill.Turn, error) {
	rows, err := q.pool.Query(ctx, findHopeless, limit)
	if err != nil {
		return nil, fmt.Errorf("find what to give up: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanTurn)
	if err != nil {
		return nil, fmt.Errorf("find what to give up: %w", err)
	}
	return found, nil
}

// Waiting is how many questions of a class wait for an endpoint.
type Waiting struct {
	Endpoint bill.Endpoint
	Class    bill.Class
	Count    int
	Oldest   time.Duration // since it came
}

const countWaiting = `
SELECT endpoint, class, count(*), clock_timestamp() - min(since)
FROM waiting_fetch
GROUP BY endpoint, class`

// Waiting returns what waits.
func (q *Queue) Waiting(ctx context.Context) ([]Waiting, error) {
	rows, err := q.pool.Query(ctx, countWaiting)
	if err != nil {
		return nil, fmt.Errorf("count what waits: %w", err)
	}
	waiting, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w Waiting, err error) {
		var class int
		err = row.Scan((*string)(&w.Endpoint), &class, &w.Count, &w.Oldest)
		w.Class = bill.Class(class)
		return w, err
	})
	if err != nil {
		return nil, fmt.Errorf("count what waits: %w", err)
	}
	return waiting, nil
}
