package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/preload"
)

// preloadConfig is the configuration of the command preload.
type preloadConfig struct {
	platform.SealedConfig
	Limits   LimitConfig
	Products ProductConfig
}

// preloadLines enqueues prefetches for the lines on standard input. The servers fetch them
// at the rate that is left beside their clients.
func preloadLines(cfg preloadConfig) platform.Command {
	return func(ctx context.Context, _ []string) error {
		return cfg.WithDatabase(func(pool *pgxpool.Pool, keyring *seal.Keyring) error {
			registry := prometheus.NewRegistry()
			queue := newQueue(pool, cfg.Products, newBudgets(pool, cfg.Limits, kosbudget.NewMetrics(registry)))
			prefetcher := newPrefetcher(postgres.NewArchive(pool, keyring), queue, metrics.New(registry), time.Now)
			rows, err := preload.Run(ctx, os.Stdin, prefetcher)
			if _, printed := fmt.Fprintf(os.Stdout, "%d lines are known or enqueued\n", rows); err == nil {
				err = printed
			}
			return err
		})
	}
}
