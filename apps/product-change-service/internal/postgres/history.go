package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
)

// History implements change.History.
type History struct {
	pool  *pgxpool.Pool
	queue *queue.Queue
}

var _ change.History = (*History)(nil)

// NewHistory returns the history in pool's database. It reads from q why a change waits.
func NewHistory(pool *pgxpool.Pool, q *queue.Queue) *History { return &History{pool: pool, queue: q} }

const columns = `c.request_id::text, c.requested_at, c.user_id, c.customer_id, c.line_number,
    c.current_code, c.current_name, c.target_product, coalesce(c.effective_on::text, ''),
    c.status, c.attempts, c.result_code, c.result_message, c.processed_at`

// into returns the scan targets of columns.
func into(c *change.Change) []any {
	return []any{
		&c.RequestID, &c.RequestedAt, &c.UserID, &c.CustomerID, (*string)(&c.Line),
		&c.CurrentCode, &c.CurrentName, &c.Target, (*string)(&c.Effective),
		(*string)(&c.Status), &c.Attempts, &c.ResultCode, &c.ResultMessage,
		(*zeronull.Timestamptz)(&c.ProcessedAt),
	}
}

func scanChange(row pgx.CollectableRow) (change.Change, error) {
	var c change.Change
	err := row.Scan(into(&c)...)
	return c, err
}

const findChange = `
SELECT ` + columns + `
FROM change_request c
WHERE request_id = $1 AND user_id = $2 AND requested_at BETWEEN $3 AND $4`

// Find implements change.History.
func (h *History) Find(ctx context.Context, userID, requestID string) (change.Change, error) {
	id, from, until, ok := pg.PartitionRange(requestID)
	if !ok {
		return change.Change{}, change.ErrNoChange
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
	return h.waiting(ctx, found)
}

// reasons maps the reasons of the queue to those of the API.
var reasons = map[queue.Reason]change.Reason{
	queue.Behind: change.Queued, queue.Limited: change.Limit,
	queue.Throttling: change.KOSBusy, queue.Unavailable: change.KOSUnavailable,
}

// waiting returns a change with the reason why it waits, if it does.
func (h *History) waiting(ctx context.Context, c change.Change) (change.Change, error) {
	if c.Status.Final() {
		return c, nil
	}
	standing, err := h.queue.Standing(ctx, Endpoint, c.Line.Digits())
	if errors.Is(err, queue.ErrNotQueued) {
		return c, nil // it has just ended
	}
	if err != nil {
		return change.Change{}, fault("find position in queue", err)
	}
	c.Waiting = reasons[standing.Reason]
	return c, nil
}

// matches selects the newest matches of a filter, up to $6. A zero time is no bound.
const matches = `
SELECT ` + columns + `
FROM change_request c
WHERE user_id = $1
  AND line_number = ANY($2)
  AND ($3::timestamptz IS NULL OR requested_at >= $3)
  AND ($4::timestamptz IS NULL OR requested_at < $4)
  AND ($5 = '' OR status = $5)
ORDER BY requested_at DESC, request_id DESC
LIMIT $6`

const countChanges = `SELECT count(*) FROM (` + matches + `) AS matches`

const listChanges = matches + ` OFFSET $7`

// List implements change.History.
func (h *History) List(ctx context.Context, f change.Filter) (change.Page, error) {
	args := []any{f.UserID, msisdn.Digits(f.Lines), zeronull.Timestamptz(f.From), zeronull.Timestamptz(f.Until), string(f.Status)}
	batch := &pgx.Batch{}
	var page change.Page
	batch.Queue(countChanges, append(args, change.MaxDepth)...).QueryRow(func(row pgx.Row) error {
		return row.Scan(&page.Total)
	})
	batch.Queue(listChanges, append(args, f.Page.Size, f.Page.Offset())...).Query(func(rows pgx.Rows) (err error) {
		page.Changes, err = pgx.CollectRows(rows, scanChange)
		return err
	})
	if err := h.pool.SendBatch(ctx, batch).Close(); err != nil {
		return change.Page{}, fault("list changes", err)
	}
	for i := range page.Changes { // one change of each line waits at most
		var err error
		if page.Changes[i], err = h.waiting(ctx, page.Changes[i]); err != nil {
			return change.Page{}, err
		}
	}
	return page, nil
}
