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

// A final bill of the customer comes first, then the newest row: a bill of the
// customer, a row of an older release without a customer, or an invalidation.
const findBill = `
SELECT own, final, as_of, sealed, document,
       (SELECT known_since FROM moved_line WHERE line_number = $1 AND customer_id = $3)
FROM (
    SELECT true AS own, final, as_of, sealed, NULL::jsonb AS document
    FROM customer_bill
    WHERE line_number = $1 AND billing_month = $2 AND customer_id = $3
    UNION ALL
    SELECT false, final, as_of, sealed, document
    FROM bill_archive
    WHERE line_number = $1 AND billing_month = $2
) AS archived
ORDER BY own AND final DESC, as_of DESC, own DESC
LIMIT 1`

// archivedBill is a row of findBill.
type archivedBill struct {
	own, final bool
	asOf       time.Time
	sealed     []byte
	document   *bill.Bill // of a release that did not seal; newer than sealed
	moved      *time.Time
}

// hidden reports whether the bill may not be shown: it was invalidated, or it is open
// and the line was given to another customer after it.
func (b archivedBill) hidden() bool {
	return b.sealed == nil && b.document == nil || !b.final && b.moved != nil && !b.asOf.After(*b.moved)
}

// Find implements bill.Archive. It does not return a bill of the first schema that does
// not add up.
func (a *Archive) Find(ctx context.Context, s bill.Subscription, month bill.Month) (bill.Bill, error) {
	var row archivedBill
	err := a.pool.QueryRow(ctx, findBill, s.Line.Digits(), string(month), s.Customer).
		Scan(&row.own, &row.final, &row.asOf, &row.sealed, &row.document, &row.moved)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && row.hidden() {
		return bill.Bill{}, bill.ErrNotArchived
	}
	if err != nil {
		return bill.Bill{}, fmt.Errorf("find bill: %w", err)
	}
	found, err := a.open(ctx, s, month, row)
	if err != nil {
		return bill.Bill{}, err
	}
	// Rows of older releases may be another customer's. Releases that do not seal
	// invalidate a bill by changing only its time and document.
	if found.Subscription() != s || row.document == nil && !found.AsOf.Truncate(time.Microsecond).Equal(row.asOf) {
		return bill.Bill{}, bill.ErrNotArchived
	}
	if found.Outdated && found.CheckAmounts() != nil {
		return bill.Bill{}, bill.ErrNotArchived
	}
	if !row.own && found.Definitive() {
		if err := a.Store(ctx, found); err != nil {
			return found, nil //nolint:nilerr // the next Find tries again
		}
	}
	return found, nil
}

func (a *Archive) open(ctx context.Context, s bill.Subscription, month bill.Month, row archivedBill) (found bill.Bill, err error) {
	if row.document != nil {
		return *row.document, nil
	}
	place := olderBillPlace(s.Line.Digits(), string(month))
	if row.own {
		place = billPlace(s.Line.Digits(), string(month), s.Customer)
	}
	if err := a.keyring.OpenJSON(ctx, row.sealed, place, &found); err != nil {
		return bill.Bill{}, fmt.Errorf("find bill: %w", err)
	}
	return found, nil
}

// A newer bill of the customer ends a recorded move: the line has come back.
const storeBill = `
WITH returned AS (
    DELETE FROM moved_line WHERE line_number = $1 AND customer_id = $3 AND known_since < $5
)
INSERT INTO customer_bill (line_number, billing_month, customer_id, final, as_of, sealed)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (line_number, billing_month, customer_id) DO UPDATE
SET final = excluded.final, as_of = excluded.as_of, sealed = excluded.sealed
WHERE NOT customer_bill.final AND customer_bill.as_of < excluded.as_of`

// Store implements bill.Archive.
func (a *Archive) Store(ctx context.Context, b bill.Bill) error {
	line, month, customer := b.Line.Digits(), string(b.Month), b.Customer.ID
	sealed, err := a.keyring.SealJSON(ctx, b, billPlace(line, month, customer))
	if err != nil {
		return fmt.Errorf("store bill: %w", err)
	}
	if _, err := a.pool.Exec(ctx, storeBill, line, month, customer, b.Final, b.AsOf, sealed); err != nil {
		return fmt.Errorf("store bill: %w", err)
	}
	return nil
}

// LineChanged is the channel of notifications that a line has a new plan. The payload
// is the line number.
const LineChanged = "line_changed"

// A newer row without a bill invalidates the open bills of all customers of the line.
// The commit notifies all replicas.
const invalidateBill = `
WITH invalidated AS (
    INSERT INTO bill_archive (line_number, billing_month, final, as_of)
    VALUES ($1, $2, false, $3)
    ON CONFLICT (line_number, billing_month) DO UPDATE
    SET as_of = excluded.as_of, sealed = NULL, document = NULL
    WHERE NOT bill_archive.final
)
SELECT pg_notify('` + LineChanged + `', $1)`

// Invalidate implements bill.Archive.
func (a *Archive) Invalidate(ctx context.Context, line msisdn.Number, month bill.Month, at time.Time) error {
	if _, err := a.pool.Exec(ctx, invalidateBill, line.Digits(), string(month), at); err != nil {
		return fmt.Errorf("invalidate bill: %w", err)
	}
	return nil
}
