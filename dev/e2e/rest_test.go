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

// store is where services keep data.
type store struct {
	// count returns how often it contains a text.
	count func(ctx context.Context, text string) (int, error)
	// known returns a text that it contains, given a customer who has logged in and seen a bill.
	known func(c customer) string
}

// stores returns the services' stores by name. The database of kos-mock-service is not included,
// because it is the carrier's.
func stores() map[string]store {
	database := func(name, secret string, known func(customer) string) store {
		return store{func(ctx context.Context, text string) (int, error) { return rowsHolding(ctx, name, secret, text) }, known}
	}
	userID, line := func(c customer) string { return c.UserID }, func(c customer) string { return c.Line }
	all := map[string]store{
		"database auth":           database("auth", "database-password-auth", userID),
		"database bill_inquiry":   database("bill_inquiry", "database-password-bill-inquiry", line),
		"database product_change": database("product_change", "database-password-product-change", line),
	}
	if !has(system.Redis) {
		all["database of the state stores"] = database("dapr_state", "database-password-dapr-state", userID)
		return all
	}
	server := func(role system.Role, secret string, known func(customer) string) store {
		return store{func(ctx context.Context, text string) (int, error) {
			return redis.Count(ctx, server(role), whole.secrets[secret], text)
		}, known}
	}
	all["redis"] = server(system.Redis, "redis-auth-key", userID)
	all["redis of the caches"] = server(system.RedisCache, "redis-cache-auth-key", func(customer) string { return "phonebill-cache" })
	return all
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
	for name, store := range stores() {
		if n, err := store.count(t.Context(), store.known(c)); err != nil || n == 0 {
			t.Errorf("%s lacks the expected text: %v", name, err)
		}
		for _, text := range private {
			if n, err := store.count(t.Context(), text); err != nil || n > 0 {
				t.Errorf("%s contains %s %d times, %v", name, text, n, err)
			}
		}
	}
}
