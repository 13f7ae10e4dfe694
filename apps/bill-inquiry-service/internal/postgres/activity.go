package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/internal/msisdn"
)

// Activity implements bill.Activity.
type Activity struct{ pool *pgxpool.Pool }

var _ bill.Activity = (*Activity)(nil)

// NewActivity returns the activity that the histories in pool's database show.
func NewActivity(pool *pgxpool.Pool) *Activity { return &Activity{pool: pool} }

const activeLines = `
SELECT DISTINCT r.line_number
FROM inquiry_request r
WHERE r.requested_at >= $1 AND r.status = 'COMPLETED'
  AND NOT EXISTS (SELECT FROM bill_archive a
                  WHERE a.line_number = r.line_number AND a.billing_month = $3 AND (a.final OR a.as_of > $2))
  AND NOT EXISTS (SELECT FROM waiting_fetch f WHERE f.line_number = r.line_number AND f.billing_month = $3)
LIMIT $4`

// Active implements bill.Activity.
func (a *Activity) Active(ctx context.Context, since, fresh time.Time, month bill.Month, limit int) ([]msisdn.Number, error) {
	rows, err := a.pool.Query(ctx, activeLines, since, fresh, string(month), limit)
	if err != nil {
		return nil, fmt.Errorf("find active lines: %w", err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (line msisdn.Number, err error) {
		return line, row.Scan((*string)(&line))
	})
	if err != nil {
		return nil, fmt.Errorf("find active lines: %w", err)
	}
	return lines, nil
}
