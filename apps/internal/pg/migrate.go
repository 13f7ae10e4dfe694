package pg

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"

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
	newHosts(connConfig).set(connConfig)
	if err := (&password{secrets: secrets, name: cfg.PasswordSecret}).set(ctx, connConfig); err != nil {
		return Versions{}, fmt.Errorf("migrate: %w", err)
	}
	conn, err := pgx.ConnectConfig(ctx, connConfig)
	if err != nil {
		return Versions{}, fmt.Errorf("migrate: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return MigrateConn(ctx, conn, migrations)
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
