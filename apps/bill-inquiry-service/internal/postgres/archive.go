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

// A final bill of the customer's own is found first; else what is newest, be it
// an older row that does not name its customer, or that a line was forgotten.
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
) AS kept
ORDER BY own AND final DESC, as_of DESC, own DESC
LIMIT 1`

// keptBill is a row that findBill finds.
type keptBill struct {
	own, final bool
	asOf       time.Time
	sealed     []byte
	document   *bill.Bill // from before bills were sealed: it is the newer one
	moved      *time.Time
}

// hidden reports whether the bill may not be shown: the line was forgotten or,
// while the bill could still change, given to another customer.
func (k keptBill) hidden() bool {
	return k.sealed == nil && k.document == nil || !k.final && k.moved != nil && !k.asOf.After(*k.moved)
}

// Find implements bill.Archive. A bill of an older schema that does not add up
// is as good as none.
func (a *Archive) Find(ctx context.Context, s bill.Subscription, month bill.Month) (bill.Bill, error) {
	var kept keptBill
	err := a.pool.QueryRow(ctx, findBill, s.Line.Digits(), string(month), s.Customer).
		Scan(&kept.own, &kept.final, &kept.asOf, &kept.sealed, &kept.document, &kept.moved)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && kept.hidden() {
		return bill.Bill{}, bill.ErrNotKept
	}
	if err != nil {
		return bill.Bill{}, fmt.Errorf("find bill: %w", err)
	}
	found, err := a.open(ctx, s, month, kept)
	if err != nil {
		return bill.Bill{}, err
	}
	// Older rows are anybody's, and software that does not seal yet forgets a bill
	// by its time alone.
	if found.Subscription() != s || kept.document == nil && !found.AsOf.Truncate(time.Microsecond).Equal(kept.asOf) {
		return bill.Bill{}, bill.ErrNotKept
	}
	if found.Outdated && found.CheckAmounts() != nil {
		return bill.Bill{}, bill.ErrNotKept
	}
	if !kept.own && found.Definitive() {
		if err := a.Keep(ctx, found); err != nil {
			return found, nil //nolint:nilerr // it is tried again when the bill is read again
		}
	}
	return found, nil
}

func (a *Archive) open(ctx context.Context, s bill.Subscription, month bill.Month, kept keptBill) (found bill.Bill, err error) {
	if kept.document != nil {
		return *kept.document, nil
	}
	place := olderBillPlace(s.Line.Digits(), string(month))
	if kept.own {
		place = billPlace(s.Line.Digits(), string(month), s.Customer)
	}
	if err := a.keyring.OpenJSON(ctx, kept.sealed, place, &found); err != nil {
		return bill.Bill{}, fmt.Errorf("find bill: %w", err)
	}
	return found, nil
}

// That KOS tells a bill of its customer ends a move of the line away.
const keepBill = `
WITH returned AS (
    DELETE FROM moved_line WHERE line_number = $1 AND customer_id = $3 AND known_since < $5
)
INSERT INTO customer_bill (line_number, billing_month, customer_id, final, as_of, sealed)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (line_number, billing_month, customer_id) DO UPDATE
SET final = excluded.final, as_of = excluded.as_of, sealed = excluded.sealed
WHERE NOT customer_bill.final AND customer_bill.as_of < excluded.as_of`

// Keep implements bill.Archive.
func (a *Archive) Keep(ctx context.Context, b bill.Bill) error {
	line, month, customer := b.Line.Digits(), string(b.Month), b.Customer.ID
	sealed, err := a.keyring.SealJSON(ctx, b, billPlace(line, month, customer))
	if err != nil {
		return fmt.Errorf("keep bill: %w", err)
	}
	if _, err := a.pool.Exec(ctx, keepBill, line, month, customer, b.Final, b.AsOf, sealed); err != nil {
		return fmt.Errorf("keep bill: %w", err)
	}
	return nil
}

const keepUnattributed = `
INSERT INTO bill_archive (line_number, billing_month, final, as_of, sealed)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (line_number, billing_month) DO UPDATE
SET final = excluded.final, as_of = excluded.as_of, sealed = excluded.sealed, document = NULL
WHERE NOT bill_archive.final AND bill_archive.as_of < excluded.as_of`

// KeepUnattributed implements bill.Archive.
func (a *Archive) KeepUnattributed(ctx context.Context, b bill.Bill) error {
	line, month := b.Line.Digits(), string(b.Month)
	sealed, err := a.keyring.SealJSON(ctx, b, olderBillPlace(line, month))
	if err != nil {
		return fmt.Errorf("keep bill: %w", err)
	}
	if _, err := a.pool.Exec(ctx, keepUnattributed, line, month, b.Final, b.AsOf, sealed); err != nil {
		return fmt.Errorf("keep bill: %w", err)
	}
	return nil
}

// LineChanged is the channel on which replicas tell one another that a line has
// a new plan. The payload is the line's digits.
const LineChanged = "line_changed"

// A line's open bill goes, whoever the customer is, by a newer row without one.
// When that is committed every replica hears of it.
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
