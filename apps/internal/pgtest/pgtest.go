// Package pgtest creates a PostgreSQL database for each test by cloning a migrated
// template. It also starts servers and poolers. Only tests may import it.
package pgtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/phonebill/phonebill/apps/internal/pg"
)

// serverVariable is the environment variable with the URL of a PostgreSQL server,
// as superuser: postgres://user:password@host:port/database.
const serverVariable = "PHONEBILL_TEST_POSTGRES_URL"

// Database is the database of one test. It is dropped when the test ends.
type Database struct {
	Pool     *pgxpool.Pool
	Config   pg.Config
	Password string
}

// Step is a migration in Go that runs after the SQL migrations.
type Step struct {
	// Name identifies the step. It must change when Apply changes.
	Name  string
	Apply func(ctx context.Context, pool *pgxpool.Pool) error
}

// New returns a database to which migrations and steps are applied. Without a
// server the test is skipped, or fails where PHONEBILL_TEST_REQUIRED or CI is set.
func New(t testing.TB, migrations fs.FS, steps ...Step) *Database {
	t.Helper()
	server := serverURL(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	template := prepareTemplate(ctx, t, server, schema{migrations, steps})
	name := "test_" + rand.Text()
	admin(ctx, t, server, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", ident(name), ident(template)))
		return err
	})
	t.Cleanup(func() { drop(t, server, name) })

	pool, err := pgxpool.New(ctx, in(server, name).String())
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(pool.Close)
	password, _ := server.User.Password()
	return &Database{Pool: pool, Config: config(t, server, name), Password: password}
}

func serverURL(t testing.TB) *url.URL {
	t.Helper()
	text := os.Getenv(serverVariable)
	if text == "" {
		SkipOrFail(t, serverVariable)
	}
	server, err := url.Parse(text)
	if err != nil {
		t.Fatalf("pgtest: %s is not a URL", serverVariable)
	}
	return server
}

// SkipOrFail skips a test because an environment variable is not set, or fails it
// where PHONEBILL_TEST_REQUIRED or CI is set.
func SkipOrFail(t testing.TB, variable string) {
	t.Helper()
	if os.Getenv("PHONEBILL_TEST_REQUIRED") != "" || os.Getenv("CI") != "" {
		t.Fatalf("%s is not set: run the tests with make test", variable)
	}
	t.Skipf("%s is not set: make test sets it", variable)
}

// prepareTemplate returns the name of a template database with the schema, which it
// creates if needed. Concurrent test binaries share it.
func prepareTemplate(ctx context.Context, t testing.TB, server *url.URL, s schema) string {
	t.Helper()
	name := "template_" + s.digest(t)
	admin(ctx, t, server, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtext($1))", name); err != nil {
			return err
		}
		var exists bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists)
		if err != nil || exists {
			return err // closing the connection releases the lock
		}
		return createTemplate(ctx, conn, server, name, s)
	})
	return name
}

// createTemplate creates the template under a temporary name and renames it, so
// that a run that is killed leaves no incomplete template.
func createTemplate(ctx context.Context, conn *pgx.Conn, server *url.URL, name string, s schema) error {
	draft := name + "_draft"
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+ident(draft)); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+ident(draft)); err != nil {
		return err
	}
	if err := s.apply(ctx, in(server, draft).String()); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", ident(draft), ident(name)))
	return err
}

// schema is the migrations of a template.
type schema struct {
	migrations fs.FS
	steps      []Step
}

// apply migrates the empty database at address.
func (s schema) apply(ctx context.Context, address string) error {
	pool, err := pgxpool.New(ctx, address)
	if err != nil {
		return err
	}
	defer pool.Close()
	err = pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		_, err := pg.MigrateConn(ctx, conn.Conn(), s.migrations)
		return err
	})
	for _, step := range s.steps {
		if err == nil {
			err = step.Apply(ctx, pool)
		}
	}
	return err
}

// digest returns a hash of the schema.
func (s schema) digest(t testing.TB) string {
	t.Helper()
	sum := sha256.New()
	for _, step := range s.steps {
		_, _ = fmt.Fprintf(sum, "step %s ", step.Name)
	}
	err := fs.WalkDir(s.migrations, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(s.migrations, path)
		_, _ = fmt.Fprintf(sum, "%s %d %s", path, len(text), text)
		return err
	})
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

func drop(t testing.TB, server *url.URL, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	admin(ctx, t, server, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", ident(name)))
		return err
	})
}

func admin(ctx context.Context, t testing.TB, server *url.URL, do func(*pgx.Conn) error) {
	t.Helper()
	conn, err := pgx.Connect(ctx, server.String())
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := do(conn); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

// in returns the URL of another database of the same server.
func in(server *url.URL, database string) *url.URL {
	other := *server
	other.Path = database
	return &other
}

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

func config(t testing.TB, server *url.URL, name string) pg.Config {
	t.Helper()
	port, err := strconv.Atoi(server.Port())
	if err != nil {
		t.Fatalf("pgtest: %s has no port", serverVariable)
	}
	return pg.Config{
		Host: server.Hostname(), Port: port, Name: name, User: server.User.Username(),
		PasswordSecret: "database-password", SSLMode: "disable", MaxConns: 8,
	}
}
