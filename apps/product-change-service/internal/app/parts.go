package app

import (
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/kos/exchange"
	"github.com/phonebill/phonebill/apps/internal/kos/queue"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/cache"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/change"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/events"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/kos"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/linelimit"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/outbox"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// processorParams are the dependencies of the processor.
type processorParams struct {
	fx.In

	Attempts change.Attempts
	Carrier  change.Carrier
	Plans    *product.Plans
	Log      *slog.Logger
	Now      func() time.Time
}

func newProcessor(p processorParams) *change.Processor {
	return change.NewProcessor(change.ProcessorParams{
		Attempts: p.Attempts, Carrier: p.Carrier, Lines: p.Plans, Log: p.Log, Now: p.Now,
	})
}

// budgets are the budgets of KOS's endpoints, shared by all replicas.
type budgets struct{ change, inquiry, products, status *kosbudget.Budget }

func newBudgets(pool *pgxpool.Pool, limits LimitConfig, metrics *kosbudget.Metrics) budgets {
	budget := func(endpoint string, perMinute int) *kosbudget.Budget {
		return metrics.Measure(kosbudget.New(pool, Name, endpoint, kosbudget.PerMinute(perMinute)))
	}
	return budgets{
		change:   budget(kos.ProductChange, limits.Change),
		inquiry:  budget(kos.ProductInquiry, limits.Inquiry),
		products: budget(kos.Products, limits.Products),
		status:   budget(kos.ChangeStatus, limits.Status),
	}
}

// plansParams are the dependencies of product.Plans.
type plansParams struct {
	fx.In

	Cache    product.Cache
	Archive  product.Archive
	Carrier  *kos.Carrier
	Budgets  budgets
	Replicas product.Replicas
	Log      *slog.Logger
}

func newPlans(p plansParams) *product.Plans {
	background := p.Carrier.Within(kos.Budgets{Inquiry: p.Budgets.inquiry.Spare(), Products: p.Budgets.products.Spare()})
	return product.NewPlans(product.PlansParams{
		Cache: p.Cache, Archive: p.Archive, Carrier: p.Carrier, Background: background, LineLimit: linelimit.New(),
		Replicas: p.Replicas, Log: p.Log,
	})
}

const (
	// attemptTimeout bounds an attempt. It is longer than its three calls take with all
	// retries: the customer of the line, the outcome of an earlier order, and the order.
	attemptTimeout = 15 * time.Second
	// giveUpAfter is the age at which changes expire. See change.Processor.
	giveUpAfter = 24 * time.Hour
)

func newQueue(pool *pgxpool.Pool, cfg ProductConfig, all budgets) *queue.Queue {
	return queue.New(pool, queue.Endpoint{
		Name: postgres.Endpoint, Budget: all.change, Workers: cfg.Workers, Timeout: attemptTimeout, GiveUpAfter: giveUpAfter,
	})
}

// dispatcherParams are the dependencies of the dispatcher.
type dispatcherParams struct {
	fx.In

	Queue     *queue.Queue
	Changes   *postgres.Changes
	Processor *change.Processor
	Metrics   *metrics.Metrics
	Measured  *queue.Metrics
	Log       *slog.Logger
}

func newDispatcher(p dispatcherParams) *queue.Dispatcher {
	return queue.NewDispatcher(p.Queue, map[string]queue.Handler{
		postgres.Endpoint: p.Changes.Handler(p.Processor.Process, p.Metrics),
	}, p.Measured, p.Log)
}

// kosParams are the dependencies of the carrier.
type kosParams struct {
	fx.In

	Config     kosclient.Config
	Budgets    budgets
	Sidecar    *sidecar.Client
	Exchanges  *exchange.Log
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
}

func newKOS(p kosParams) *kos.Carrier {
	client := kosclient.New(p.Config, p.Sidecar, p.Config.Transport(p.Sidecar.Invoker), p.Log, p.Registerer)
	return kos.New(exchange.NewCaller(client, p.Exchanges, p.Now, newID), kos.Budgets{
		Inquiry: p.Budgets.inquiry, Products: p.Budgets.products, Status: p.Budgets.status, Change: p.Budgets.change,
	}, p.Now, newID)
}

// cacheParams are the dependencies of the cache.
type cacheParams struct {
	fx.In

	Config     ProductConfig
	Sidecar    *sidecar.Client
	Keyring    *seal.Keyring
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
}

func newCache(p cacheParams) *cache.Cache {
	return cache.New(cache.Params{
		L2: p.Sidecar.State(p.Config.CacheStore), Keyring: p.Keyring, Log: p.Log, Registerer: p.Registerer, Now: p.Now,
	})
}

func newAnnouncer(cfg ProductConfig, dapr *sidecar.Client, registerer prometheus.Registerer) *events.Announcer {
	return events.NewAnnouncer(dapr, cfg.PubSub, registerer)
}

// runnerParams are the dependencies of the outbox.
type runnerParams struct {
	fx.In

	Pool      *pgxpool.Pool
	Direct    pg.Direct
	Changes   *postgres.Changes
	Announcer *events.Announcer
	Log       *slog.Logger
	Now       func() time.Time
}

func newRunner(p runnerParams) (*outbox.Runner, error) {
	return outbox.NewRunner(p.Pool, p.Direct, outbox.Work{
		Completed: p.Changes, Announcer: p.Announcer, Keys: p.Changes, Now: p.Now,
	}, p.Log)
}

func newExchangeLog(lc fx.Lifecycle, pool *pgxpool.Pool, log *slog.Logger, metrics *groupcommit.Metrics) *exchange.Log {
	exchanges := exchange.NewLog(pool, log, metrics)
	lc.Append(fx.StartStopHook(exchanges.Start, exchanges.Stop))
	return exchanges
}
