package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

// History implements change.History.
type History struct{ pool *pgxpool.Pool }

var _ change.History = (*History)(nil)

// NewHistory returns the history in pool's database.
func NewHistory(pool *pgxpool.Pool) *History { return &History{pool: pool} }

const columns = `c.request_id::text, c.requested_at, c.user_id, c.customer_id, c.line_number,
    c.current_code, c.current_name, c.target_product, coalesce(c.effective_on::text, ''),
    c.status, c.wait_reason, c.attempts, c.result_code, c.result_message, c.processed_at`

// into returns where the columns of a change go. Done is called after the scan.
func into(c *change.Change) (fields []any, done func()) {
	var processed *time.Time
	fields = []any{
		&c.RequestID, &c.RequestedAt, &c.UserID, &c.CustomerID, (*string)(&c.Line),
		&c.CurrentCode, &c.CurrentName, &c.Target, (*string)(&c.Effective),
		(*string)(&c.Status), (*string)(&c.Waiting), &c.Attempts, &c.ResultCode, &c.ResultMessage, &processed,
	}
	return fields, func() {
		if processed != nil {
			c.ProcessedAt = *processed
		}
	}
}

func scanChange(row pgx.CollectableRow) (change.Change, error) {
	var c change.Change
	fields, done := into(&c)
	err := row.Scan(fields...)
	done()
	return c, err
}

// clockSkew is how far an id's time may be from its row's: they are taken one
// after the other.
const clockSkew = time.Minute

// span returns the id in its one form and the times between which its change
// was requested, which tell the partition. Text that is no id of ours is
// nobody's.
func span(requestID string) (id string, from, until time.Time, err error) {
	parsed, err := uuid.Parse(requestID)
	if err != nil || parsed.Version() != 7 {
		return "", time.Time{}, time.Time{}, change.ErrNoChange
	}
	at := time.Unix(parsed.Time().UnixTime())
	return parsed.String(), at.Add(-clockSkew), at.Add(clockSkew), nil
}

const findChange = `
SELECT ` + columns + `
FROM change_request c
WHERE request_id = $1 AND user_id = $2 AND requested_at BETWEEN $3 AND $4`

// Find implements change.History.
func (h *History) Find(ctx context.Context, userID, requestID string) (change.Change, error) {
	id, from, until, err := span(requestID)
	if err != nil {
		return change.Change{}, err
	}
	rows, err := h.pool.Query(ctx, findChange, id, userID, from, until)
	if err != nil {
		return change.Change{}, fault("find change", err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, scanChange)
	if errors.Is(err, pgx.ErrNoRows) {
		return change.Change{}, change.ErrNoChange
	}
	if err != nil {
		return change.Change{}, fault("find change", err)
	}
	return found, nil
}

// chosen is what both queries of a page choose from: as many of the newest
// matches as may be paged through. A zero time is no bound.
const chosen = `
SELECT ` + columns + `
FROM change_request c
WHERE user_id = $1
  AND line_number = ANY($2)
  AND ($3::timestamptz IS NULL OR requested_at >= $3)
  AND ($4::timestamptz IS NULL OR requested_at < $4)
  AND ($5 = '' OR status = $5)
ORDER BY requested_at DESC, request_id DESC
LIMIT $6`

const countChanges = `SELECT count(*) FROM (` + chosen + `) AS chosen`

const listChanges = chosen + ` OFFSET $7`

// List implements change.History.
func (h *History) List(ctx context.Context, f change.Filter) (change.Page, error) {
	args := []any{f.UserID, digits(f.Lines), bound(f.From), bound(f.Until), string(f.Status)}
	batch := &pgx.Batch{}
	var page change.Page
	batch.Queue(countChanges, append(args, change.MaxDepth)...).QueryRow(func(row pgx.Row) error {
		return row.Scan(&page.Total)
	})
	batch.Queue(listChanges, append(args, f.Size, (f.Page-1)*f.Size)...).Query(func(rows pgx.Rows) (err error) {
		page.Changes, err = pgx.CollectRows(rows, scanChange)
		return err
	})
	if err := h.pool.SendBatch(ctx, batch).Close(); err != nil {
		return change.Page{}, fault("list changes", err)
	}
	return page, nil
}
