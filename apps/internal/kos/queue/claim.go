package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
)

// Conditions of a row that may be claimed: it is due, and it has no lease or an expired
// one, such as that of a dead process.
const (
	ready      = `(lease_until IS NULL OR lease_until <= clock_timestamp()) AND due_at <= clock_timestamp()`
	otherReady = `(other.lease_until IS NULL OR other.lease_until <= clock_timestamp()) AND other.due_at <= clock_timestamp()`
)

// leaseMargin is how much longer a lease is than an attempt: the time to write the
// outcome.
const leaseMargin = 5 * time.Second

const peek = `
SELECT (SELECT class FROM kos_queue WHERE endpoint = $1 AND ` + ready + ` ORDER BY class, round, position LIMIT 1),
       coalesce((SELECT until - clock_timestamp() FROM kos_outage WHERE endpoint = $1), interval '0')`

const nextReady = `
SELECT min(greatest(due_at, coalesce(lease_until, due_at))) - clock_timestamp()
FROM kos_queue WHERE endpoint = $1`

// pause is how long there is nothing to claim for an endpoint, and why.
type pause struct {
	length time.Duration
	// spent reports whether the budget is spent or the endpoint has an outage: a new
	// item does not shorten the pause.
	spent bool
}

// idle is how often a queue without due items is read, in case a notification was lost.
const idle = 5 * time.Second

// claim claims the next item and takes one call of the budget for it. If none can be
// claimed, the item is nil and the pause is how long to wait.
func (q *Queue) claim(ctx context.Context, e *Endpoint) (*Item, pause, error) {
	var (
		class  *int
		outage time.Duration
	)
	if err := q.pool.QueryRow(ctx, peek, e.Name).Scan(&class, &outage); err != nil {
		return nil, pause{}, fmt.Errorf("claim: %w", err)
	}
	switch {
	case outage > 0:
		return nil, pause{length: outage, spent: true}, nil
	case class == nil:
		wait, err := q.untilReady(ctx, e)
		return nil, pause{length: wait}, err
	}
	return q.claimClass(ctx, e, Class(*class))
}

// untilReady returns how long it takes until an item is due, at most idle.
func (q *Queue) untilReady(ctx context.Context, e *Endpoint) (time.Duration, error) {
	var wait *time.Duration
	if err := q.pool.QueryRow(ctx, nextReady, e.Name).Scan(&wait); err != nil {
		return 0, fmt.Errorf("claim: %w", err)
	}
	if wait == nil {
		return idle, nil
	}
	return min(max(*wait, time.Millisecond), idle), nil
}

const columns = `q.item_id, q.claims, q.endpoint, q.dedup_key, q.class, q.payload, q.enqueued_at, q.unanswered, q.failing_since, q.traceparent`

const claimNext = `
WITH next AS (
    SELECT item_id, in_doubt, attempted_at FROM kos_queue
    WHERE endpoint = $1 AND class <= $2 AND ` + ready + `
    ORDER BY class, round, position
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
UPDATE kos_queue q
SET lease_until = clock_timestamp() + $3::interval, claims = q.claims + 1,
    in_doubt = true, attempted_at = clock_timestamp()
FROM next WHERE q.item_id = next.item_id
RETURNING ` + columns + `, next.in_doubt, next.attempted_at`

// errNothing rolls back the admission when there is no item.
var errNothing = errors.New("kos queue: nothing to claim")

// claimClass claims the next item of a class or of a better one. Claims of one endpoint
// wait for one another at the row of its budget, so that items leave in order.
func (q *Queue) claimClass(ctx context.Context, e *Endpoint, class Class) (*Item, pause, error) {
	admission := e.Budget
	if class == Background {
		admission = admission.Spare()
	}
	var (
		item Item
		wait time.Duration
	)
	err := pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) (err error) {
		if wait, err = admission.ReserveIn(ctx, tx); err != nil {
			return err
		}
		if wait > 0 {
			return errNothing
		}
		rows, err := tx.Query(ctx, claimNext, e.Name, int(class), e.Timeout+leaseMargin)
		if err != nil {
			return err
		}
		item, err = pgx.CollectExactlyOneRow(rows, scanItem)
		if errors.Is(err, pgx.ErrNoRows) {
			return errNothing // another replica was faster
		}
		return err
	})
	switch {
	case errors.Is(err, errNothing):
		return nil, pause{length: max(wait, time.Millisecond), spent: wait > 0 && class == Interactive}, nil
	case err != nil:
		return nil, pause{}, fmt.Errorf("claim: %w", err)
	}
	return &item, pause{}, nil
}

func scanItem(row pgx.CollectableRow) (Item, error) {
	var (
		item  Item
		class int
	)
	err := row.Scan(&item.id, &item.claim, &item.Endpoint, &item.Key, &class, &item.Payload, &item.EnqueuedAt, &item.unanswered,
		(*zeronull.Timestamptz)(&item.failingSince), &item.traceparent, &item.InDoubt, (*zeronull.Timestamptz)(&item.AttemptedAt))
	item.Class = Class(class)
	return item, err
}

// sustained is the condition of an outage that goes on. During an outage an attempt
// renews it every few seconds.
const sustained = `outage.since IS NOT NULL AND outage.until > clock_timestamp() - interval '1 minute'`

const claimOverdue = `
WITH overdue AS (
    SELECT item_id, in_doubt, attempted_at FROM kos_queue queued
    WHERE endpoint = $1 AND (lease_until IS NULL OR lease_until <= clock_timestamp())
      AND (failing_since < clock_timestamp() - $2::interval
           OR enqueued_at < clock_timestamp() - $2::interval AND EXISTS (
               SELECT FROM kos_outage outage
               WHERE outage.endpoint = $1 AND ` + sustained + ` AND outage.since < clock_timestamp() - $2::interval))
    LIMIT $4
    FOR UPDATE SKIP LOCKED
)
UPDATE kos_queue q
SET lease_until = clock_timestamp() + $3::interval, claims = q.claims + 1
FROM overdue WHERE q.item_id = overdue.item_id
RETURNING ` + columns + `, overdue.in_doubt, overdue.attempted_at`

// overdueBatch is how many overdue items are claimed at once.
const overdueBatch = 50

// overdue claims items that are to be given up. It takes no calls of the budget.
func (q *Queue) overdue(ctx context.Context, e *Endpoint) ([]Item, error) {
	rows, err := q.pool.Query(ctx, claimOverdue, e.Name, e.GiveUpAfter, overdueLease, overdueBatch)
	if err != nil {
		return nil, fmt.Errorf("find overdue items: %w", err)
	}
	items, err := pgx.CollectRows(rows, scanItem)
	if err != nil {
		return nil, fmt.Errorf("find overdue items: %w", err)
	}
	for i := range items {
		items[i].GiveUp = true
	}
	return items, nil
}

// overdueLease is the lease of overdue items. It is longer than a batch takes.
const overdueLease = 2 * time.Minute
