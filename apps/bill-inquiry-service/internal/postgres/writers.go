package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
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

// recordColumns are the columns of writeRecord, in its order.
var recordColumns = []string{
	"request_id", "requested_at", "user_id", "customer_id", "line_number", "inquiry_month", "status", "result_code", "sealed_summary", "processed_at",
}

// minCopy is the number of records from which COPY costs less than a batch, by
// BenchmarkWriteRecords: it takes two more round trips, but the server executes no statement
// for each record.
const minCopy = 16

// NewRecordWriter returns the writer of the history of requests. It seals summaries,
// because they have amounts.
func NewRecordWriter(pool *pgxpool.Pool, keyring *seal.Keyring, log *slog.Logger, metrics *groupcommit.Metrics) *groupcommit.Writer[bill.Record] {
	return groupcommit.New(groupcommit.Options[bill.Record]{
		Name:      "inquiry_request",
		Transient: transient,
		Flush: func(ctx context.Context, records []bill.Record) error {
			return writeRecords(ctx, pool, keyring, records)
		},
	}, log, metrics)
}

// writeRecords writes records in one transaction. COPY writes only new ones: it fails if one
// is in the table, which is rare. The batch replaces that.
func writeRecords(ctx context.Context, pool *pgxpool.Pool, keyring *seal.Keyring, records []bill.Record) error {
	if len(records) >= minCopy {
		err := copyRecords(ctx, pool, keyring, records)
		if _, known := pgerr.IsUniqueViolation(err); !known {
			return err
		}
	}
	return send(ctx, pool, records, batchRecord(ctx, keyring))
}

// copyRecords makes all values before COPY begins. A value that fails during COPY ends it with
// the error of a cancelled statement, which is transient.
func copyRecords(ctx context.Context, pool *pgxpool.Pool, keyring *seal.Keyring, records []bill.Record) error {
	rows := make([][]any, len(records))
	for i := range records {
		var err error
		if rows[i], err = recordValues(ctx, keyring, &records[i]); err != nil {
			return fmt.Errorf("write history: %w", err)
		}
	}
	if _, err := pool.CopyFrom(ctx, pgx.Identifier{"inquiry_request"}, recordColumns, pgx.CopyFromRows(rows)); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// recordValues returns the values of recordColumns.
func recordValues(ctx context.Context, keyring *seal.Keyring, r *bill.Record) ([]any, error) {
	var id pgtype.UUID
	if err := id.Scan(r.RequestID); err != nil {
		return nil, fmt.Errorf("request id: %w", err)
	}
	summary, err := keyring.Seal(ctx, []byte(r.Summary), summaryPlace(r.RequestID))
	if err != nil {
		return nil, err
	}
	return []any{
		id, r.RequestedAt, r.UserID, r.Customer, r.Line.Digits(), string(r.Month), string(r.Status), r.ResultCode, summary,
		zeronull.Timestamptz(r.ProcessedAt),
	}, nil
}

// batchRecord returns a function that adds the write of a record to a batch.
func batchRecord(ctx context.Context, keyring *seal.Keyring) func(*pgx.Batch, bill.Record) error {
	return func(batch *pgx.Batch, r bill.Record) error {
		values, err := recordValues(ctx, keyring, &r)
		if err != nil {
			return err
		}
		batch.Queue(writeRecord, values...)
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
