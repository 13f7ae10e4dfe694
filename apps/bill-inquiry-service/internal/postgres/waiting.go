package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/seal"
)

// Jobs puts work into the queue that outlives this process, within a
// transaction of ours. See queue.Jobs.
type Jobs interface {
	// Fetch has a question seen to soon.
	Fetch(ctx context.Context, tx pgx.Tx, endpoint bill.Endpoint, class bill.Class, fetchID int64) error
}

// Queue implements bill.Queue, bill.Gate and bill.Turns. Its clock is the
// database's, since all replicas share it.
type Queue struct {
	pool    *pgxpool.Pool
	jobs    Jobs
	budgets *Budgets
	keyring *seal.Keyring
	room    Room
}

// Room is how many questions may wait.
type Room struct {
	Interactive int `env:"INQUIRY_QUEUE_LIMIT" envDefault:"2000"`
	Background  int `env:"PREFETCH_QUEUE_LIMIT" envDefault:"1000"`
}

func (r Room) of(class bill.Class) int {
	if class == bill.Background {
		return r.Background
	}
	return r.Interactive
}

var (
	_ bill.Queue = (*Queue)(nil)
	_ bill.Gate  = (*Queue)(nil)
	_ bill.Turns = (*Queue)(nil)
)

// QueueParams is what a Queue needs.
type QueueParams struct {
	Pool    *pgxpool.Pool
	Jobs    Jobs
	Budgets *Budgets
	Keyring *seal.Keyring // seals the records of inquiries, as the history does
	Room    Room
}

// NewQueue returns the line in the pool's database.
func NewQueue(p QueueParams) *Queue {
	return &Queue{pool: p.Pool, jobs: p.Jobs, budgets: p.Budgets, keyring: p.Keyring, room: p.Room}
}

// Somebody waits who could be asked for now, and for how long nobody asks.
const seeGate = `
SELECT EXISTS (SELECT FROM waiting_fetch
               WHERE endpoint = $1 AND class = 0 AND (taken_until IS NULL OR taken_until < clock_timestamp()) AND due_at <= clock_timestamp()),
       coalesce((SELECT rests_until - clock_timestamp() FROM resting_endpoint WHERE endpoint = $1), - interval '1 day')`

// probing is how long after a rest it is left to who waits in line to find out
// whether KOS is back: a newcomer would only wait for that.
const probing = 5 * time.Second

// Pass implements bill.Gate.
func (q *Queue) Pass(ctx context.Context, endpoint bill.Endpoint) (bill.Passage, error) {
	var (
		others bool
		rests  time.Duration
	)
	if err := q.pool.QueryRow(ctx, seeGate, string(endpoint)).Scan(&others, &rests); err != nil {
		return 0, fault("see whether KOS may be asked", err)
	}
	if rests > 0 || others && rests > -probing {
		return bill.Resting, nil
	}
	if others {
		return bill.MustWait, nil
	}
	wait, err := q.budgets.of[endpoint].Reserve(ctx)
	if err != nil {
		return 0, fault("see whether KOS may be asked", err)
	}
	if wait > 0 {
		return bill.MustWait, nil
	}
	return bill.Granted, nil
}

// An outage is the one before that goes on if somebody has met it within a
// minute: who waits tries every few seconds.
const rest = `
INSERT INTO resting_endpoint AS resting (endpoint, rests_until, away_since)
VALUES ($1, clock_timestamp() + $2::interval, clock_timestamp())
ON CONFLICT (endpoint) DO UPDATE
SET rests_until = greatest(resting.rests_until, excluded.rests_until),
    away_since = CASE WHEN ` + goesOn + ` THEN coalesce(resting.away_since, excluded.away_since) ELSE excluded.away_since END`

const goesOn = `resting.rests_until > clock_timestamp() - interval '1 minute'`

// Rest implements bill.Gate.
func (q *Queue) Rest(ctx context.Context, endpoint bill.Endpoint, pause time.Duration) error {
	if _, err := q.pool.Exec(ctx, rest, string(endpoint), pause); err != nil {
		return fault("let KOS rest", err)
	}
	return nil
}

// One line's questions come one after the other, so that each sees the other's
// round.
const lockLine = `SELECT pg_advisory_xact_lock(hashtext('waiting ' || $1))`

// A line's next question has its turn a round after the one before, and not
// before those who come now: in the round that is being served or, should
// somebody of a later one have waited for a minute, in that one.
const getInLine = `
WITH before AS (
    SELECT class FROM waiting_fetch WHERE line_number = $2 AND billing_month = $3
), served AS (
    SELECT count(*) AS waiting,
           greatest(min(round), max(round) FILTER (WHERE since < clock_timestamp() - interval '1 minute')) AS round
    FROM waiting_fetch WHERE endpoint = $1 AND class = $5
), own AS (
    SELECT max(round) AS last FROM waiting_fetch
    WHERE endpoint = $1 AND line_number = $2 AND class = $5 AND billing_month <> $3
)
INSERT INTO waiting_fetch AS held (endpoint, line_number, billing_month, request_id, class, round, since, due_at, refresh, reason, customers)
SELECT $1, $2, $3, $4, $5, greatest(0, served.round, own.last + 1), clock_timestamp(), clock_timestamp(), $6, $8, $9
FROM served, own
WHERE served.waiting < $7 OR EXISTS (SELECT FROM before)
ON CONFLICT (line_number, billing_month) DO UPDATE
SET class   = least(held.class, excluded.class),
    round   = CASE WHEN excluded.class < held.class THEN excluded.round ELSE held.round END,
    place   = CASE WHEN excluded.class < held.class THEN excluded.place ELSE held.place END,
    refresh = held.refresh OR excluded.refresh,
    customers = CASE WHEN held.customers @> excluded.customers THEN held.customers ELSE held.customers || excluded.customers END
RETURNING fetch_id, (SELECT min(class) FROM before)`

// enter puts what is wanted in line, with a job that sees to it. It returns
// false if it waits there already, in the same class.
func (q *Queue) enter(ctx context.Context, tx pgx.Tx, w bill.Wish) (fetchID int64, anew bool, err error) {
	if _, err := tx.Exec(ctx, lockLine, w.Line.Digits()); err != nil {
		return 0, false, err
	}
	var before *int
	err = tx.QueryRow(ctx, getInLine, string(w.Endpoint()), w.Line.Digits(), string(w.Month), w.RequestID,
		int(w.Class), w.Refresh, q.room.of(w.Class), w.Reason, w.Customers).Scan(&fetchID, &before)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, bill.ErrLineFull
	}
	if err != nil {
		return 0, false, err
	}
	if before != nil && *before <= int(w.Class) {
		return fetchID, false, nil
	}
	return fetchID, true, q.jobs.Fetch(ctx, tx, w.Endpoint(), w.Class, fetchID)
}

const joinFetch = `
INSERT INTO waiting_inquiry (request_id, requested_at, line_number, billing_month, first_ahead, customer_id)
VALUES ($1, $2, $3, $4, $5, $6)`

// Enter implements bill.Queue.
func (q *Queue) Enter(ctx context.Context, r bill.Record) (bill.Place, error) {
	var found standing
	err := pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) error {
		fetchID, _, err := q.enter(ctx, tx, bill.Wish{
			Subject: bill.Subject{Line: r.Line, Month: r.Month}, Customers: []string{r.Customer}, RequestID: r.RequestID, Class: bill.Interactive,
		})
		if err != nil {
			return err
		}
		if found, err = stands(ctx, tx, byFetch, fetchID); err != nil {
			return err
		}
		found.first = found.ahead
		batch := &pgx.Batch{}
		if err := queueRecord(ctx, q.keyring)(batch, r); err != nil {
			return err
		}
		batch.Queue(joinFetch, r.RequestID, r.RequestedAt, r.Line.Digits(), string(r.Month), found.ahead, r.Customer)
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return bill.Place{}, fault("get in line", err)
	}
	place, err := q.place(ctx, found)
	if err != nil { // it is in line all the same
		place = bill.Place{Ahead: found.ahead, First: found.first, Estimate: q.roughly(found)}
	}
	return place, nil
}

// roughly estimates how long a question will wait without a look at the budget.
func (q *Queue) roughly(found standing) time.Duration {
	return found.rests + time.Duration(found.ahead+1)*q.budgets.of[found.endpoint].Interval() + call
}

// Want implements bill.Queue.
func (q *Queue) Want(ctx context.Context, w bill.Wish) (anew bool, err error) {
	err = pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) (err error) {
		_, anew, err = q.enter(ctx, tx, w)
		return err
	})
	if err != nil {
		return false, fault("get in line", err)
	}
	return anew, nil
}

// Place implements bill.Queue.
func (q *Queue) Place(ctx context.Context, requestID string) (bill.Place, error) {
	found, err := stands(ctx, q.pool, byInquiry, requestID)
	if err != nil {
		return bill.Place{}, fault("find place", err)
	}
	return q.place(ctx, found)
}
