package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// lease is how long who has taken a turn may take: longer than a call of KOS
// with all that resiliency/ makes of it. After that it has died, and others take
// over.
const lease = 15 * time.Second

// Turns are given one after the other, so that who is first in line goes first.
const lockTurns = `SELECT pg_advisory_xact_lock(hashtext('turns ' || $1))`

const wishColumns = `fetch_id, line_number, billing_month, customers, request_id::text, class, refresh, reason, since, tries, failing_since,
       customers = '{}' OR EXISTS (SELECT FROM waiting_inquiry i
           WHERE i.line_number = f.line_number AND i.billing_month = f.billing_month AND i.customer_id = '')`

const findFirst = `
SELECT ` + wishColumns + `
FROM waiting_fetch f
WHERE endpoint = $1 AND (taken_until IS NULL OR taken_until < clock_timestamp()) AND due_at <= clock_timestamp()
  AND NOT EXISTS (SELECT FROM resting_endpoint WHERE endpoint = $1 AND rests_until > clock_timestamp())
ORDER BY class, round, place
LIMIT 1
FOR UPDATE OF f`

const takeFirst = `UPDATE waiting_fetch SET taken_until = clock_timestamp() + $2::interval WHERE fetch_id = $1`

// errNoTurn rolls back what a turn has taken.
var errNoTurn = errors.New("postgres: no turn to be had")

// idle is when to look again at a line in which nobody can be asked for.
const idle = time.Second

// Take implements bill.Turns.
func (q *Queue) Take(ctx context.Context, endpoint bill.Endpoint) (bill.Turn, error) {
	var turn bill.Turn
	err := pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) (err error) {
		if _, err := tx.Exec(ctx, lockTurns, string(endpoint)); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, findFirst, string(endpoint))
		if err != nil {
			return err
		}
		turn, err = pgx.CollectExactlyOneRow(rows, scanTurn)
		if errors.Is(err, pgx.ErrNoRows) {
			turn.Wait, turn.Nobody = idle, true
			return errNoTurn
		}
		if err != nil {
			return err
		}
		budget := q.budgets.of[endpoint]
		if turn.Class == bill.Background {
			budget = budget.Spare()
		}
		if turn.Wait, err = budget.ReserveIn(ctx, tx); err != nil {
			return err
		}
		if turn.Wait > 0 {
			return errNoTurn
		}
		_, err = tx.Exec(ctx, takeFirst, turn.FetchID, lease)
		return err
	})
	if errors.Is(err, errNoTurn) {
		return bill.Turn{Wait: turn.Wait, Nobody: turn.Nobody}, nil
	}
	if err != nil {
		return bill.Turn{}, fmt.Errorf("take turn: %w", err)
	}
	turn.Granted = true
	return turn, nil
}

func scanTurn(row pgx.CollectableRow) (bill.Turn, error) {
	var (
		t     bill.Turn
		class int
		line  string
	)
	err := row.Scan(&t.FetchID, &line, (*string)(&t.Month), &t.Customers, &t.RequestID, &class, &t.Refresh, &t.Reason, &t.Since,
		&t.Tries, (*zeronull.Timestamptz)(&t.FailingSince), &t.Unattributed)
	t.Line, t.Class = msisdn.Number(line), bill.Class(class)
	return t, err
}

// FetchDone is the channel on which replicas tell one another that a question
// has left the line. The payload is its subject's key.
const FetchDone = "fetch_done"

const leaveLine = `DELETE FROM waiting_fetch WHERE fetch_id = $1`

const releaseInquiries = `
WITH released AS (
    DELETE FROM waiting_inquiry WHERE line_number = $1 AND billing_month = $2
    RETURNING request_id, requested_at
)
SELECT ` + columns + `
FROM released JOIN inquiry_request USING (request_id, requested_at)
WHERE status = 'PROCESSING'`

const isBack = `
UPDATE resting_endpoint SET away_since = NULL, rests_until = clock_timestamp() - interval '1 hour'
WHERE endpoint = $1 AND away_since IS NOT NULL`

const tellDone = `SELECT pg_notify('` + FetchDone + `', $1)`

// Finish implements bill.Turns. A twin that has asked for the same comes second
// and changes nothing.
func (q *Queue) Finish(ctx context.Context, t bill.Turn, answered bool, settle func(bill.Record) bill.Record) error {
	err := pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) error {
		// Whoever joins now waits for this row, and then finds it gone.
		tag, err := tx.Exec(ctx, leaveLine, t.FetchID)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		rows, err := tx.Query(ctx, releaseInquiries, t.Line.Digits(), string(t.Month))
		if err != nil {
			return err
		}
		released, err := pgx.CollectRows(rows, scanRecord(ctx, q.keyring))
		if err != nil {
			return err
		}
		batch, queue := &pgx.Batch{}, queueRecord(ctx, q.keyring)
		for _, record := range released {
			if err := queue(batch, settle(record)); err != nil {
				return err
			}
		}
		if answered {
			batch.Queue(isBack, string(t.Endpoint()))
		}
		batch.Queue(tellDone, t.Key())
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("finish question: %w", err)
	}
	return nil
}

const giveBack = `UPDATE waiting_fetch SET taken_until = NULL WHERE fetch_id = $1`

const standAside = `
UPDATE waiting_fetch
SET taken_until = NULL, due_at = clock_timestamp() + $2::interval, tries = tries + 1,
    failing_since = coalesce(failing_since, clock_timestamp())
WHERE fetch_id = $1`

// Return implements bill.Turns.
func (q *Queue) Return(ctx context.Context, t bill.Turn, pause time.Duration) (err error) {
	if pause > 0 {
		_, err = q.pool.Exec(ctx, standAside, t.FetchID, pause)
	} else {
		_, err = q.pool.Exec(ctx, giveBack, t.FetchID)
	}
	if err != nil {
		return fmt.Errorf("put question back: %w", err)
	}
	return nil
}
