package pg_test

import (
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

const divider = "\n---- create above / drop below ----\n"

// steps returns tables followed by the given migrations.
func steps(sql ...string) fstest.MapFS {
	migrations := fstest.MapFS{"001_customer.sql": tables["001_customer.sql"]}
	for i, text := range sql {
		name := []string{"002_second.sql", "003_third.sql"}[i]
		migrations[name] = &fstest.MapFile{Data: []byte(text + divider)}
	}
	return migrations
}

func TestMigrateIsIdempotent(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	migrations := steps("CREATE TABLE second ();", "CREATE TABLE third ();")
	for range 2 {
		version, err := pg.Migrate(t.Context(), database.Config, passwordOf(database), migrations)
		if err != nil || version.After != 3 {
			t.Errorf("version %d, %v", version, err)
		}
	}
	exec(t, database.Pool, "SELECT FROM second, third")
}

func TestConcurrentMigrationsAreSerialized(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	migrations := steps("CREATE TABLE second (); SELECT pg_sleep(0.1);", "CREATE TABLE third ();")
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			if version, err := pg.Migrate(t.Context(), database.Config, passwordOf(database), migrations); err != nil || version.After != 3 {
				t.Errorf("version %d, %v", version, err)
			}
		})
	}
	group.Wait()
}

func TestConcurrentMigrationsOfEmptyDatabase(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	exec(t, database.Pool, "DROP TABLE schema_version, customer, note")
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			if version, err := pg.Migrate(t.Context(), database.Config, passwordOf(database), tables); err != nil || version.After != 1 {
				t.Errorf("version %d, %v", version, err)
			}
		})
	}
	group.Wait()
}

func TestFailedMigrationIsRolledBack(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	_, err := pg.Migrate(t.Context(), database.Config, passwordOf(database),
		steps("CREATE TABLE second ();", "CREATE TABLE third (); SELECT FROM nowhere;"))
	if err == nil || !strings.Contains(err.Error(), "003_third.sql") {
		t.Errorf("the error does not name the file: %v", err)
	}
	exec(t, database.Pool, "SELECT FROM second")
	if query[bool](t, database.Pool, "SELECT to_regclass('third') IS NOT NULL") {
		t.Error("the failed migration is not rolled back")
	}
	if version, err := pg.Migrate(t.Context(), database.Config, passwordOf(database),
		steps("CREATE TABLE second ();", "CREATE TABLE third ();")); err != nil || version.After != 3 {
		t.Errorf("corrected migration: version %d, %v", version, err)
	}
}

// TestNewerDatabaseIsUnchanged covers a release that is rolled back.
func TestNewerDatabaseIsUnchanged(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, steps("CREATE TABLE second ();"))
	version, err := pg.Migrate(t.Context(), database.Config, passwordOf(database), tables)
	if err != nil || version.After != 2 {
		t.Errorf("version %d, %v", version, err)
	}
	exec(t, database.Pool, "SELECT FROM second")
}

func TestMigrateFailsWithoutPasswordOrMigrations(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	failing := secretsFunc(func(string) (string, error) { return "", errUnavailable })
	if _, err := pg.Migrate(t.Context(), database.Config, failing, tables); err == nil || !strings.Contains(err.Error(), errUnavailable.Error()) {
		t.Errorf("without a password: %v", err)
	}
	if _, err := pg.Migrate(t.Context(), database.Config, passwordOf(database), fstest.MapFS{}); err == nil {
		t.Error("no error without migrations")
	}
}
