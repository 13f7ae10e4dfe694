package app

import (
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	consumer "github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jobs"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
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
	"github.com/phonebill/phonebill/apps/product-change-service/internal/httpapi"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/kos"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/linelimit"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/outbox"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
)

// apiParams are the dependencies of the API.
type apiParams struct {
	fx.In

	Config     ProductConfig
	Requests   *change.Requests
	Plans      *product.Plans
	Prefetcher *product.Prefetcher
	Auth       *jwtauth.Authenticator
	Consumer   *consumer.Consumer
	Gate       *sidecar.Gate
}

func newAPI(p apiParams) httpserver.Registrar {
	params := httpapi.Params{Requests: p.Requests, Plans: p.Plans, Auth: p.Auth, Consumer: p.Consumer, Gate: p.Gate}
	if p.Config.Prefetch {
		params.Logins = p.Prefetcher
	}
	return httpapi.New(params)
}

// changesAtWork are the changes as workers read and write them.
type changesAtWork struct{ *postgres.Changes }

func newChangesAtWork(workers pg.Workers, q *queue.Queue, jobs postgres.Outbox) changesAtWork {
	return changesAtWork{postgres.NewChanges(workers.Pool, q, jobs)}
}

// processorParams are the dependencies of the processor.
type processorParams struct {
	fx.In

	Work    changesAtWork
	Carrier change.Carrier
	Plans   *product.Plans
	Log     *slog.Logger
	Now     func() time.Time
}

func newProcessor(p processorParams) *change.Processor {
	return change.NewProcessor(change.ProcessorParams{
		Attempts: p.Work.Changes, Carrier: p.Carrier, Lines: p.Plans, Log: p.Log, Now: p.Now,
	})
}

// budgets are the budgets of KOS's endpoints, shared by all replicas.
type budgets struct{ change, inquiry, products, status *kosbudget.Budget }

func newBudgets(pool *pgxpool.Pool, limits LimitConfig, metrics *kosbudget.Metrics) budgets {
	budget := func(endpoint string, limit kosbudget.Limit) *kosbudget.Budget {
		return metrics.Measure(kosbudget.New(pool, Name, endpoint, limit))
	}
	return budgets{
		change: budget(kos.ProductChange, kosbudget.PerMinute(limits.Change)),
		// The burst is taken from the steady rate, at which a long queue is served.
		inquiry:  budget(kos.ProductInquiry, kosbudget.Limit{PerMinute: limits.Inquiry, Burst: max(1, limits.Inquiry/16)}),
		products: budget(kos.Products, kosbudget.PerMinute(limits.Products)),
		status:   budget(kos.ChangeStatus, kosbudget.PerMinute(limits.Status)),
	}
}

// plansParams are the dependencies of product.Plans and product.Fetcher.
type plansParams struct {
	fx.In

	Cache    product.Cache
	Reader   *product.Reader
	Carrier  *kos.Carrier
	Replicas product.Replicas
	Log      *slog.Logger
	Now      func() time.Time
}

func newFetcher(p plansParams, workers pg.Workers, keyring *seal.Keyring) *product.Fetcher {
	archive := postgres.NewArchive(workers.Pool, keyring)
	return product.NewFetcher(product.FetcherParams{
		Reader: p.Reader, Cache: p.Cache, Archive: archive, Carrier: p.Carrier, Replicas: archive, Log: p.Log,
	})
}

func newPlans(p plansParams, fetcher *product.Fetcher, q *queue.Queue) *product.Plans {
	return product.NewPlans(product.PlansParams{
		Cache: p.Cache, Reader: p.Reader, Fetcher: fetcher, Subscribers: postgres.NewSubscribers(q, newID),
		Catalogues: postgres.NewCatalogues(q, newID), Admission: p.Carrier, LineLimit: linelimit.New(), Replicas: p.Replicas,
		Now: p.Now, NewID: newID,
	})
}

func newPrefetcher(archive product.Archive, q *queue.Queue, m *metrics.Metrics, now func() time.Time) *product.Prefetcher {
	return product.NewPrefetcher(archive, postgres.NewSubscribers(q, newID), m, now)
}

const (
	// attemptTimeout bounds an attempt of a change. It is longer than its three calls take
	// with all retries: the customer of the line, the outcome of an earlier order, and the
	// order.
	attemptTimeout = 15 * time.Second
	// fetchTimeout bounds a fetch: the call of KOS with all retries, and storing the answer.
	fetchTimeout = 10 * time.Second
	// giveUpAfter is the age at which changes expire. See change.Processor.
	giveUpAfter = 24 * time.Hour
)

func newQueue(pool *pgxpool.Pool, cfg ProductConfig, all budgets) *queue.Queue {
	fetches := func(endpoint string, budget *kosbudget.Budget) queue.Endpoint {
		return queue.Endpoint{
			Name: endpoint, Budget: budget, Capacity: [2]int{cfg.Queue, cfg.Prefetches},
			Workers: cfg.FetchWorkers, Timeout: fetchTimeout, GiveUpAfter: cfg.OutageLimit,
		}
	}
	return queue.New(pool,
		queue.Endpoint{
			Name: postgres.Endpoint, Budget: all.change, Workers: cfg.Workers, Timeout: attemptTimeout, GiveUpAfter: giveUpAfter,
		},
		fetches(postgres.SubscriberEndpoint, all.inquiry), fetches(postgres.CatalogueEndpoint, all.products))
}

// dispatcherParams are the dependencies of the dispatcher.
type dispatcherParams struct {
	fx.In

	Queue     *queue.Queue
	Workers   pg.Workers
	Work      changesAtWork
	Processor *change.Processor
	Fetcher   *product.Fetcher
	Metrics   *metrics.Metrics
	Measured  *queue.Metrics
	Log       *slog.Logger
	Tracer    trace.Tracer
}

func newDispatcher(p dispatcherParams) *queue.Dispatcher {
	handlers := postgres.Fetches(p.Fetcher, p.Metrics)
	handlers[postgres.Endpoint] = p.Work.Handler(p.Processor.Process, p.Metrics)
	return queue.NewDispatcher(p.Queue.On(p.Workers.Pool), handlers, p.Measured, p.Log, p.Tracer)
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
	}, p.Now)
}

// cacheParams are the dependencies of the cache.
type cacheParams struct {
	fx.In

	Config     ProductConfig
	Sidecar    *sidecar.Client
	Keyring    *seal.Keyring
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

func newCache(p cacheParams) *cache.Cache {
	return cache.New(cache.Params{
		L2: p.Sidecar.State(p.Config.CacheStore), Keyring: p.Keyring, Log: p.Log, Registerer: p.Registerer,
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
	Tracer    trace.Tracer
	Now       func() time.Time
}

func newRunner(p runnerParams) (*jobs.Runner, error) {
	return outbox.NewRunner(p.Pool, p.Direct, outbox.Work{
		Completed: p.Changes, Announcer: p.Announcer, Keys: p.Changes, Now: p.Now,
	}, p.Log, p.Tracer)
}

func newExchangeLog(lc fx.Lifecycle, workers pg.Workers, log *slog.Logger, metrics *groupcommit.Metrics) *exchange.Log {
	exchanges := exchange.NewLog(workers.Pool, log, metrics)
	lc.Append(fx.StartStopHook(exchanges.Start, exchanges.Stop))
	return exchanges
}
