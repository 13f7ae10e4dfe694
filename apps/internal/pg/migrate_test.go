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

// steps returns tables and the given migrations that come after it.
func steps(sql ...string) fstest.MapFS {
	migrations := fstest.MapFS{"001_customer.sql": tables["001_customer.sql"]}
	for i, text := range sql {
		name := []string{"002_second.sql", "003_third.sql"}[i]
		migrations[name] = &fstest.MapFile{Data: []byte(text + divider)}
	}
	return migrations
}

func TestMigrateGoesToTheNewestVersionAndStaysThere(t *testing.T) {
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

func TestMigrationsOfReplicasWaitForOneAnother(t *testing.T) {
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

func TestReplicasMayCreateTheFirstVersionTogether(t *testing.T) {
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

func TestABrokenMigrationLeavesNothing(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	_, err := pg.Migrate(t.Context(), database.Config, passwordOf(database),
		steps("CREATE TABLE second ();", "CREATE TABLE third (); SELECT FROM nowhere;"))
	if err == nil || !strings.Contains(err.Error(), "003_third.sql") {
		t.Errorf("the error does not tell which: %v", err)
	}
	exec(t, database.Pool, "SELECT FROM second")
	if query[bool](t, database.Pool, "SELECT to_regclass('third') IS NOT NULL") {
		t.Error("half a migration was left")
	}
	if version, err := pg.Migrate(t.Context(), database.Config, passwordOf(database),
		steps("CREATE TABLE second ();", "CREATE TABLE third ();")); err != nil || version.After != 3 {
		t.Errorf("after it was mended: version %d, %v", version, err)
	}
}

// A release that is rolled back runs its older migrations against the database
// that the newer one has migrated already.
func TestANewerDatabaseIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, steps("CREATE TABLE second ();"))
	version, err := pg.Migrate(t.Context(), database.Config, passwordOf(database), tables)
	if err != nil || version.After != 2 {
		t.Errorf("version %d, %v", version, err)
	}
	exec(t, database.Pool, "SELECT FROM second")
}

func TestMigrateTellsWhatItLacks(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	away := secretsFunc(func(string) (string, error) { return "", errAway })
	if _, err := pg.Migrate(t.Context(), database.Config, away, tables); err == nil || !strings.Contains(err.Error(), errAway.Error()) {
		t.Errorf("without a password: %v", err)
	}
	if _, err := pg.Migrate(t.Context(), database.Config, passwordOf(database), fstest.MapFS{}); err == nil {
		t.Error("no migrations, no error")
	}
}
