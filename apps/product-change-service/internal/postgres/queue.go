package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/audit"
	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Queue implements change.Queue.
type Queue struct {
	pool   *pgxpool.Pool
	jobs   Jobs
	budget Budget
	now    func() time.Time
}

// Budget is the right to bring KOS an order. See kosbudget.Budget.
type Budget interface {
	ReserveIn(ctx context.Context, tx kosbudget.Querier) (wait time.Duration, err error)
}

var _ change.Queue = (*Queue)(nil)

// NewQueue returns the queue in pool's database.
func NewQueue(pool *pgxpool.Pool, jobs Jobs, budget Budget, now func() time.Time) *Queue {
	return &Queue{pool: pool, jobs: jobs, budget: budget, now: now}
}

// overdue is how long after its time a change that has not been looked after
// still keeps its place before others. Whoever was to do it has probably died,
// and will be found out later than this.
const overdue = 10 * time.Second

// before are the changes that wait in line before the change mine.
const before = `
FROM running_change other
WHERE other.place < mine.place AND NOT other.aside AND other.due_at > $2`

const loadPlace = `
SELECT ` + columns + `,
    coalesce(mine.asked, false), mine.asked_at, coalesce(mine.unanswered, 0),
    (SELECT count(*) FROM (SELECT ` + before + ` LIMIT 1000) AS ahead),
    coalesce((SELECT w.wait_reason FROM change_request w
        JOIN (SELECT other.request_id, other.requested_at ` + before + ` ORDER BY other.place LIMIT 1) AS first
        USING (request_id, requested_at)), ''),
    EXISTS (SELECT ` + before + ` AND other.due_at > $5)
FROM change_request c
LEFT JOIN running_change mine ON mine.request_id = c.request_id
WHERE c.request_id = $1 AND c.requested_at BETWEEN $3 AND $4`

// Load implements change.Queue.
func (q *Queue) Load(ctx context.Context, requestID string) (change.Place, error) {
	id, from, until, ok := pg.Span(requestID)
	if !ok {
		return change.Place{}, change.ErrNoChange
	}
	var place change.Place
	now := q.now()
	err := q.pool.QueryRow(ctx, loadPlace, id, now.Add(-overdue), from, until, now).Scan(append(into(&place.Change),
		&place.Asked, (*zeronull.Timestamptz)(&place.AskedAt), &place.Unanswered, &place.Ahead,
		(*string)(&place.AheadWaits), &place.AheadRests)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return change.Place{}, change.ErrNoChange
	}
	if err != nil {
		return change.Place{}, fmt.Errorf("load change: %w", err)
	}
	return place, nil
}

const countAhead = `
SELECT (SELECT count(*) FROM (SELECT ` + before + ` LIMIT 1000) AS ahead)
FROM running_change mine
WHERE mine.request_id = $1`

const goToKOS = `
UPDATE running_change
SET aside = true, asked = true, asked_at = $2, due_at = $2
WHERE request_id = $1`

const countAttempt = `
UPDATE change_request
SET status = 'PROCESSING', wait_reason = '', attempts = attempts + 1
WHERE request_id = $1 AND requested_at = $2 AND status IN ('PENDING', 'PROCESSING')`

// errNoTurn rolls back what a turn has taken.
var errNoTurn = errors.New("postgres: not its turn")

// TakeTurn implements change.Queue. All who want a turn wait for one another at
// the budget's row, so that who is first there sees who is before whom.
func (q *Queue) TakeTurn(ctx context.Context, p change.Place) (change.Turn, error) {
	var turn change.Turn
	err := pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) (err error) {
		if turn.Limited, err = q.budget.ReserveIn(ctx, tx); err != nil {
			return err
		}
		if turn.Limited > 0 {
			return errNoTurn
		}
		err = tx.QueryRow(ctx, countAhead, p.RequestID, q.now().Add(-overdue)).Scan(&turn.Ahead)
		if turn.Ahead > 0 || errors.Is(err, pgx.ErrNoRows) {
			return errNoTurn
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, goToKOS, p.RequestID, q.now()); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, countAttempt, p.RequestID, p.RequestedAt)
		return err
	})
	if errors.Is(err, errNoTurn) {
		return turn, nil
	}
	if err != nil {
		return change.Turn{}, fmt.Errorf("take turn: %w", err)
	}
	turn.Granted = true
	return turn, nil
}

const restInLine = `
UPDATE running_change
SET due_at = $2, asked = $3, unanswered = $4, aside = $5
WHERE request_id = $1`

const tellWaiting = `
UPDATE change_request
SET status = 'PROCESSING', wait_reason = $3
WHERE request_id = $1 AND requested_at = $2 AND status IN ('PENDING', 'PROCESSING')
  AND (status, wait_reason) IS DISTINCT FROM ('PROCESSING', $3)`

// Rest implements change.Queue.
func (q *Queue) Rest(ctx context.Context, p change.Place, r change.Rest) error {
	batch := &pgx.Batch{}
	batch.Queue(restInLine, p.RequestID, r.Until, r.Asked, r.Unanswered, r.Aside)
	batch.Queue(tellWaiting, p.RequestID, p.RequestedAt, string(r.Reason))
	if err := q.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("put change back: %w", err)
	}
	return nil
}

const endChange = `
UPDATE change_request
SET status = $3, wait_reason = '', result_code = $4, result_message = $5, processed_at = $6
WHERE request_id = $1 AND requested_at = $2 AND status IN ('PENDING', 'PROCESSING')`

const leaveLine = `DELETE FROM running_change WHERE request_id = $1`

const tellFinished = `SELECT pg_notify('` + ChangeFinished + `', $1)`

// Finish implements change.Queue: in one transaction, in which a twin that
// looked after the same change comes second and changes nothing.
func (q *Queue) Finish(ctx context.Context, p change.Place, o change.Outcome) (bool, error) {
	done := false
	err := pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, endChange, p.RequestID, p.RequestedAt, string(o.Status), o.ResultCode, o.ResultMessage, o.At)
		done = tag.RowsAffected() == 1
		if err != nil || !done {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(leaveLine, p.RequestID)
		batch.Queue(tellFinished, p.RequestID)
		if o.Status == change.Completed && !o.Scheduled {
			batch.Queue(forgetLine, p.Line.Digits())
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		if o.ResultCode == product.ErrLineMoved.Code {
			return audit.Insert(ctx, tx, refusal(p.Change, o))
		}
		if o.Status != change.Completed {
			return nil
		}
		return q.jobs.Announce(ctx, tx, p.RequestID, announcedAt(p.Change, o))
	})
	if err != nil {
		return false, fmt.Errorf("finish change: %w", err)
	}
	return done, nil
}

// refusal is on record for a change that was accepted and is not carried out.
func refusal(c change.Change, o change.Outcome) audit.Event {
	return audit.Event{
		At: o.At, Actor: c.UserID, Action: "process change " + c.RequestID, Target: c.Line.Masked(),
		Detail: o.ResultCode, Outcome: audit.Denied,
	}
}

// announcedAt returns when the line has its new plan.
func announcedAt(c change.Change, o change.Outcome) time.Time {
	if o.Scheduled {
		return c.Effective.Start()
	}
	return o.At
}
