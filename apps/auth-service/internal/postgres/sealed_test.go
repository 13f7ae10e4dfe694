package postgres_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/auth-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sealtest"
)

// sealedSetup is setup with replaceable keys.
func sealedSetup(t *testing.T) (*postgres.Store, *pgtest.Database, *sealtest.Store) {
	t.Helper()
	database := pgtest.New(t, postgres.Migrations())
	keys := sealtest.NewStore(sealtest.Keyset(t))
	return postgres.NewStore(database.Pool, keys.Keyring(), time.Now), database, keys
}

// expectNoName checks that the database contains the user but not the name in clear text.
func expectNoName(t *testing.T, database *pgtest.Database, a identity.Account) {
	t.Helper()
	content := pgtest.Content(t, database.Pool)
	if !bytes.Contains(content, []byte(a.ID)) || bytes.Contains(content, []byte(a.Name)) {
		t.Errorf("%s in the database: %q", a.Name, content)
	}
}

func expectName(t *testing.T, store *postgres.Store, id, want string) {
	t.Helper()
	if got, err := store.User(t.Context(), id); err != nil || got.Name != want {
		t.Errorf("%s is %q, %v; want %q", id, got.Name, err, want)
	}
}

var lee = identitytest.Customer("lee", "CUST2", "01011113333")

func TestNamesAreSealed(t *testing.T) {
	t.Parallel()
	store, database, _ := sealedSetup(t)
	expect.NoError(t, store.Create(t.Context(), kim))
	_, err := store.Import(t.Context(), []identity.Account{lee})
	expect.NoError(t, err)
	for _, a := range []identity.Account{kim, lee} {
		expectNoName(t, database, a)
		expectName(t, store, a.ID, a.Name)
	}
}

// TestUnreadableNameDoesNotPreventLogin covers a name whose key is gone and one that was moved to
// another user.
func TestUnreadableNameDoesNotPreventLogin(t *testing.T) {
	t.Parallel()
	store, database, _ := sealedSetup(t)
	expect.NoError(t, store.Create(t.Context(), kim))
	expect.NoError(t, store.Create(t.Context(), lee))
	_, err := database.Pool.Exec(t.Context(), `
		UPDATE app_user SET sealed_name = (SELECT sealed_name FROM app_user WHERE user_id = 'kim') WHERE user_id = 'lee'`)
	expect.NoError(t, err)
	expectName(t, store, "lee", "")
	stranger := postgres.NewStore(database.Pool, sealtest.Keyring(t), time.Now)
	account, err := stranger.Account(t.Context(), "kim")
	want := kim
	want.Name = ""
	if diff := cmp.Diff(want, account); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestReseal(t *testing.T) {
	t.Parallel()
	store, database, keys := sealedSetup(t)
	expect.NoError(t, store.Create(t.Context(), kim))
	expect.NoError(t, store.Create(t.Context(), lee))
	_, err := database.Pool.Exec(t.Context(), // as a version before sealing writes it
		`UPDATE app_user SET user_name = $1, sealed_name = NULL WHERE user_id = 'lee'`, lee.Name)
	expect.NoError(t, err)
	expectName(t, store, "lee", lee.Name)

	old, err := keys.Secret(t.Context(), "")
	expect.NoError(t, err)
	promoted := sealtest.Promoted(t, sealtest.Added(t, old))
	keys.Put(promoted)
	for _, table := range postgres.Sealed(database.Pool) {
		got, err := seal.Reseal(t.Context(), keys.Keyring(), table)
		if diff := cmp.Diff(seal.Report{Resealed: 2}, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	keys.Put(sealtest.Reduced(t, promoted))
	for _, a := range []identity.Account{kim, lee} {
		expectNoName(t, database, a)
		expectName(t, store, a.ID, a.Name)
	}
}
