package postgres_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"

	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
)

// TestMigrationsGoDownAndUp applies every migration down and up again: the down part must
// undo the up part.
func TestMigrationsGoDownAndUp(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	conn, err := pool.Acquire(t.Context())
	expect.NoError(t, err)
	defer conn.Release()
	migrator, err := migrate.NewMigrator(t.Context(), conn.Conn(), "public.schema_version")
	expect.NoError(t, err)
	expect.NoError(t, migrator.LoadMigrations(postgres.Migrations()))
	before := tables(t, conn.Conn())
	expect.NoError(t, migrator.MigrateTo(t.Context(), 0))
	if left := tables(t, conn.Conn()); len(left) != 1 { // the table of the version
		t.Errorf("left below: %v", left)
	}
	expect.NoError(t, migrator.Migrate(t.Context()))
	if diff := cmp.Diff(before, tables(t, conn.Conn())); diff != "" {
		t.Errorf("tables (-before +after):\n%s", diff)
	}
}

// Replicas of a new release migrate at the same time.
func TestQueueMigratesOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t, postgres.Migrations()).Pool
	done := make(chan error)
	for range 3 {
		go func() { done <- jobs.Migrate(t.Context(), pool) }()
	}
	for range 3 {
		expect.NoError(t, <-done)
	}
	expect.NoError(t, jobs.Migrate(t.Context(), pool))
	var jobs int
	expect.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM river_job").Scan(&jobs))
}

func tables(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
	expect.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	expect.NoError(t, err)
	return names
}
