package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
)

// Activity implements bill.Activity.
type Activity struct{ pool *pgxpool.Pool }

var _ bill.Activity = (*Activity)(nil)

// NewActivity returns the activity in the history of pool's database.
func NewActivity(pool *pgxpool.Pool) *Activity { return &Activity{pool: pool} }

const activeLines = `
SELECT DISTINCT r.customer_id, r.line_number
FROM inquiry_request r
WHERE r.requested_at >= $1 AND r.status = 'COMPLETED' AND r.customer_id <> ''
  AND NOT EXISTS (SELECT FROM customer_bill a
                  WHERE a.line_number = r.line_number AND a.billing_month = $3 AND a.customer_id = r.customer_id
                    AND (a.final OR a.as_of > $2))
  AND NOT EXISTS (SELECT FROM moved_line m WHERE m.line_number = r.line_number AND m.customer_id = r.customer_id)
  AND NOT EXISTS (SELECT FROM kos_queue q WHERE q.endpoint = '` + string(bill.BillInquiry) + `' AND q.dedup_key = r.line_number || ' ' || $3)
LIMIT $4`

// Active implements bill.Activity.
func (a *Activity) Active(ctx context.Context, since, fresh time.Time, month bill.Month, limit int) ([]bill.Subscription, error) {
	rows, err := a.pool.Query(ctx, activeLines, since, fresh, string(month), limit)
	if err != nil {
		return nil, fmt.Errorf("find active lines: %w", err)
	}
	active, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s bill.Subscription, err error) {
		return s, row.Scan(&s.Customer, (*string)(&s.Line))
	})
	if err != nil {
		return nil, fmt.Errorf("find active lines: %w", err)
	}
	return active, nil
}
