package app

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/cache"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/httpapi"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/kos"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/periodic"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/events"
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
)

// domainParams are the dependencies of the use cases.
type domainParams struct {
	fx.In

	Reader  *bill.Reader
	Cache   bill.Cache
	Archive bill.Archive
	Queue   bill.Queue
	Metrics *metrics.Metrics
	Log     *slog.Logger
	Now     func() time.Time
}

// apiParams are the dependencies of the API.
type apiParams struct {
	fx.In

	Inquiries  *bill.Inquiries
	Lines      *bill.Invalidator
	Prefetcher *bill.Prefetcher
	Auth       *jwtauth.Authenticator
	Consumer   *events.Consumer
	Gate       *sidecar.Gate
}

func newAPI(p apiParams) httpserver.Registrar {
	return httpapi.New(httpapi.Params{
		Inquiries: p.Inquiries, Lines: p.Lines, Logins: p.Prefetcher, Auth: p.Auth, Consumer: p.Consumer, Gate: p.Gate,
	})
}

func newInquiries(p domainParams, history bill.History, prefetcher *bill.Prefetcher, window bill.Window) *bill.Inquiries {
	return bill.NewInquiries(bill.InquiriesParams{
		Reader: p.Reader, Queue: p.Queue, History: history, Meter: p.Metrics, Prefetcher: prefetcher,
		Window: window, Now: p.Now, NewID: newID, Log: p.Log,
	})
}

func newPrefetcher(p domainParams, policy bill.PrefetchPolicy, activity bill.Activity) *bill.Prefetcher {
	return bill.NewPrefetcher(bill.PrefetcherParams{
		Cache: p.Cache, Archive: p.Archive, Queue: p.Queue, Activity: activity, Meter: p.Metrics, Policy: policy, Now: p.Now,
	})
}

func newFetcher(p domainParams, carrier bill.Carrier, all budgets, workers pg.Workers, keyring *seal.Keyring) *bill.Fetcher {
	return bill.NewFetcher(bill.FetcherParams{
		Cache: p.Cache, Archive: postgres.NewArchive(workers.Pool, keyring), Reader: p.Reader, Carrier: carrier, Admission: all, Now: p.Now, Log: p.Log,
	})
}

// runnerParams are the dependencies of the periodic jobs.
type runnerParams struct {
	fx.In

	Limits     LimitConfig
	Pool       *pgxpool.Pool
	Direct     pg.Direct
	Prefetcher *bill.Prefetcher
	Log        *slog.Logger
	Tracer     trace.Tracer
}

func newRunner(p runnerParams) (*jobs.Runner, error) {
	return periodic.NewRunner(p.Pool, p.Direct, periodic.Work{Nightly: p.Prefetcher, PerMinute: p.Limits.Bills}, p.Log, p.Tracer)
}

// budgets are the budgets of KOS's endpoints, shared by all replicas.
type budgets map[bill.Endpoint]*kosbudget.Budget

func newBudgets(pool *pgxpool.Pool, limits LimitConfig, m *kosbudget.Metrics) budgets {
	all := budgets{}
	for endpoint, perMinute := range map[bill.Endpoint]int{
		bill.BillInquiry: limits.Bills, bill.ProductInquiry: limits.Customers,
	} {
		limit := kosbudget.Limit{PerMinute: perMinute, Burst: bill.Burst(perMinute)}
		all[endpoint] = m.Measure(kosbudget.New(pool, Name, string(endpoint), limit))
	}
	return all
}

// Admit implements bill.Admission.
func (b budgets) Admit(ctx context.Context) (bool, error) {
	wait, err := b[bill.ProductInquiry].Reserve(ctx)
	if err != nil {
		return false, fmt.Errorf("admit call: %w", err)
	}
	return wait == 0, nil
}

// attemptTimeout bounds the work on an item: the call of KOS with all retries, and
// storing the answer.
const attemptTimeout = 10 * time.Second

func newQueue(pool *pgxpool.Pool, cfg BillConfig, all budgets) *queue.Queue {
	return queue.New(pool, queue.Endpoint{
		Name: string(bill.BillInquiry), Budget: all[bill.BillInquiry], Capacity: [2]int{cfg.Queue, cfg.Prefetches},
		Workers: cfg.Workers, Timeout: attemptTimeout, GiveUpAfter: cfg.OutageLimit,
	})
}

func newFetches(pool *pgxpool.Pool, q *queue.Queue, keyring *seal.Keyring) *postgres.Queue {
	return postgres.NewQueue(pool, q, keyring, newID)
}

// dispatcherParams are the dependencies of the dispatcher.
type dispatcherParams struct {
	fx.In

	Queue    *queue.Queue
	Workers  pg.Workers
	Fetches  *postgres.Queue
	Fetcher  *bill.Fetcher
	Metrics  *metrics.Metrics
	Measured *queue.Metrics
	Log      *slog.Logger
	Tracer   trace.Tracer
	Now      func() time.Time
}

func newDispatcher(p dispatcherParams) *queue.Dispatcher {
	return queue.NewDispatcher(p.Queue.On(p.Workers.Pool), map[string]queue.Handler{
		string(bill.BillInquiry): p.Fetches.Handler(p.Fetcher.Fetch, p.Metrics, p.Now),
	}, p.Measured, p.Log, p.Tracer)
}

func newCache(cfg BillConfig, dapr *sidecar.Client, keyring *seal.Keyring, log *slog.Logger, registerer prometheus.Registerer) bill.Cache {
	return cache.New(dapr.State(cfg.CacheStore), keyring, log, registerer)
}

// kosParams are the dependencies of the client of KOS.
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

func newKOS(p kosParams) bill.Carrier {
	client := kosclient.New(p.Config, p.Sidecar, p.Config.Transport(p.Sidecar.Invoker), p.Log, p.Registerer)
	limits := kos.Limits{}
	for endpoint, budget := range p.Budgets {
		limits[endpoint] = budget
	}
	return kos.New(exchange.NewCaller(client, p.Exchanges, p.Now, newID), limits, p.Now)
}

func newRecordWriter(lc fx.Lifecycle, pool *pgxpool.Pool, keyring *seal.Keyring, log *slog.Logger, metrics *groupcommit.Metrics) *groupcommit.Writer[bill.Record] {
	writer := postgres.NewRecordWriter(pool, keyring, log, metrics)
	lc.Append(fx.StartStopHook(writer.Start, writer.Stop))
	return writer
}

func newExchangeLog(lc fx.Lifecycle, workers pg.Workers, log *slog.Logger, metrics *groupcommit.Metrics) *exchange.Log {
	exchanges := exchange.NewLog(workers.Pool, log, metrics)
	lc.Append(fx.StartStopHook(exchanges.Start, exchanges.Stop))
	return exchanges
}
