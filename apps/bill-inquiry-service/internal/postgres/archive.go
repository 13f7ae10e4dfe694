package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
	"github.com/phonebill/phonebill/apps/internal/seal"
)

// Archive implements bill.Archive. Bills are sealed.
type Archive struct {
	pool    *pgxpool.Pool
	keyring *seal.Keyring
}

var _ bill.Archive = (*Archive)(nil)

// NewArchive returns the archive in pool's database.
func NewArchive(pool *pgxpool.Pool, keyring *seal.Keyring) *Archive {
	return &Archive{pool: pool, keyring: keyring}
}

const findBill = `
SELECT as_of, sealed, document
FROM bill_archive
WHERE line_number = $1 AND billing_month = $2 AND (sealed IS NOT NULL OR document IS NOT NULL)`

// Find implements bill.Archive.
func (a *Archive) Find(ctx context.Context, line msisdn.Number, month bill.Month) (bill.Bill, error) {
	var (
		asOf     time.Time
		sealed   []byte
		document *bill.Bill // from before bills were sealed: it is the newer one
	)
	err := a.pool.QueryRow(ctx, findBill, line.Digits(), string(month)).Scan(&asOf, &sealed, &document)
	if errors.Is(err, pgx.ErrNoRows) {
		return bill.Bill{}, bill.ErrNotKept
	}
	if err != nil {
		return bill.Bill{}, fmt.Errorf("find bill: %w", err)
	}
	if document != nil {
		return *document, nil
	}
	var found bill.Bill
	if err := a.keyring.OpenJSON(ctx, sealed, billPlace(line.Digits(), string(month)), &found); err != nil {
		return bill.Bill{}, fmt.Errorf("find bill: %w", err)
	}
	// Software that does not seal yet forgets a bill by its time alone.
	if !found.AsOf.Truncate(time.Microsecond).Equal(asOf) {
		return bill.Bill{}, bill.ErrNotKept
	}
	return found, nil
}

const keepBill = `
INSERT INTO bill_archive (line_number, billing_month, final, as_of, sealed)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (line_number, billing_month) DO UPDATE
SET final = excluded.final, as_of = excluded.as_of, sealed = excluded.sealed, document = NULL
WHERE NOT bill_archive.final AND bill_archive.as_of < excluded.as_of`

// Keep implements bill.Archive.
func (a *Archive) Keep(ctx context.Context, b bill.Bill) error {
	sealed, err := a.keyring.SealJSON(ctx, b, billPlace(b.Line.Digits(), string(b.Month)))
	if err != nil {
		return fmt.Errorf("keep bill: %w", err)
	}
	if _, err := a.pool.Exec(ctx, keepBill, b.Line.Digits(), string(b.Month), b.Final, b.AsOf, sealed); err != nil {
		return fmt.Errorf("keep bill: %w", err)
	}
	return nil
}

// LineChanged is the channel on which replicas tell one another that a line has
// a new plan. The payload is the line's digits.
const LineChanged = "line_changed"

// A line's open bill goes, and when that is committed every replica hears of it.
const forgetBill = `
WITH forgotten AS (
    INSERT INTO bill_archive (line_number, billing_month, final, as_of)
    VALUES ($1, $2, false, $3)
    ON CONFLICT (line_number, billing_month) DO UPDATE
    SET as_of = excluded.as_of, sealed = NULL, document = NULL
    WHERE NOT bill_archive.final
)
SELECT pg_notify('` + LineChanged + `', $1)`

// Forget implements bill.Archive.
func (a *Archive) Forget(ctx context.Context, line msisdn.Number, month bill.Month, at time.Time) error {
	if _, err := a.pool.Exec(ctx, forgetBill, line.Digits(), string(month), at); err != nil {
		return fmt.Errorf("forget bill: %w", err)
	}
	return nil
}
