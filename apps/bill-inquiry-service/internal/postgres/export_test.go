package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/seal"
)

// CopyRecords writes new records by COPY.
func CopyRecords(ctx context.Context, pool *pgxpool.Pool, keyring *seal.Keyring, records []bill.Record) error {
	return copyRecords(ctx, pool, keyring, records)
}

// SendRecords writes records by a statement each.
func SendRecords(ctx context.Context, pool *pgxpool.Pool, keyring *seal.Keyring, records []bill.Record) error {
	return send(ctx, pool, records, batchRecord(ctx, keyring))
}
