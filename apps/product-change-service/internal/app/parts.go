package app

import (
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/kosbudget"
	"github.com/phonebill/phonebill/apps/internal/kosclient"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/cache"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/events"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/kos"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/queue"
)

// retry is how long changes rest while KOS takes no orders.
const retry = 3 * time.Second

// processorParams are what a processor needs from the graph.
type processorParams struct {
	fx.In

	Budgets  budgets
	Queue    *postgres.Queue
	Carrier  change.Carrier
	Plans    *product.Plans
	Outcomes *change.Outcomes
	Metrics  *metrics.Metrics
	Log      *slog.Logger
	Now      func() time.Time
}

func newProcessor(p processorParams) *change.Processor {
	return change.NewProcessor(change.ProcessorParams{
		Queue: p.Queue, Carrier: p.Carrier, Caches: p.Plans, Outcomes: p.Outcomes, Meter: p.Metrics,
		Pace: change.Pace{Call: p.Budgets.change.Interval(), Retry: retry},
		Log:  p.Log, Now: p.Now,
	})
}

// budgets are the rights of all replicas together to call KOS.
type budgets struct{ change, inquiry, products, status *kosbudget.Budget }

func newBudgets(pool *pgxpool.Pool, limits LimitConfig) budgets {
	return budgets{
		change:   kosbudget.New(pool, Name, kos.ProductChange, kosbudget.PerMinute(limits.Change)),
		inquiry:  kosbudget.New(pool, Name, kos.ProductInquiry, kosbudget.PerMinute(limits.Inquiry)),
		products: kosbudget.New(pool, Name, kos.Products, kosbudget.PerMinute(limits.Products)),
		status:   kosbudget.New(pool, Name, kos.ChangeStatus, kosbudget.PerMinute(limits.Status)),
	}
}

func newQueue(pool *pgxpool.Pool, jobs postgres.Jobs, all budgets, now func() time.Time) *postgres.Queue {
	return postgres.NewQueue(pool, jobs, all.change, now)
}

// kosParams are what the way to KOS needs from the graph.
type kosParams struct {
	fx.In

	Config    kosclient.Config
	Budgets   budgets
	Sidecar   *sidecar.Client
	Exchanges *postgres.Exchanges
	Now       func() time.Time
}

func newKOS(p kosParams) *kos.Carrier {
	client := kosclient.New(p.Config, p.Sidecar, p.Sidecar.Invoker(p.Config.AppID))
	return kos.New(client, p.Exchanges, kos.Budgets{
		Inquiry: p.Budgets.inquiry, Products: p.Budgets.products, Status: p.Budgets.status, Change: p.Budgets.change,
	}, p.Now, newID)
}

func newCache(cfg ProductConfig, dapr *sidecar.Client, keyring *seal.Keyring, log *slog.Logger, registerer prometheus.Registerer) *cache.Cache {
	return cache.New(dapr.State(cfg.CacheStore), keyring, log, registerer)
}

func newAnnouncer(cfg ProductConfig, dapr *sidecar.Client, registerer prometheus.Registerer) *events.Announcer {
	return events.NewAnnouncer(dapr, cfg.PubSub, registerer)
}

// runnerParams are what the jobs need from the graph.
type runnerParams struct {
	fx.In

	Config    ProductConfig
	Pool      *pgxpool.Pool
	Processor *change.Processor
	Queue     *postgres.Queue
	Book      *postgres.Book
	Announcer *events.Announcer
	Log       *slog.Logger
	Now       func() time.Time
}

func newRunner(p runnerParams) (*queue.Runner, error) {
	return queue.NewRunner(p.Pool, queue.Work{
		Processor: p.Processor, Completed: p.Queue, Announcer: p.Announcer, Stalled: p.Queue, Keys: p.Book,
	}, queue.Options{AtATime: p.Config.Workers}, p.Log, p.Now)
}

func newExchangeWriter(lc fx.Lifecycle, pool *pgxpool.Pool, log *slog.Logger, metrics *groupcommit.Metrics) *groupcommit.Writer[change.Exchange] {
	writer := postgres.NewExchangeWriter(pool, log, metrics)
	lc.Append(fx.StartStopHook(writer.Start, writer.Stop))
	return writer
}
