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

// Command is one thing that a service's binary can do. Its context ends when
// the process is asked to stop.
type Command func(ctx context.Context, args []string) error

// Main runs the command that args name, "serve" if none, and returns the exit
// code: 0, 1 if it failed, 2 if there is no such command.
func Main(args []string, errors io.Writer, commands map[string]Command) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	name := "serve"
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	command, ok := commands[name]
	if !ok {
		_, _ = fmt.Fprintf(errors, "unknown command %q\n", name)
		return 2
	}
	if err := command(ctx, args); err != nil {
		_, _ = fmt.Fprintf(errors, "%s: %v\n", name, err)
		return 1
	}
	return 0
}

// Configured returns a command that reads its configuration from environ when
// it is run, so that one command does not ask for the settings of another.
func Configured[T any](environ []string, command func(T) Command) Command {
	return func(ctx context.Context, args []string) error {
		cfg, err := config.Load[T](environ)
		if err != nil {
			return err
		}
		return command(cfg)(ctx, args)
	}
}

// DatabaseConfig is what a command needs that only touches the database.
type DatabaseConfig struct {
	Database pg.Config
	Sidecar  sidecar.Config
}

const (
	// startTimeout bounds a start: nothing in it waits for others.
	startTimeout = 15 * time.Second
	// stopTimeout bounds a stop: the drain of the HTTP server and the writing
	// of what is buffered.
	stopTimeout = 20 * time.Second
)

// Serve is the command that runs the graph of options until the process is
// asked to stop, and then stops it in order.
func Serve(options ...fx.Option) Command {
	return func(ctx context.Context, _ []string) error {
		app := fx.New(options...)
		// Neither is cut short by the request to stop: what has been started is
		// stopped.
		lasting := context.WithoutCancel(ctx)
		starting, cancel := context.WithTimeout(lasting, startTimeout)
		defer cancel()
		if err := app.Start(starting); err != nil {
			return err
		}
		<-ctx.Done()
		stopping, cancel := context.WithTimeout(lasting, stopTimeout)
		defer cancel()
		return app.Stop(stopping)
	}
}

// Step migrates what is not in SQL files of ours.
type Step func(ctx context.Context, pool *pgxpool.Pool) error

// Migrate is the command that brings a service's database to the newest of
// migrations, then takes steps, and says which version that is.
func Migrate(environ []string, migrations fs.FS, steps ...Step) Command {
	return Configured(environ, func(cfg DatabaseConfig) Command { return migrate(cfg, migrations, steps) })
}

func migrate(cfg DatabaseConfig, migrations fs.FS, steps []Step) Command {
	return func(ctx context.Context, _ []string) error {
		client, err := sidecar.New(cfg.Sidecar)
		if err != nil {
			return err
		}
		defer func() { _ = client.Close() }()
		secrets := awaited{client}
		start := time.Now()
		versions, err := pg.Migrate(ctx, cfg.Database, secrets, migrations)
		if err != nil {
			return err
		}
		pool, err := pg.Open(cfg.Database.Direct(), secrets) // steps take locks
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

// migrated says what a migration did.
func migrated(database string, versions pg.Versions, took time.Duration) string {
	if versions.Before == versions.After {
		return fmt.Sprintf("database %s: at version %d, nothing to migrate", database, versions.After)
	}
	return fmt.Sprintf("database %s: migrated from version %d to %d in %s", database, versions.Before, versions.After, took.Round(time.Millisecond))
}
