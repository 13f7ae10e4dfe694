package chaos

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/system"
)

// database is the database of product-change-service, read directly.
type database struct{ address string }

func openDatabase(set secrets.Set) database {
	address := url.URL{
		Scheme: "postgres", Host: system.PostgresAddress,
		User: url.UserPassword("product_change", set["database-password-product-change"]),
		Path: "product_change", RawQuery: "sslmode=disable",
	}
	return database{address.String()}
}

const readRows = `
SELECT r.request_id::text, r.user_id, coalesce(k.key, '') AS key, r.line_number,
    r.current_code, r.target_code, r.status, r.result_code, q.item_id IS NOT NULL AS holds,
    r.requested_at, r.processed_at
FROM change_request r
LEFT JOIN idempotency_key k USING (request_id)
LEFT JOIN kos_queue q ON q.endpoint = 'product-change' AND q.payload ->> 'requestId' = r.request_id::text
ORDER BY r.requested_at, r.request_id`

// rows returns all accepted changes.
func (d database) rows(ctx context.Context) ([]Row, error) {
	conn, err := pgx.Connect(ctx, d.address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	found, err := conn.Query(ctx, readRows)
	if err != nil {
		return nil, err
	}
	rows, err := pgx.CollectRows(found, scanRow)
	if err != nil {
		return nil, fmt.Errorf("read the rows: %w", err)
	}
	return rows, nil
}

func scanRow(found pgx.CollectableRow) (row Row, err error) {
	err = found.Scan(&row.RequestID, &row.User, &row.Key, &row.Line, &row.Current, &row.Target,
		&row.Status, &row.Code, &row.Holds, &row.RequestedAt, &row.ProcessedAt)
	return row, err
}

// settled returns how long after the last recovery, or after its acceptance if that was later, the
// last change became final.
func settled(rows []Row, ready time.Time) time.Duration {
	var longest time.Duration
	for _, row := range rows {
		from := ready
		if row.RequestedAt.After(ready) {
			from = row.RequestedAt
		}
		if row.ProcessedAt != nil {
			longest = max(longest, row.ProcessedAt.Sub(from))
		}
	}
	return longest
}
