package postgres_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/tern/v2/migrate"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// insertOlder queues a fetch as the release before does.
const insertOlder = `
INSERT INTO waiting_fetch AS held (endpoint, line_number, billing_month, request_id, class, round, since, due_at, refresh, reason, customers)
VALUES ('bill-inquiry', $1, '2026-11', $2, 0, 0, now(), now(), false, '', $3)
ON CONFLICT (line_number, billing_month) DO UPDATE
SET class = least(held.class, excluded.class), customers = held.customers || excluded.customers`

// TestMigrationTakesOverAFetchThatIsBeingQueued migrates while a replica of the release
// before has queued a fetch and not committed it.
func TestMigrationTakesOverAFetchThatIsBeingQueued(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	conn, err := pool.Acquire(t.Context())
	must(t, err)
	defer conn.Release()
	migrator, err := migrate.NewMigrator(t.Context(), conn.Conn(), "public.schema_version")
	must(t, err)
	must(t, migrator.LoadMigrations(postgres.Migrations()))
	must(t, migrator.MigrateTo(t.Context(), 6))

	migrated := make(chan error, 1)
	must(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), insertOlder, line.Digits(), uuid.NewString(), []string{holder.ID})
		must(t, err)
		go func() { migrated <- migrator.MigrateTo(t.Context(), 7) }()
		awaitNumber(t, pool, 1, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
		return nil
	}))
	must(t, <-migrated)
	if n := number(t, pool, "SELECT count(*) FROM kos_queue WHERE payload ? ('customer ' || $1)", holder.ID); n != 1 {
		t.Errorf("%d items of the fetch", n)
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

// TestReleaseBeforeTakesOverAnInquiry has this release queue an inquiry, which a replica of
// the release before joins, claims and ends, as after a rollback.
func TestReleaseBeforeTakesOverAnInquiry(t *testing.T) {
	t.Parallel()
	f := newFetches(t, sealtest.Keyring(t))
	r := f.enqueue(line, holder.ID)
	f.enqueue(line, "CUST777") // joins
	const mirrored = `SELECT count(*) FROM waiting_fetch
		WHERE endpoint = 'bill-inquiry' AND line_number = $1 AND billing_month = '2026-11' AND request_id::text = $2 AND class = 0
		  AND customers @> $3 AND due_at > clock_timestamp() + interval '20 seconds'`
	if n := number(t, f.pool, mirrored, line.Digits(), r.RequestID, []string{holder.ID, "CUST777"}); n != 1 {
		t.Fatalf("%d fetches for the release before", n)
	}
	exec(t, f.pool, insertOlder, line.Digits(), uuid.NewString(), []string{"CUST888"})
	if n := number(t, f.pool, "SELECT count(*) FROM kos_queue WHERE payload ?& array['customer CUST777', 'customer CUST888']"); n != 1 {
		t.Errorf("%d items have the customer of the release before", n)
	}
	exec(t, f.pool, "UPDATE waiting_fetch SET taken_until = clock_timestamp() + interval '15 seconds'")
	if n := number(t, f.pool, "SELECT count(*) FROM kos_queue WHERE due_at > clock_timestamp() + interval '10 seconds'"); n != 1 {
		t.Errorf("%d items are left to the release before while it works on them", n)
	}
	exec(t, f.pool, "DELETE FROM waiting_fetch")
	if n := number(t, f.pool, "SELECT count(*) FROM kos_queue"); n != 0 {
		t.Errorf("%d items are left", n)
	}
}

// TestClaimedItemIsLeftToItsReplica has this release claim an item that a replica of the
// release before could claim too.
func TestClaimedItemIsLeftToItsReplica(t *testing.T) {
	t.Parallel()
	f := newFetches(t, sealtest.Keyring(t))
	f.enqueue(line, holder.ID)
	exec(t, f.pool, "UPDATE waiting_fetch SET due_at = clock_timestamp()")
	left := 0
	f.reply = func(fetch bill.Fetch) bill.Reply {
		left = number(t, f.pool, "SELECT count(*) FROM waiting_fetch WHERE due_at > clock_timestamp()")
		return answered(fetch)
	}
	f.start()
	f.empty()
	if left != 1 {
		t.Errorf("%d fetches were left to the replica that worked on them", left)
	}
	if n := number(t, f.pool, "SELECT count(*) FROM waiting_fetch"); n != 0 {
		t.Errorf("%d fetches are left", n)
	}
}
