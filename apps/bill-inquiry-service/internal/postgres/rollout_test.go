package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// mirrored is the schema version of the previous release, with table waiting_fetch as a
// mirror of kos_queue.
const mirrored = 8

// insertItem enqueues a fetch as the previous release does.
const insertItem = `
INSERT INTO kos_queue (endpoint, dedup_key, ordering_key, class, round, payload)
VALUES ('bill-inquiry', $1 || ' 2026-11', $1, 0, 0, jsonb_build_object('requestId', $2::text, 'customer ' || $3, ''))`

// TestMigrationPassesTransactionsOfThePreviousRelease drops the mirror while a replica of the
// previous release is in a transaction that locks first the queue, then its mirror.
func TestMigrationPassesTransactionsOfThePreviousRelease(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, postgres.Migrations())
	pool, migrator := database.Pool, database.Migrator(t, postgres.Migrations())
	must(t, migrator.MigrateTo(t.Context(), mirrored))

	migrated := make(chan error, 1)
	must(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), "SELECT FROM kos_queue FOR UPDATE") // as a claim does
		must(t, err)
		go func() { migrated <- migrator.Migrate(t.Context()) }()
		awaitNumber(t, pool, 1, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
		_, err = tx.Exec(t.Context(), insertItem, line.Digits(), uuid.NewString(), holder.ID) // a trigger writes the mirror
		return err
	}))
	must(t, <-migrated)
	exec(t, pool, `UPDATE kos_queue SET payload = payload || '{"customer CUST777": ""}', lease_until = clock_timestamp()`)
	if n := number(t, pool, "SELECT count(*) FROM kos_queue"); n != 1 {
		t.Errorf("%d items of the fetch", n)
	}
	exec(t, pool, "DELETE FROM kos_queue")
}

func TestMigrationDeletesFetchesOfCustomers(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, postgres.Migrations())
	migrator := database.Migrator(t, postgres.Migrations())
	must(t, migrator.MigrateTo(t.Context(), mirrored))
	exec(t, database.Pool, insertItem, line.Digits(), uuid.NewString(), holder.ID)
	exec(t, database.Pool, "UPDATE kos_queue SET endpoint = 'product-inquiry'")
	must(t, migrator.Migrate(t.Context()))
	if n := number(t, database.Pool, "SELECT count(*) FROM kos_queue"); n != 0 {
		t.Errorf("%d items are left", n)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// awaitNumber waits until a query returns a number.
func awaitNumber(t *testing.T, pool *pgxpool.Pool, want int, sql string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for number(t, pool, sql) != want {
		select {
		case <-deadline:
			t.Fatalf("not %d within 30 s: %s", want, sql)
		case <-time.After(10 * time.Millisecond): // poll
		}
	}
}
