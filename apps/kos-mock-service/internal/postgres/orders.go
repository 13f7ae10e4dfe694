package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
)

var _ billing.OrderLog = (*Store)(nil)

// beginOrder limits how long a paused replica can block the orders of a line.
const beginOrder = `BEGIN; SET LOCAL idle_in_transaction_session_timeout = '5s'`

// Place implements billing.OrderLog.
func (s *Store) Place(ctx context.Context, change billing.Change, decide billing.Decide) (billing.Placed, error) {
	var placed billing.Placed
	var undecided error
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: beginOrder}, func(tx pgx.Tx) error {
		at, err := s.lockLine(ctx, tx, change.Number)
		if err != nil {
			return err
		}
		var known bool
		if placed, known, err = readOrder(ctx, tx, change.RequestID); err != nil || known {
			return err
		}
		placed = billing.Placed{Change: change, CreatedAt: at}
		record, err := readRecord(ctx, tx, change.Number)
		if err != nil {
			return err
		}
		if placed.Decision, undecided = decide(at, record); undecided != nil {
			return undecided
		}
		placed, err = writeOrder(ctx, tx, placed)
		return err
	})
	if undecided != nil {
		return billing.Placed{}, undecided
	}
	if err != nil {
		return billing.Placed{}, fault("write order", err)
	}
	return placed, nil
}

// lockLine waits for the line's lock and returns the current time, which is not before that of
// earlier orders even if clocks of replicas differ.
func (s *Store) lockLine(ctx context.Context, tx pgx.Tx, number msisdn.Number) (at time.Time, err error) {
	err = tx.QueryRow(ctx, `
		INSERT INTO ordered_line AS l (line_number, ordered_at) VALUES ($1, $2)
		ON CONFLICT (line_number) DO UPDATE SET ordered_at = greatest(l.ordered_at, excluded.ordered_at)
		RETURNING ordered_at`, number.Digits(), s.now()).Scan(&at)
	return at, err
}

// writeOrder adds the order to the log and, if it is accepted, to the plan changes of the line. If
// an order of another line has got the same request id meanwhile, it returns that one and writes
// nothing.
func writeOrder(ctx context.Context, tx pgx.Tx, placed billing.Placed) (billing.Placed, error) {
	var reason *string
	if placed.Refusal != nil {
		reason = &placed.Refusal.Message
	}
	err := tx.QueryRow(ctx, `
		WITH placed AS (
			INSERT INTO kos_order (request_id, client, line_number, current_code, target_code, requested_date,
			                       result_code, result_message, effective_date, created_at, applied_at)
			VALUES (@request_id, @client, @line, @current, @target, @requested,
			        @code, @message, @effective, @created_at, @applied_at)
			ON CONFLICT (request_id) DO NOTHING
			RETURNING id, request_id, line_number, target_code, effective_date, created_at
		), applied AS (
			INSERT INTO line_order (line_number, product_code, effective_from, ordered_at, request_id)
			SELECT line_number, target_code, effective_date, created_at, request_id
			FROM placed WHERE effective_date IS NOT NULL
		)
		SELECT id FROM placed`, pgx.NamedArgs{
		"request_id": placed.RequestID, "client": placed.Client, "line": placed.Number.Digits(),
		"current": placed.Current, "target": placed.Target, "requested": optional(placed.On),
		"code": placed.ResultCode(), "message": reason,
		"effective": optional(placed.EffectiveFrom), "created_at": placed.CreatedAt, "applied_at": optional(placed.AppliedAt),
	}).Scan(&placed.ID)
	if !errors.Is(err, pgx.ErrNoRows) {
		return placed, err
	}
	other, _, err := readOrder(ctx, tx, placed.RequestID)
	return other, err
}

// Placed implements billing.OrderLog.
func (s *Store) Placed(ctx context.Context, requestID string) (billing.Placed, bool, error) {
	placed, ok, err := readOrder(ctx, s.pool, requestID)
	if err != nil {
		return billing.Placed{}, false, fault("read order", err)
	}
	return placed, ok, nil
}

func readOrder(ctx context.Context, db querier, requestID string) (placed billing.Placed, ok bool, err error) {
	rows, err := db.Query(ctx, `SELECT `+orderColumns+` FROM kos_order WHERE request_id = $1`, requestID)
	if err != nil {
		return billing.Placed{}, false, err
	}
	placed, err = pgx.CollectExactlyOneRow(rows, scanOrder)
	if errors.Is(err, pgx.ErrNoRows) {
		return billing.Placed{}, false, nil
	}
	return placed, err == nil, err
}

// Orders returns a page of the order log.
func (s *Store) Orders(ctx context.Context, filter billing.OrderFilter) ([]billing.Placed, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT `+orderColumns+` FROM kos_order
		WHERE created_at >= @since AND (created_at, id) > (@at, @id)
		  AND (@client = '' OR client = @client)
		ORDER BY created_at, id LIMIT @size`, pgx.NamedArgs{
		"since": filter.Since, "at": filter.After.At, "id": filter.After.ID, "client": filter.Client, "size": filter.Size,
	})
	if err != nil {
		return nil, fault("list orders", err)
	}
	orders, err := pgx.CollectRows(rows, scanOrder)
	if err != nil {
		return nil, fault("list orders", err)
	}
	return orders, nil
}

// orderColumns are the columns that scanOrder reads.
const orderColumns = `
	id, request_id, client, line_number, current_code, target_code, requested_date,
	result_code, result_message, effective_date, created_at, applied_at`

func scanOrder(row pgx.CollectableRow) (billing.Placed, error) {
	var placed billing.Placed
	var line, code string
	var reason *string
	var requested, effective, applied *time.Time
	err := row.Scan(&placed.ID, &placed.RequestID, &placed.Client, &line, &placed.Current, &placed.Target, &requested,
		&code, &reason, &effective, &placed.CreatedAt, &applied)
	if err != nil {
		return billing.Placed{}, err
	}
	placed.Number = msisdn.Number(line)
	placed.On, placed.EffectiveFrom, placed.AppliedAt = orZero(requested), orZero(effective), orZero(applied)
	if reason != nil {
		placed.Refusal = &billing.Refusal{Code: code, Message: *reason}
	}
	return placed, nil
}

// optional returns nil for the zero time, which is null in the database.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// orZero is the inverse of optional.
func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
