package componenttest

import (
	"bytes"
	"testing"

	"github.com/phonebill/phonebill/apps/auth-service/internal/app"
	"github.com/phonebill/phonebill/apps/auth-service/internal/seed"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

// TestSeedDemoOnEmptyDatabase runs the commands that `make run` runs.
func TestSeedDemoOnEmptyDatabase(t *testing.T) {
	t.Parallel()
	s := prepareOn(t, emptyDatabase(t), noKOS)
	commands := app.Commands(s.environ)
	for range 2 { // the second time there is nothing to do
		expect.NoError(t, commands["migrate"](t.Context(), nil))
		expect.NoError(t, commands["seed-demo"](t.Context(), []string{"--users", "50"}))
	}
	var users int
	expect.NoError(t, s.database.Pool.QueryRow(t.Context(), "SELECT count(*) FROM app_user").Scan(&users))
	expect.Equal(t, users, 56)
	if bytes.Contains(pgtest.Content(t, s.database.Pool), []byte("홍길동")) {
		t.Error("a name is in the database in clear text")
	}
	expect.NoError(t, commands["reseal"](t.Context(), nil))

	s.serve()
	s.awaitReady()
	for _, id := range []string{"testuser01", "admin01", "loaduser0000050"} {
		s.post("/api/v1/auth/login", "", form{"userId": id, "password": seed.Password}).want(t, 200, "")
	}
	if err := commands["seed-demo"](t.Context(), []string{"--users", "many"}); err == nil {
		t.Error("an invalid number was accepted")
	}
}

// TestCreateAdminWithGeneratedPassword creates the first administrator.
func TestCreateAdminWithGeneratedPassword(t *testing.T) {
	t.Parallel()
	s := prepareOn(t, emptyDatabase(t), noKOS)
	commands := app.Commands(s.environ)
	expect.NoError(t, commands["migrate"](t.Context(), nil))
	expect.NoError(t, commands["create-admin"](t.Context(), []string{"--user-id", "chief"}))
	for _, args := range [][]string{{"--user-id", "chief"}, {"--user-id", "c"}, {}} {
		if err := commands["create-admin"](t.Context(), args); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
	var permission, granted string
	expect.NoError(t, s.database.Pool.QueryRow(t.Context(), "SELECT permission, granted_by FROM user_permission").Scan(&permission, &granted))
	expect.Equal(t, []string{permission, granted}, []string{"ADMIN", "system"})
	var actor, target string
	expect.NoError(t, s.database.Pool.QueryRow(t.Context(), "SELECT actor, target FROM audit_event").Scan(&actor, &target))
	expect.Equal(t, []string{actor, target}, []string{"command:create-admin", "chief"})
}
