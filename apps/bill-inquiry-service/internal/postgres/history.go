package postgres

import (
	"context"
	"errors"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// History implements bill.History: reads go to the database, writes to a
// group-committed writer.
type History struct {
	pool    *pgxpool.Pool
	keyring *seal.Keyring
	writer  *groupcommit.Writer[bill.Record]
}

var _ bill.History = (*History)(nil)

// NewHistory returns the history in pool's database.
func NewHistory(pool *pgxpool.Pool, keyring *seal.Keyring, writer *groupcommit.Writer[bill.Record]) *History {
	return &History{pool: pool, keyring: keyring, writer: writer}
}

// Append implements bill.History.
func (h *History) Append(ctx context.Context, r bill.Record) { h.writer.Append(ctx, r) }

const columns = `request_id::text, requested_at, user_id, customer_id, line_number, inquiry_month, status, result_code, summary, sealed_summary, processed_at`

const findRecord = `
SELECT ` + columns + `
FROM inquiry_request
WHERE request_id = $1 AND user_id = $2 AND requested_at BETWEEN $3 AND $4`

// Find implements bill.History. It derives the partition from the time in the id, and
// returns ErrNoInquiry for a text that is not an id.
func (h *History) Find(ctx context.Context, userID, requestID string) (bill.Record, error) {
	id, from, until, ok := pg.PartitionRange(requestID)
	if !ok {
		return bill.Record{}, bill.ErrNoInquiry
	}
	rows, err := h.pool.Query(ctx, findRecord, id, userID, from, until)
	if err != nil {
		return bill.Record{}, fault("find inquiry", err)
	}
	record, err := pgx.CollectExactlyOneRow(rows, scanRecord(ctx, h.keyring))
	if errors.Is(err, pgx.ErrNoRows) {
		return bill.Record{}, bill.ErrNoInquiry
	}
	if err != nil {
		return bill.Record{}, fault("find inquiry", err)
	}
	return record, nil
}

// chosen is the part that both queries of a page share: the newest matches, up to
// bill.MaxDepth. A zero time is no bound.
const chosen = `
SELECT ` + columns + `
FROM inquiry_request
WHERE user_id = $1
  AND line_number = ANY($2)
  AND ($3::timestamptz IS NULL OR requested_at >= $3)
  AND ($4::timestamptz IS NULL OR requested_at < $4)
  AND ($5 = '' OR status = $5)
ORDER BY requested_at DESC, request_id DESC
LIMIT $6`

const countRecords = `SELECT count(*) FROM (` + chosen + `) AS chosen`

const listRecords = chosen + ` OFFSET $7`

// List implements bill.History.
func (h *History) List(ctx context.Context, f bill.Filter) (bill.Page, error) {
	args := []any{f.UserID, msisdn.Digits(f.Lines), zeronull.Timestamptz(f.From), zeronull.Timestamptz(f.Until), string(f.Status)}
	batch := &pgx.Batch{}
	var page bill.Page
	batch.Queue(countRecords, append(args, bill.MaxDepth)...).QueryRow(func(row pgx.Row) error {
		return row.Scan(&page.Total)
	})
	batch.Queue(listRecords, append(args, f.Page.Size, f.Page.Offset())...).Query(func(rows pgx.Rows) (err error) {
		page.Records, err = pgx.CollectRows(rows, scanRecord(ctx, h.keyring))
		return err
	})
	if err := h.pool.SendBatch(ctx, batch).Close(); err != nil {
		return bill.Page{}, fault("list inquiries", err)
	}
	return page, nil
}

// scanRecord returns a function that scans a row of columns. It leaves a summary empty
// that cannot be opened, and logs the error, so that the rest of the record can be read.
func scanRecord(ctx context.Context, keyring *seal.Keyring) pgx.RowToFunc[bill.Record] {
	return func(row pgx.CollectableRow) (bill.Record, error) {
		var (
			r      bill.Record
			sealed []byte
		)
		err := row.Scan(&r.RequestID, &r.RequestedAt, &r.UserID, &r.Customer, (*string)(&r.Line), (*string)(&r.Month),
			(*string)(&r.Status), &r.ResultCode, &r.Summary, &sealed, (*zeronull.Timestamptz)(&r.ProcessedAt))
		if err != nil || sealed == nil { // written by a release that did not seal
			return r, err
		}
		summary, err := keyring.Open(ctx, sealed, summaryPlace(r.RequestID))
		if err != nil {
			telemetry.Annotate(ctx, slog.Any("summary", err))
		}
		r.Summary = string(summary)
		return r, nil
	}
}
