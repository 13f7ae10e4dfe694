// Package app has the object graph of the service, from the outside in, and its
// configuration.
package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/fx"

	shared "github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/jobs"
	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/product-change-service/api"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/outbox"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// Name is the service's name, its Dapr app-id and its client id at KOS.
const Name = "product-change-service"

// Graph returns the object graph of the server, from the outside in. Parts that are invoked
// first stop last: the HTTP server drains while changes are still processed.
func Graph(cfg Config) fx.Option {
	requests, workers := cfg.Database.Split()
	return fx.Options(
		fx.Supply(cfg.HTTP, cfg.Telemetry, cfg.Sidecar, requests, cfg.Data, cfg.Sessions, cfg.Tokens, cfg.Operators, cfg.Issuer, cfg.KOS,
			cfg.Limits, cfg.Products),
		fx.Supply(platform.OpenAPI(api.OpenAPI)),
		platform.Base(Name), platform.Sessions, platform.Authentication, platform.Database, platform.Workers(workers), platform.Sealing,
		platform.Audit(change.ErrNoChange.Code), // also for changes of other users

		fx.Module("inbound", fx.Provide(
			newAPI,
			shared.NewConsumer,
			newRunner,
			newDispatcher,
		), fx.Invoke(keepPartitions, listen, watch, measure, measureOutbox, runJobs, dispatch)),
		platform.HTTP,
		fx.Module("use-cases", fx.Provide(
			newRequests,
			newProcessor,
			newPlans,
			newFetcher,
			newPrefetcher,
			product.NewReader,
			metrics.New,
		)),
		fx.Module("outbound", fx.Provide(
			fx.Annotate(newCache, fx.As(new(product.Cache))),
			fx.Annotate(postgres.NewArchive, fx.As(new(product.Archive)), fx.As(new(product.Replicas))),
			fx.Annotate(newKOS, fx.As(fx.Self()), fx.As(new(change.Carrier))),
			outbox.NewMetrics,
			fx.Annotate(outbox.NewJobs, fx.As(new(postgres.Outbox))),
			fx.Annotate(postgres.NewChanges, fx.As(fx.Self()), fx.As(new(change.Acceptance))),
			newChangesAtWork,
			fx.Annotate(postgres.NewHistory, fx.As(new(change.History))),
			newQueue,
			newBudgets,
			kosbudget.NewMetrics,
			queue.NewMetrics,
			newAnnouncer,
			newExchangeLog,
			groupcommit.NewMetrics,
		)),
	)
}

func newRequests(plans *product.Plans, changes change.Acceptance, history change.History, now func() time.Time) *change.Requests {
	return change.NewRequests(change.RequestsParams{Plans: plans, Changes: changes, History: history, Now: now, NewID: newID})
}

// keepPartitions creates and drops the monthly partitions of the histories.
func keepPartitions(lc fx.Lifecycle, pool *pgxpool.Pool, log *slog.Logger, now func() time.Time) {
	platform.Background(lc, func(ctx context.Context) {
		pg.RunMaintenance(ctx, pool, log, now, postgres.Partitioned...)
	})
}

// listen passes on the notifications of all replicas.
func listen(lc fx.Lifecycle, direct pg.Direct, log *slog.Logger, plans *product.Plans, d *queue.Dispatcher) {
	platform.Background(lc, func(ctx context.Context) {
		pg.Listen(ctx, direct, log, pg.Listeners(postgres.Listener(plans), d.Listener()))
	})
}

// watch updates the metrics of the queue.
func watch(lc fx.Lifecycle, m *queue.Metrics, q *queue.Queue, log *slog.Logger) {
	platform.Background(lc, func(ctx context.Context) { m.Watch(ctx, q, log) })
}

// measure updates the metrics of the budgets, which must be constructed before.
func measure(lc fx.Lifecycle, m *kosbudget.Metrics, _ budgets, log *slog.Logger) {
	platform.Background(lc, func(ctx context.Context) { m.Watch(ctx, log) })
}

// measureOutbox updates the metrics of the outbox.
func measureOutbox(lc fx.Lifecycle, m *outbox.Metrics, log *slog.Logger) {
	platform.Background(lc, func(ctx context.Context) { m.Watch(ctx, log) })
}

// runJobs publishes events and runs periodic work.
func runJobs(lc fx.Lifecycle, runner *jobs.Runner) { platform.Background(lc, runner.Run) }

// dispatch runs the dispatcher of queued changes.
func dispatch(lc fx.Lifecycle, d *queue.Dispatcher) { platform.Background(lc, d.Run) }

// newID returns a UUID of version 7. Like crypto/rand it panics if the system has no
// randomness.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
