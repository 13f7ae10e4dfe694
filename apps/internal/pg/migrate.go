package pg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/tern/v2/migrate"

	"github.com/phonebill/phonebill/apps/internal/pgerr"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// versionTable is the table in which tern stores the number of the last migration.
const versionTable = "public.schema_version"

// Versions are a database's migration numbers before and after Migrate.
type Versions struct{ Before, After int32 }

// Migrate applies migrations, numbered SQL files in tern's format, each in its own
// transaction. A lock serializes concurrent runs. A database with a newer version
// is left unchanged, as after a rollback of a release. Migrate bypasses a connection
// pooler, because the lock belongs to a session.
func Migrate(ctx context.Context, cfg Config, secrets sidecar.Secrets, migrations fs.FS) (Versions, error) {
	direct := cfg.Direct()
	connConfig, err := pgx.ParseConfig(direct.dsn())
	if err != nil {
		return Versions{}, fmt.Errorf("migrate: %w", err)
	}
	prepare(connConfig, direct)
	conn, err := connectMigrator(ctx, connConfig, &password{secrets: secrets, name: cfg.PasswordSecret})
	if err != nil {
		return Versions{}, fmt.Errorf("migrate: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return MigrateConn(ctx, conn, migrations)
}

const (
	// migrateWait is how long Migrate waits for a database that is unavailable: it runs
	// while the database starts, or on a busy machine.
	migrateWait = 30 * time.Second
	// migratePause is the pause between its attempts to connect.
	migratePause = 500 * time.Millisecond
)

// connectMigrator returns a connection to the server that writes. It tries again while
// the database is unavailable.
func connectMigrator(ctx context.Context, cfg *pgx.ConnConfig, secret *password) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, migrateWait)
	defer cancel()
	for {
		attempt := cfg.Copy()
		newHosts(attempt).set(attempt)
		if err := secret.set(ctx, attempt); err != nil {
			return nil, err
		}
		conn, err := pgx.ConnectConfig(ctx, attempt)
		if err == nil || !mayPass(err) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(migratePause):
		}
	}
}

// mayPass reports whether a later attempt to connect may succeed: the server is
// unavailable, and has not refused this client.
func mayPass(err error) bool {
	if fault, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgerr.Unavailable(fault)
	}
	return pgerr.Unavailable(err) && !errors.Is(err, errPooler)
}

// MigrateConn is Migrate on an open connection.
func MigrateConn(ctx context.Context, conn *pgx.Conn, migrations fs.FS) (Versions, error) {
	migrator, err := migrate.NewMigrator(ctx, conn, versionTable)
	if err != nil {
		return Versions{}, fmt.Errorf("migrate: %w", err)
	}
	if err := migrator.LoadMigrations(migrations); err != nil {
		return Versions{}, fmt.Errorf("migrate: %w", err)
	}
	before, err := migrator.GetCurrentVersion(ctx)
	after := before
	if err == nil && int(before) <= len(migrator.Migrations) {
		if err = migrator.Migrate(ctx); err == nil {
			after, err = migrator.GetCurrentVersion(ctx)
		}
	}
	if err != nil {
		return Versions{}, fmt.Errorf("migrate: %w", err)
	}
	return Versions{before, after}, nil
}
