package platform

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Command is a subcommand of a service's binary. Its context ends at SIGINT or
// SIGTERM.
type Command func(ctx context.Context, args []string) error

// Main runs the command args[0], by default "serve", and returns the exit code: 0,
// 1 if it failed, 2 if it is unknown. Every service has the command "log-level" too.
func Main(args []string, errors io.Writer, commands map[string]Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	name := "serve"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	command := commands[name]
	if name == "log-level" {
		command = logLevel
	}
	if command == nil {
		_, _ = fmt.Fprintf(errors, "unknown command %q\n", name)
		return 2
	}
	if err := command(ctx, args); err != nil {
		_, _ = fmt.Fprintf(errors, "%s: %v\n", name, err)
		return 1
	}
	return 0
}

// WithConfig returns a command that loads its configuration from environ when it
// runs, so that each command requires only its own settings.
func WithConfig[T any](environ []string, command func(T) Command) Command {
	return func(ctx context.Context, args []string) error {
		cfg, err := config.Load[T](environ)
		if err != nil {
			return err
		}
		return command(cfg)(ctx, args)
	}
}

// DatabaseConfig is the configuration of a command that uses only the database.
type DatabaseConfig struct {
	Database pg.Config
	Sidecar  sidecar.Config
}

const (
	// startTimeout bounds a start, which does not wait for other services.
	startTimeout = 15 * time.Second
	// stopTimeout bounds a stop, which drains the HTTP server and writes buffered
	// rows.
	stopTimeout = 20 * time.Second
)

// Serve returns the command that runs the fx app of options until ctx ends, and
// then stops it.
func Serve(options ...fx.Option) Command {
	return func(ctx context.Context, _ []string) error {
		app := fx.New(options...)
		// A signal must not cancel start or stop.
		uncancelled := context.WithoutCancel(ctx)
		starting, cancel := context.WithTimeout(uncancelled, startTimeout)
		defer cancel()
		if err := app.Start(starting); err != nil {
			return err
		}
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(uncancelled, stopTimeout)
		defer cancel()
		return app.Stop(stopping)
	}
}

// Step is a migration in Go that runs after the SQL migrations.
type Step func(ctx context.Context, pool *pgxpool.Pool) error

// Migrate returns the command that applies migrations and then steps to a service's
// database, and prints its version.
func Migrate(environ []string, migrations fs.FS, steps ...Step) Command {
	return WithConfig(environ, func(cfg DatabaseConfig) Command { return migrate(cfg, migrations, steps) })
}

func migrate(cfg DatabaseConfig, migrations fs.FS, steps []Step) Command {
	return func(ctx context.Context, _ []string) error {
		client, err := sidecar.New(cfg.Sidecar)
		if err != nil {
			return err
		}
		defer func() { _ = client.Close() }()
		secrets := waitingSecrets{client}
		start := time.Now()
		versions, err := pg.Migrate(ctx, cfg.Database, secrets, migrations)
		if err != nil {
			return err
		}
		pool, err := pg.Open(cfg.Database.Direct(), secrets) // steps hold session locks
		if err != nil {
			return err
		}
		defer pool.Close()
		for _, step := range steps {
			if err := step(ctx, pool); err != nil {
				return err
			}
		}
		_, err = fmt.Println(migrated(cfg.Database.Name, versions, time.Since(start)))
		return err
	}
}

// migrated returns the text that Migrate prints.
func migrated(database string, versions pg.Versions, took time.Duration) string {
	if versions.Before == versions.After {
		return fmt.Sprintf("database %s: at version %d, nothing to migrate", database, versions.After)
	}
	return fmt.Sprintf("database %s: migrated from version %d to %d in %s", database, versions.Before, versions.After, took.Round(time.Millisecond))
}
