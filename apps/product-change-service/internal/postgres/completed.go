package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

// A change whose job is lost, given up or was never there is processed by
// nobody, and looked for here. The job's arguments are River's, its kind and
// the name of the field are package queue's.
const findStalled = `
SELECT r.request_id::text
FROM running_change r
WHERE r.due_at < $1
  AND NOT EXISTS (
    SELECT FROM river_job j
    WHERE j.kind = $2 AND j.args @> jsonb_build_object('requestId', r.request_id::text)
      AND j.state IN ('available', 'pending', 'retryable', 'running', 'scheduled'))
ORDER BY r.place
LIMIT 1000`

// Requeue has changes processed that should have been looked after before a
// time and have no live job of that kind. It returns how many there were.
func (q *Queue) Requeue(ctx context.Context, kind string, before time.Time) (int, error) {
	found := 0
	err := pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, findStalled, before, kind)
		if err != nil {
			return err
		}
		stalled, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, requestID := range stalled {
			if err := q.jobs.Process(ctx, tx, requestID); err != nil {
				return err
			}
		}
		found = len(stalled)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("requeue stalled changes: %w", err)
	}
	return found, nil
}

// Waiting are the changes that wait for one reason.
type Waiting struct {
	Status change.Status
	Reason change.Reason
	Count  int
	Oldest time.Time // when the oldest was requested
}

const countWaiting = `
SELECT c.status, c.wait_reason, count(*), min(c.requested_at)
FROM running_change r
JOIN change_request c USING (request_id, requested_at)
GROUP BY c.status, c.wait_reason`

// Waiting returns the changes that are not final, by why they wait.
func (q *Queue) Waiting(ctx context.Context) ([]Waiting, error) {
	rows, err := q.pool.Query(ctx, countWaiting)
	if err != nil {
		return nil, fmt.Errorf("count waiting changes: %w", err)
	}
	waiting, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w Waiting, err error) {
		err = row.Scan((*string)(&w.Status), (*string)(&w.Reason), &w.Count, &w.Oldest)
		return w, err
	})
	if err != nil {
		return nil, fmt.Errorf("count waiting changes: %w", err)
	}
	return waiting, nil
}

const findForAnnouncement = `
SELECT ` + columns + `
FROM change_request c
WHERE c.request_id = $1 AND c.requested_at BETWEEN $2 AND $3 AND c.status = 'COMPLETED'`

// Completed returns a completed change, whoever's it is, or change.ErrNoChange.
func (q *Queue) Completed(ctx context.Context, requestID string) (change.Change, error) {
	id, from, until, ok := pg.Span(requestID)
	if !ok {
		return change.Change{}, change.ErrNoChange
	}
	rows, err := q.pool.Query(ctx, findForAnnouncement, id, from, until)
	if err != nil {
		return change.Change{}, fmt.Errorf("find completed change: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanChange)
	if err != nil {
		return change.Change{}, fmt.Errorf("find completed change: %w", err)
	}
	if len(found) == 0 {
		return change.Change{}, change.ErrNoChange
	}
	return found[0], nil
}
