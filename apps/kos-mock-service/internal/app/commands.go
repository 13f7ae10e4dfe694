package app

import (
	"context"

	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
)

// Commands are what the binary can do, configured by environ.
func Commands(environ []string) map[string]platform.Command {
	return map[string]platform.Command{
		"serve":   configured(environ, func(cfg Config) platform.Command { return platform.Serve(Graph(cfg)) }),
		"migrate": configured(environ, migrate),
	}
}

// configured reads a command's configuration when it is run, so that one
// command does not ask for the settings of another.
func configured[T any](environ []string, command func(T) platform.Command) platform.Command {
	return func(ctx context.Context, args []string) error {
		cfg, err := config.Load[T](environ)
		if err != nil {
			return err
		}
		return command(cfg)(ctx, args)
	}
}

func migrate(cfg databaseConfig) platform.Command {
	return platform.Migrate(cfg.Database, cfg.Sidecar, postgres.Migrations())
}
