package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/internal/seal"
)

// A record replaces the one of the same id only while that is PROCESSING. The
// statement is idempotent.
const writeRecord = `
INSERT INTO inquiry_request (request_id, requested_at, user_id, customer_id, line_number, inquiry_month, status, result_code, sealed_summary, processed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (request_id, requested_at) DO UPDATE
SET status = excluded.status, result_code = excluded.result_code,
    sealed_summary = excluded.sealed_summary, summary = '', processed_at = excluded.processed_at
WHERE inquiry_request.status = 'PROCESSING'`

const copyRecords = `
COPY inquiry_request (request_id, requested_at, user_id, customer_id, line_number, inquiry_month, status, result_code, sealed_summary, processed_at)
FROM STDIN BINARY`

const recordColumns = 10

// minCopy is the number of records from which COPY costs less than a batch: it takes
// one more message, but the server executes no statement for each record.
const minCopy = 4

// NewRecordWriter returns the writer of the history of requests. It seals summaries,
// because they have amounts.
func NewRecordWriter(pool *pgxpool.Pool, keyring *seal.Keyring, log *slog.Logger, metrics *groupcommit.Metrics) *groupcommit.Writer[bill.Record] {
	w := recordWriter{pool: pool, keyring: keyring}
	return groupcommit.New(groupcommit.Options[bill.Record]{
		Name:      "inquiry_request",
		Transient: transient,
		Flush:     w.flush,
	}, log, metrics)
}

// recordWriter writes groups of records. It is used by one goroutine.
type recordWriter struct {
	pool    *pgxpool.Pool
	keyring *seal.Keyring
	rows    pg.Rows
}

// flush writes records in one transaction. COPY writes only new ones: it fails if one
// is in the table, which is rare. The batch replaces that.
func (w *recordWriter) flush(ctx context.Context, records []bill.Record) error {
	if len(records) >= minCopy {
		err := w.copy(ctx, records)
		if _, known := pgerr.IsUniqueViolation(err); !known {
			return err
		}
	}
	return send(ctx, w.pool, records, batchRecord(ctx, w.keyring))
}

func (w *recordWriter) copy(ctx context.Context, records []bill.Record) error {
	w.rows.Reset()
	for i := range records {
		if err := w.add(ctx, &records[i]); err != nil {
			return fmt.Errorf("write history: %w", err)
		}
	}
	if err := w.rows.Copy(ctx, w.pool, copyRecords); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

func (w *recordWriter) add(ctx context.Context, r *bill.Record) error {
	summary, err := w.keyring.Seal(ctx, []byte(r.Summary), summaryPlace(r.RequestID))
	if err != nil {
		return err
	}
	w.rows.Begin(recordColumns)
	if err := w.rows.UUID(r.RequestID); err != nil {
		return err
	}
	w.rows.Time(r.RequestedAt)
	w.rows.Text(r.UserID)
	w.rows.Text(r.Customer)
	w.rows.Text(r.Line.Digits())
	w.rows.Text(string(r.Month))
	w.rows.Text(string(r.Status))
	w.rows.Text(r.ResultCode)
	w.rows.Bytes(summary)
	w.rows.Time(r.ProcessedAt)
	return nil
}

// batchRecord returns a function that adds the write of a record to a batch.
func batchRecord(ctx context.Context, keyring *seal.Keyring) func(*pgx.Batch, bill.Record) error {
	return func(batch *pgx.Batch, r bill.Record) error {
		summary, err := keyring.Seal(ctx, []byte(r.Summary), summaryPlace(r.RequestID))
		if err != nil {
			return err
		}
		batch.Queue(writeRecord, r.RequestID, r.RequestedAt, r.UserID, r.Customer, r.Line.Digits(), string(r.Month),
			string(r.Status), r.ResultCode, summary, zeronull.Timestamptz(r.ProcessedAt))
		return nil
	}
}

// transient reports whether the writer keeps the rows to write them later: the database
// is down or not migrated, or no keys have been read.
func transient(err error) bool {
	return pgerr.Unavailable(err) || pgerr.IsUndefinedTable(err) || errors.Is(err, seal.ErrNoKeys)
}

// send writes rows in one round trip and one transaction, which a batch implies.
func send[T any](ctx context.Context, pool *pgxpool.Pool, rows []T, queue func(*pgx.Batch, T) error) error {
	batch := &pgx.Batch{}
	for _, row := range rows {
		if err := queue(batch, row); err != nil {
			return fmt.Errorf("write history: %w", err)
		}
	}
	if err := pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}
