package pgtest

import (
	"io/fs"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"
)

// Migrator returns a migrator of the database, which was created with migrations. Its
// connection is released when the test ends.
func (d *Database) Migrator(t testing.TB, migrations fs.FS) *migrate.Migrator {
	t.Helper()
	conn, err := d.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Release)
	migrator, err := migrate.NewMigrator(t.Context(), conn.Conn(), "public.schema_version")
	if err != nil {
		t.Fatal(err)
	}
	if err := migrator.LoadMigrations(migrations); err != nil {
		t.Fatal(err)
	}
	return migrator
}

// objects selects the relations, functions and triggers of the schema, without those of
// the schema version.
const objects = `
SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'schema_version%'
UNION ALL SELECT proname || '()' FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT tgname || ' on ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal
ORDER BY 1`

// DownAndUp checks that the down part of each migration undoes its up part.
func DownAndUp(t testing.TB, migrations fs.FS) {
	t.Helper()
	database := New(t, migrations)
	migrator := database.Migrator(t, migrations)
	last := int32(len(migrator.Migrations))
	schemas := make([][]string, last+1)
	visit := func(version int32, check func(found []string)) {
		t.Helper()
		if err := migrator.MigrateTo(t.Context(), version); err != nil {
			t.Fatal(err)
		}
		rows, _ := database.Pool.Query(t.Context(), objects)
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		check(found)
	}
	for version := last; version >= 0; version-- {
		visit(version, func(found []string) { schemas[version] = found })
	}
	if len(schemas[0]) > 0 {
		t.Errorf("left below the first migration: %v", schemas[0])
	}
	for version := range last + 1 {
		visit(version, func(found []string) {
			if !slices.Equal(found, schemas[version]) {
				t.Errorf("schema %d: %v, and after the down part of the next migration %v", version, found, schemas[version])
			}
		})
	}
}
