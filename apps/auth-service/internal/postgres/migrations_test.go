package postgres_test

import (
	"io/fs"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"

	"github.com/phonebill/phonebill/apps/auth-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// TestMigrationsGoDownAndUp runs every migration down and up again.
func TestMigrationsGoDownAndUp(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, postgres.Migrations())
	files, err := fs.Glob(postgres.Migrations(), "*.sql")
	must(t, err)

	conn, err := database.Pool.Acquire(t.Context())
	must(t, err)
	defer conn.Release()
	migrator, err := migrate.NewMigrator(t.Context(), conn.Conn(), "public.schema_version")
	must(t, err)
	must(t, migrator.LoadMigrations(postgres.Migrations()))
	before := tables(t, conn.Conn())
	must(t, migrator.MigrateTo(t.Context(), 0))
	if left := tables(t, conn.Conn()); len(left) != 1 { // the table of the schema version
		t.Errorf("tables left after all down migrations: %v", left)
	}
	must(t, migrator.Migrate(t.Context()))
	if after := tables(t, conn.Conn()); len(after) != len(before) || len(files) != len(migrator.Migrations) {
		t.Errorf("tables were %v and are %v", before, after)
	}
}

func tables(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
	must(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return names
}
