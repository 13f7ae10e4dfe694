package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/auth-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// beforeCanonicalIDs is the schema version before ids were unique regardless of case.
const beforeCanonicalIDs = 9

// register inserts users as software of that version did.
func register(t *testing.T, database *pgtest.Database, ids ...string) {
	t.Helper()
	for _, id := range ids {
		expect.NoError(t, insert(t, database, id))
	}
}

func insert(t *testing.T, database *pgtest.Database, id string) error {
	t.Helper()
	_, err := database.Pool.Exec(t.Context(), `
		WITH created AS (INSERT INTO app_user (user_id) VALUES ($1) RETURNING user_id)
		INSERT INTO credential (user_id, password_hash) SELECT user_id, 'hash of ' || user_id FROM created`, id)
	return err
}

// migrated returns a store whose database was migrated with existing users.
func migrated(t *testing.T, ids ...string) (*postgres.Store, *pgtest.Database) {
	t.Helper()
	database := pgtest.New(t, postgres.Migrations())
	migrator := database.Migrator(t, postgres.Migrations())
	expect.NoError(t, migrator.MigrateTo(t.Context(), beforeCanonicalIDs))
	register(t, database, ids...)
	expect.NoError(t, migrator.Migrate(t.Context()))
	return postgres.NewStore(database.Pool, sealtest.Keyring(t), time.Now), database
}

func TestCollidingIDsSurviveTheMigration(t *testing.T) {
	t.Parallel()
	store, database := migrated(t, "kim", "KIM", "Kim", "Lee", "park")
	found := func(typed string) string {
		account, err := store.Account(t.Context(), typed)
		if err != nil && !errors.Is(err, identity.ErrUserNotFound) {
			t.Fatal(err)
		}
		return account.ID
	}
	for typed, want := range map[string]string{
		"kim": "kim", "KIM": "KIM", "Kim": "Kim", "kIM": "", // by the exact spelling only
		"Lee": "Lee", "lee": "Lee", "LEE": "Lee", "PARK": "park",
	} {
		if got := found(typed); got != want {
			t.Errorf("%s is %q, want %q", typed, got, want)
		}
	}

	newcomer := identitytest.Customer("kIM", "CUST1", "01011112222")
	for _, err := range []error{store.Create(t.Context(), newcomer), store.Available(t.Context(), newcomer.User)} {
		if !errors.Is(err, identity.ErrUserIDTaken) {
			t.Errorf("another twin: %v", err)
		}
	}
	if created, err := store.Import(t.Context(), []identity.Account{newcomer}); err != nil || created != 0 {
		t.Errorf("imported %d, %v", created, err)
	}
	for _, id := range []string{"kIM", "lee"} { // the previous version, still running
		if insert(t, database, id) == nil {
			t.Errorf("the previous version registered %s", id)
		}
	}
	register(t, database, "choi")
	if found("CHOI") != "choi" {
		t.Error("a user registered by the previous version is not found regardless of case")
	}

	// The last twin left is found regardless of case.
	_, err := database.Pool.Exec(t.Context(), "DELETE FROM app_user WHERE user_id IN ('kim', 'Kim')")
	expect.NoError(t, err)
	if found("kim") != "KIM" {
		t.Error("the last twin is found by the exact spelling only")
	}
}

func TestMigratedIDsIgnoreCase(t *testing.T) {
	t.Parallel()
	store, database := migrated(t, "kim", "Lee")
	for typed, want := range map[string]string{"KIM": "kim", "lee": "Lee"} {
		if account, err := store.Account(t.Context(), typed); err != nil || account.ID != want {
			t.Errorf("%s is %q, %v", typed, account.ID, err)
		}
	}
	var twins int
	expect.NoError(t, database.Pool.QueryRow(t.Context(), "SELECT count(*) FROM app_user WHERE twin > 0").Scan(&twins))
	if twins != 0 {
		t.Errorf("%d twins", twins)
	}
}

// TestImportTakesOneOfEachID covers two ids of one batch that differ only in case.
func TestImportTakesOneOfEachID(t *testing.T) {
	t.Parallel()
	store, _ := setup(t)
	accounts := []identity.Account{identitytest.Administrator("kim"), identitytest.Administrator("KIM"), identitytest.Administrator("lee")}
	for _, want := range []int{2, 0} {
		if created, err := store.Import(t.Context(), accounts); err != nil || created != want {
			t.Fatalf("imported %d, %v, want %d", created, err, want)
		}
	}
}
