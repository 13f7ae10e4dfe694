package pg_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/internal/pgtest"
)

func TestOpenConnectsAtFirstUse(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	var (
		reads   atomic.Int32
		failing atomic.Bool
	)
	failing.Store(true)
	pool := open(t, database.Config, func(name string) (string, error) {
		reads.Add(1)
		if failing.Load() {
			return "", errUnavailable
		}
		return passwordOf(database)(name)
	})
	if n := reads.Load(); n != 0 {
		t.Errorf("%d reads of the password before the first use", n)
	}
	if _, err := pool.Exec(t.Context(), "SELECT 1"); !errors.Is(err, errUnavailable) || !pgerr.Unavailable(err) {
		t.Errorf("without a password: %v", err)
	}
	failing.Store(false)
	if user := query[string](t, pool, "SELECT current_user"); user != database.Config.User {
		t.Errorf("connected as %q", user)
	}
}

func TestPasswordFileHasPriorityOverSecret(t *testing.T) { // not parallel: it sets an environment variable
	database := pgtest.New(t, tables)
	file := filepath.Join(t.TempDir(), "pgpass")
	entry := fmt.Sprintf("%s:%d:%s:%s:%s\n", database.Config.Host, database.Config.Port, database.Config.Name, database.Config.User, database.Password)
	if err := os.WriteFile(file, []byte(entry), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGPASSFILE", file)
	pool := open(t, database.Config, func(string) (string, error) { return "", errUnavailable })
	query[int](t, pool, "SELECT 1")
}

func TestPingErrorHidesInternals(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	proxy, cfg := between(t, database.Config)
	pool := open(t, cfg, passwordOf(database))
	if err := pg.Ping(pool)(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	_ = proxy.listener.Close()
	proxy.cut()
	err := pg.Ping(pool)(t.Context())
	if err == nil {
		t.Fatal("no error from an unreachable server")
	}
	for _, internal := range []string{cfg.Host, cfg.User, cfg.Name} {
		if strings.Contains(err.Error(), internal) {
			t.Errorf("%q contains %q", err, internal)
		}
	}
}

func TestUniqueViolationNamesTheConstraint(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	exec(t, database.Pool, "INSERT INTO customer VALUES (1, '01012345678')")
	for sql, want := range map[string]string{
		"INSERT INTO customer VALUES (1, '01000000000')": "customer_pk",
		"INSERT INTO customer VALUES (2, '01012345678')": "line_taken",
		"INSERT INTO customer VALUES ('x')":              "",
	} {
		_, err := database.Pool.Exec(t.Context(), sql)
		if got, ok := pgerr.IsUniqueViolation(fmt.Errorf("register: %w", err)); got != want || ok != (want != "") {
			t.Errorf("%s: constraint %q, %t", sql, got, ok)
		}
	}
	if _, ok := pgerr.IsUniqueViolation(nil); ok {
		t.Error("nil is a violation")
	}
}

func TestUndefinedTable(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t, tables)
	_, err := database.Pool.Exec(t.Context(), "SELECT * FROM nowhere")
	if !pgerr.IsUndefinedTable(fmt.Errorf("read: %w", err)) || pgerr.IsUndefinedTable(errUnavailable) || pgerr.IsUndefinedTable(nil) {
		t.Errorf("wrong result for %v", err)
	}
}

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[bool]pg.Config{
		true:  {MaxConns: 1, Port: 5432},
		false: {MaxConns: 0, Port: 5432},
	} {
		if err := cfg.Validate(); (err == nil) != want {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if (&pg.Config{MaxConns: 1, Port: 70000}).Validate() == nil {
		t.Error("port 70000 is accepted")
	}
}

func TestSplitLeavesAConnectionForEach(t *testing.T) {
	t.Parallel()
	for all, want := range map[int32][2]int32{1: {1, 1}, 2: {1, 1}, 10: {8, 2}, 20: {15, 5}} {
		requests, workers := (pg.Config{MaxConns: all}).Split()
		if got := [2]int32{requests.MaxConns, workers.MaxConns}; got != want {
			t.Errorf("%d connections are split into %v, want %v", all, got, want)
		}
	}
}
