package postgres_test

import (
	"io/fs"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"

	"github.com/phonebill/phonebill/apps/auth-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// TestMigrationsGoDownAndUp runs every migration down and up again.
func TestMigrationsGoDownAndUp(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, postgres.Migrations())
	files, err := fs.Glob(postgres.Migrations(), "*.sql")
	expect.NoError(t, err)

	conn, err := database.Pool.Acquire(t.Context())
	expect.NoError(t, err)
	defer conn.Release()
	migrator, err := migrate.NewMigrator(t.Context(), conn.Conn(), "public.schema_version")
	expect.NoError(t, err)
	expect.NoError(t, migrator.LoadMigrations(postgres.Migrations()))
	before := tables(t, conn.Conn())
	expect.NoError(t, migrator.MigrateTo(t.Context(), 0))
	if left := tables(t, conn.Conn()); len(left) != 1 { // the table of the schema version
		t.Errorf("tables left after all down migrations: %v", left)
	}
	expect.NoError(t, migrator.Migrate(t.Context()))
	if after := tables(t, conn.Conn()); len(after) != len(before) || len(files) != len(migrator.Migrations) {
		t.Errorf("tables were %v and are %v", before, after)
	}
}

func tables(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
	expect.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	expect.NoError(t, err)
	return names
}
