// Package app has the object graph of the service and its configuration.
package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/api"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/jobs"
	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/platform"
)

// Name is the service's name: its folder and its Dapr app-id.
const Name = "bill-inquiry-service"

// Graph returns the object graph of the server, from the outside in. Components stop in
// reverse order of their start: the HTTP server drains while the dispatcher still runs.
func Graph(cfg Config) fx.Option {
	requests, workers := cfg.Database.Split()
	return fx.Options(
		fx.Supply(cfg.HTTP, cfg.Telemetry, cfg.Sidecar, requests, cfg.Data, cfg.Sessions, cfg.Tokens, cfg.Operators, cfg.Issuer,
			cfg.KOS, cfg.Limits, cfg.Bills, cfg.Prefetch),
		fx.Supply(platform.OpenAPI(api.OpenAPI), bill.Window{Months: cfg.Bills.Months}),
		platform.Base(Name), platform.Sessions, platform.Authentication, platform.Database, platform.Workers(workers), platform.Sealing,
		platform.Audit(bill.ErrNoInquiry.Code), // also the code for an inquiry of another user

		fx.Module("inbound", fx.Provide(
			newAPI,
			events.NewConsumer,
			newRunner,
			newDispatcher,
		), fx.Invoke(keepPartitions, listen, watch, measure, runJobs, dispatch)),
		platform.HTTP,
		fx.Module("use-cases", fx.Provide(
			newInquiries,
			newFetcher,
			newPrefetcher,
			bill.NewReader,
			bill.NewInvalidator,
			metrics.New,
		)),
		fx.Module("outbound", fx.Provide(
			newCache,
			newKOS,
			newBudgets,
			kosbudget.NewMetrics,
			newQueue,
			queue.NewMetrics,
			fx.Annotate(newFetches, fx.As(fx.Self()), fx.As(new(bill.Queue))),
			fx.Annotate(postgres.NewArchive, fx.As(new(bill.Archive))),
			fx.Annotate(postgres.NewHistory, fx.As(new(bill.History))),
			fx.Annotate(postgres.NewActivity, fx.As(new(bill.Activity))),
			groupcommit.NewMetrics,
			newRecordWriter,
			newExchangeLog,
		)),
	)
}

// listen receives the notifications of other replicas.
func listen(lc fx.Lifecycle, direct pg.Direct, log *slog.Logger, lines *bill.Invalidator, d *queue.Dispatcher) {
	platform.Background(lc, func(ctx context.Context) {
		pg.Listen(ctx, direct, log, pg.Listeners(postgres.Listener(lines), d.Listener()))
	})
}

// watch updates the metrics of the queue.
func watch(lc fx.Lifecycle, m *queue.Metrics, q *queue.Queue, log *slog.Logger) {
	platform.Background(lc, func(ctx context.Context) { m.Watch(ctx, q, log) })
}

// measure updates the metrics of the budgets. It depends on them so that they are
// registered first.
func measure(lc fx.Lifecycle, m *kosbudget.Metrics, _ budgets, log *slog.Logger) {
	platform.Background(lc, func(ctx context.Context) { m.Watch(ctx, log) })
}

// runJobs runs the periodic jobs.
func runJobs(lc fx.Lifecycle, runner *jobs.Runner) { platform.Background(lc, runner.Run) }

// dispatch runs the dispatcher of the queue.
func dispatch(lc fx.Lifecycle, d *queue.Dispatcher) { platform.Background(lc, d.Run) }

func keepPartitions(lc fx.Lifecycle, pool *pgxpool.Pool, log *slog.Logger, now func() time.Time) {
	platform.Background(lc, func(ctx context.Context) {
		pg.RunMaintenance(ctx, pool, log, now, postgres.Partitioned...)
	})
}

// init makes package uuid read random bytes for several ids at once. That is possible
// only before the first id.
func init() { uuid.EnableRandPool() }

// newID returns a UUID of version 7. It panics if the system's random source fails, as
// crypto/rand does.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
