package app

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/auth-service/internal/password"
	"github.com/phonebill/phonebill/apps/auth-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/auth-service/internal/seed"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Commands are what the binary can do, configured by environ.
func Commands(environ []string) map[string]platform.Command {
	return map[string]platform.Command{
		"serve":        platform.Configured(environ, func(cfg Config) platform.Command { return platform.Serve(Graph(cfg)) }),
		"migrate":      platform.Migrate(environ, postgres.Migrations()),
		"reseal":       platform.Reseal(environ, postgres.Sealed),
		"seed-demo":    platform.Configured(environ, seedDemo),
		"create-admin": platform.Configured(environ, createAdmin),
	}
}

// seedDemo adds the demo users, and as many for load tests as --users says.
func seedDemo(cfg seedConfig) platform.Command {
	return func(ctx context.Context, args []string) error {
		flags := flag.NewFlagSet("seed-demo", flag.ContinueOnError)
		users := flags.Int("users", 0, "how many users to add for load tests")
		if err := flags.Parse(args); err != nil {
			return err
		}
		dapr, err := sidecar.New(cfg.Sidecar)
		if err != nil {
			return err
		}
		defer func() { _ = dapr.Close() }()
		pool, err := pg.Open(cfg.Database, dapr)
		if err != nil {
			return err
		}
		defer pool.Close()
		keyring := seal.NewKeyring(cfg.Data, dapr, slog.Default())
		hasher := password.New(cfg.Password, prometheus.NewRegistry())
		created, err := seed.Run(ctx, postgres.NewStore(pool, keyring, time.Now), hasher, *users)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(os.Stdout, "demo users added: %d\n", created)
		return err
	}
}
