package platform

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/health"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Sealing provides the keyring that seals stored values. Readiness requires its
// keys. It requires seal.Config.
var Sealing = fx.Module("sealing", fx.Provide(newKeyring))

func newKeyring(cfg seal.Config, secrets sidecar.Secrets, log *slog.Logger, checks *health.Registry) *seal.Keyring {
	keyring := seal.NewKeyring(cfg, secrets, log)
	checks.Register("data-keyset", keyring.Ready)
	return keyring
}

// SealedConfig is the configuration of a command that uses sealed values.
type SealedConfig struct {
	DatabaseConfig
	Data seal.Config
}

// WithDatabase passes f a pool of the service's database and the keyring of its sealed
// values, and closes both. The first use waits until the sidecar is healthy.
func (c SealedConfig) WithDatabase(f func(pool *pgxpool.Pool, keyring *seal.Keyring) error) error {
	client, err := sidecar.New(c.Sidecar)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	secrets := waitingSecrets{client}
	pool, err := pg.Open(c.Database, secrets)
	if err != nil {
		return err
	}
	defer pool.Close()
	return f(pool, seal.NewKeyring(c.Data, secrets, slog.Default()))
}

// Reseal returns the command that reseals the values of tables that are in clear or
// sealed with another key than the primary one, and prints how many. It fails if a
// value cannot be opened. After it succeeds the older keys may be removed.
func Reseal(environ []string, tables func(*pgxpool.Pool) []seal.Table) Command {
	return WithConfig(environ, func(cfg SealedConfig) Command {
		return func(ctx context.Context, _ []string) error {
			return cfg.WithDatabase(func(pool *pgxpool.Pool, keyring *seal.Keyring) error {
				return reseal(ctx, keyring, tables(pool))
			})
		}
	})
}

func reseal(ctx context.Context, keyring *seal.Keyring, tables []seal.Table) error {
	unreadable := 0
	for _, table := range tables {
		report, err := seal.Reseal(ctx, keyring, table)
		if err != nil {
			return err
		}
		unreadable += report.Unreadable
		if _, err := fmt.Fprintf(os.Stdout, "%s: %d rows resealed, %d cannot be opened\n", table.Name(), report.Resealed, report.Unreadable); err != nil {
			return err
		}
	}
	if unreadable > 0 {
		return fmt.Errorf("%d rows cannot be opened: restore the key that sealed them", unreadable)
	}
	return nil
}
