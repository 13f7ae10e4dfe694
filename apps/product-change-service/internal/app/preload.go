package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
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
		archive := postgres.NewArchive(pool, seal.NewKeyring(cfg.Data, dapr, slog.Default()))
		registry := prometheus.NewRegistry()
		queue := newQueue(pool, cfg.Products, newBudgets(pool, cfg.Limits, kosbudget.NewMetrics(registry)))
		rows, err := preload.Run(ctx, os.Stdin, newPrefetcher(archive, queue, metrics.New(registry), time.Now))
		if _, printed := fmt.Fprintf(os.Stdout, "%d lines are known or enqueued\n", rows); err == nil {
			err = printed
		}
		return err
	}
}
