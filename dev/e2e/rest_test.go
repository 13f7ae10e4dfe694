package e2e

import (
	"context"
	"fmt"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/internal/redis"
	"github.com/phonebill/phonebill/dev/system"
)

// holding counts the rows of a table that contain a text, also as bytes.
const holding = `
SELECT count(*) FROM %s t
WHERE position($1 IN t::text) > 0 OR position(encode(convert_to($1, 'UTF8'), 'hex') IN t::text) > 0`

// rowsHolding returns how many rows of a service's tables contain a text.
func rowsHolding(ctx context.Context, database, secret, text string) (found int, err error) {
	address := url.URL{
		Scheme: "postgres", Host: server(system.Postgres),
		User: url.UserPassword(database, whole.secrets[secret]), Path: database, RawQuery: "sslmode=disable",
	}
	conn, err := pgx.Connect(ctx, address.String())
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, `SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'`)
	if err != nil {
		return 0, err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, err
	}
	for _, table := range tables {
		var n int
		if err := conn.QueryRow(ctx, fmt.Sprintf(holding, pgx.Identifier{table}.Sanitize()), text).Scan(&n); err != nil {
			return 0, fmt.Errorf("%s: %w", table, err)
		}
		found += n
	}
	return found, nil
}

// stores count occurrences of a text in the services' stores, by name. The database of
// kos-mock-service is not included, because it is the carrier's.
var stores = map[string]func(ctx context.Context, text string) (int, error){
	"database auth": func(ctx context.Context, text string) (int, error) {
		return rowsHolding(ctx, "auth", "database-password-auth", text)
	},
	"database bill_inquiry": func(ctx context.Context, text string) (int, error) {
		return rowsHolding(ctx, "bill_inquiry", "database-password-bill-inquiry", text)
	},
	"database product_change": func(ctx context.Context, text string) (int, error) {
		return rowsHolding(ctx, "product_change", "database-password-product-change", text)
	},
	"redis": func(ctx context.Context, text string) (int, error) {
		return redis.Count(ctx, server(system.Redis), whole.secrets["redis-auth-key"], text)
	},
	"redis of the caches": func(ctx context.Context, text string) (int, error) {
		return redis.Count(ctx, server(system.RedisCache), whole.secrets["redis-cache-auth-key"], text)
	},
}

// TestStoredDataIsSealed reads all stores as an attacker with a copy would.
func TestStoredDataIsSealed(t *testing.T) {
	t.Parallel()
	singly(t)
	c := subscriber(t)
	bill := c.see(t, api.Month(1))
	c.see(t, api.Month(0))
	c.Subscription(c.Line).OK(t)
	private := []string{
		c.Name, bill.CustomerInfo.Name, `"charges"`, `"customerName"`, "청구 금액",
		fmt.Sprintf(`"total":%d`, bill.Bill.TotalFee), fmt.Sprintf(`"total": %d`, bill.Bill.TotalFee),
	}
	there := map[string]string{ // texts that must be found, to validate the search
		"database auth": c.UserID, "database bill_inquiry": c.Line, "database product_change": c.Line, "redis": c.UserID, "redis of the caches": "phonebill-cache",
	}
	for store, count := range stores {
		if n, err := count(t.Context(), there[store]); err != nil || n == 0 {
			t.Errorf("%s lacks the expected text: %v", store, err)
		}
		for _, text := range private {
			if n, err := count(t.Context(), text); err != nil || n > 0 {
				t.Errorf("%s contains %s %d times, %v", store, text, n, err)
			}
		}
	}
}
