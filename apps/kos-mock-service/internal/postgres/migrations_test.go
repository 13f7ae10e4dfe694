package postgres_test

import (
	"testing"

	"github.com/jackc/tern/v2/migrate"

	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
)

func TestMigrationsGoDownAndUpAgain(t *testing.T) {
	t.Parallel()
	conn, err := pgtestPool(t).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	migrator, err := migrate.NewMigrator(t.Context(), conn.Conn(), "public.schema_version")
	if err != nil {
		t.Fatal(err)
	}
	if err := migrator.LoadMigrations(postgres.Migrations()); err != nil {
		t.Fatal(err)
	}
	if err := migrator.MigrateTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	var left int
	err = conn.QueryRow(t.Context(), `
		SELECT count(*) FROM pg_class
		WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'schema_version%'`).Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d relations are left, %v", left, err)
	}
	if err := migrator.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
}
