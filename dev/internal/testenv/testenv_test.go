package testenv_test

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/postgres"
	"github.com/phonebill/phonebill/dev/internal/testenv"
)

func TestServersRunUntilTheyAreStopped(t *testing.T) {
	if !postgres.Installed() {
		t.Skip("PostgreSQL is not installed")
	}
	here, err := checkout.Find(".")
	if err != nil {
		t.Fatal(err)
	}
	// The servers of a temporary checkout, with the tools of this one.
	root := checkout.Checkout{Root: t.TempDir()}
	if err := os.CopyFS(root.Path("dev", "tools"), os.DirFS(here.Path("dev", "tools"))); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", here.Local("bin")+":"+os.Getenv("PATH"))
	for _, tool := range []string{"daprd", "helm"} {
		if _, err := os.Stat(here.Bin(tool)); err != nil {
			t.Skipf("%s has not been built", tool)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	env, err := testenv.Start(ctx, root, console.New(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if another, err := testenv.Start(ctx, root, console.New(io.Discard)); err == nil {
		t.Errorf("a second one started: %v", another.Stop())
	}
	variables := make(map[string]string)
	for _, variable := range env.Environ {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	conn, err := pgx.Connect(ctx, variables["PHONEBILL_TEST_POSTGRES_URL"])
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := env.Stop(); err != nil {
		t.Fatal(err)
	}
	if conn, err := pgx.Connect(ctx, variables["PHONEBILL_TEST_POSTGRES_URL"]); err == nil {
		_ = conn.Close(ctx)
		t.Error("PostgreSQL is still running")
	}
	if _, err := os.Stat(root.Local("test")); !os.IsNotExist(err) {
		t.Errorf("the data still exist: %v", err)
	}
}
