package postgres_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/dev/internal/postgres"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

// start runs a server in a folder that only its owner may enter, like a checkout below a private
// home.
func start(t *testing.T) (postgres.Server, *proc.Child) {
	t.Helper()
	if !postgres.Installed() {
		t.Skip("PostgreSQL is not installed")
	}
	port, err := proc.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	server := postgres.Server{Dir: filepath.Join(home, "pg"), Log: filepath.Join(home, "log"), Port: port}
	return server, run(t, server)
}

// run starts the server, waits until it is ready, and stops it after the test.
func run(t *testing.T, server postgres.Server) *proc.Child {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child, err := server.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Signal(syscall.SIGINT) // ErrGone is fine
		<-child.Done()
	})
	if err := proc.Poll(ctx, func() bool { return server.Ping(ctx) == nil || !child.Alive() }); err != nil || !child.Alive() {
		log, _ := os.ReadFile(server.Log)
		t.Fatalf("the server is not ready: %v\n%s", err, log)
	}
	return child
}

func connect(t *testing.T, server postgres.Server, database postgres.Database) error {
	t.Helper()
	address, err := server.URL(database.Name)
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	config.User, config.Password = database.Role, database.Password
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		return err
	}
	return conn.Close(t.Context())
}

func TestProvisionGivesEachRoleItsOwnDatabaseOnly(t *testing.T) {
	t.Parallel()
	server, _ := start(t)
	one := postgres.Database{Name: "one", Role: "one", Password: `it's "one"`}
	two := postgres.Database{Name: "two", Role: "two", Password: "2"}
	if err := server.Provision(t.Context(), []postgres.Database{one, two}); err != nil {
		t.Fatal(err)
	}
	if err := connect(t, server, one); err != nil {
		t.Errorf("a role cannot reach its own database: %v", err)
	}
	if err := connect(t, server, postgres.Database{Name: "two", Role: "one", Password: one.Password}); err == nil {
		t.Error("a role reaches another role's database")
	}

	renewed := one
	renewed.Password = "another"
	if err := server.Provision(t.Context(), []postgres.Database{renewed, two}); err != nil {
		t.Fatalf("the second time: %v", err)
	}
	if err := connect(t, server, renewed); err != nil {
		t.Errorf("the new password is not in force: %v", err)
	}
	if err := connect(t, server, one); err == nil {
		t.Error("the old password is still in force")
	}
}

func TestPasswordFileOpensTheDatabase(t *testing.T) {
	t.Parallel()
	server, _ := start(t)
	database := postgres.Database{Name: "app", Role: "app", Password: `co:lon and back\slash`}
	if err := server.Provision(t.Context(), []postgres.Database{database}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pgpass")
	if err := server.WritePasswordFile(file, []postgres.Database{database}); err != nil {
		t.Fatal(err)
	}
	address, err := server.URL("app")
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(address + "&user=app&password=&passfile=" + file)
	if err != nil {
		t.Fatal(err)
	}
	if config.Password != database.Password {
		t.Fatalf("the password file gives %q", config.Password)
	}
}

func TestStartAfterAKillKeepsTheData(t *testing.T) {
	t.Parallel()
	server, child := start(t)
	database := postgres.Database{Name: "kept", Role: "kept", Password: "p"}
	if err := server.Provision(t.Context(), []postgres.Database{database}); err != nil {
		t.Fatal(err)
	}
	family := child.Family()
	for _, member := range family {
		_ = member.Signal(syscall.SIGKILL)
	}
	for _, member := range family {
		if err := member.WaitGone(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	run(t, server)
	if err := connect(t, server, database); err != nil {
		t.Fatalf("after the restart: %v", err)
	}
}
