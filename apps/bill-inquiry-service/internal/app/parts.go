package app

import (
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/cache"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/httpapi"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/kos"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/queue"
	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// domainParams are what the use cases need from the graph.
type domainParams struct {
	fx.In

	Config  BillConfig
	Window  bill.Window
	Cache   bill.Cache
	Archive bill.Archive
	Carrier bill.Carrier
	Line    *postgres.Queue
	Metrics *metrics.Metrics
	Log     *slog.Logger
	Now     func() time.Time
}

func newBills(p domainParams) *bill.Bills {
	return bill.NewBills(bill.BillsParams{
		Cache: p.Cache, Archive: p.Archive, Carrier: p.Carrier, Gate: p.Line, Queue: p.Line,
		Now: p.Now, NewID: newID, Log: p.Log,
	})
}

// apiParams are what the API needs from the graph.
type apiParams struct {
	fx.In

	Inquiries *bill.Inquiries
	Bills     *bill.Bills
	Ahead     *bill.Prefetcher
	Auth      *jwtauth.Authenticator
	Consumer  *events.Consumer
	Gate      *sidecar.Gate
}

func newAPI(p apiParams) httpserver.Registrar {
	return httpapi.New(httpapi.Params{
		Inquiries: p.Inquiries, Lines: p.Bills, Logins: p.Ahead, Auth: p.Auth, Consumer: p.Consumer, Gate: p.Gate,
	})
}

// inquiryParams are what inquiries need beside that.
type inquiryParams struct {
	fx.In

	Bills   *bill.Bills
	Signals *bill.Signals
	History bill.History
	Ahead   *bill.Prefetcher
}

func newInquiries(p domainParams, own inquiryParams) *bill.Inquiries {
	return bill.NewInquiries(bill.InquiriesParams{
		Bills: own.Bills, Queue: p.Line, Signals: own.Signals, History: own.History, Meter: p.Metrics, Ahead: own.Ahead,
		Window: p.Window, Now: p.Now, NewID: newID,
	})
}

func newPrefetcher(p domainParams, policy bill.PrefetchPolicy, activity bill.Activity) *bill.Prefetcher {
	return bill.NewPrefetcher(bill.PrefetcherParams{
		Cache: p.Cache, Archive: p.Archive, Queue: p.Line, Activity: activity, Meter: p.Metrics, Policy: policy,
		Log: p.Log, Now: p.Now, NewID: newID,
	})
}

func newFetcher(p domainParams, bills *bill.Bills) *bill.Fetcher {
	return bill.NewFetcher(bill.FetcherParams{
		Turns: p.Line, Gate: p.Line, Source: bills, Meter: p.Metrics, Limit: p.Config.OutageLimit, Log: p.Log, Now: p.Now,
	})
}

// runnerParams are what the jobs need from the graph.
type runnerParams struct {
	fx.In

	Config     BillConfig
	Limits     LimitConfig
	Pool       *pgxpool.Pool
	Direct     pg.Direct
	Fetcher    *bill.Fetcher
	Line       *postgres.Queue
	Prefetcher *bill.Prefetcher
	Log        *slog.Logger
}

func newRunner(p runnerParams) (*queue.Runner, error) {
	return queue.NewRunner(p.Pool, p.Direct, queue.Work{Fetcher: p.Fetcher, Line: p.Line, Nightly: p.Prefetcher},
		queue.Options{AtATime: p.Config.Workers, Limit: p.Config.OutageLimit, PerMinute: p.Limits.Bills}, p.Log)
}

func newBudgets(pool *pgxpool.Pool, limits LimitConfig, m *kosbudget.Metrics) *postgres.Budgets {
	return postgres.NewBudgets(pool, Name, map[bill.Endpoint]int{
		bill.BillInquiry: limits.Bills, bill.ProductInquiry: limits.Customers,
	}, m)
}

func newQueue(cfg BillConfig, pool *pgxpool.Pool, jobs postgres.Jobs, budgets *postgres.Budgets, keyring *seal.Keyring) *postgres.Queue {
	return postgres.NewQueue(postgres.QueueParams{
		Pool: pool, Jobs: jobs, Budgets: budgets, Keyring: keyring, Room: cfg.Room,
	})
}

func newCache(cfg BillConfig, dapr *sidecar.Client, keyring *seal.Keyring, log *slog.Logger, registerer prometheus.Registerer) bill.Cache {
	return cache.New(dapr.State(cfg.CacheStore), keyring, log, registerer)
}

// kosParams are what the way to KOS needs from the graph.
type kosParams struct {
	fx.In

	Config     kosclient.Config
	Budgets    *postgres.Budgets
	Sidecar    *sidecar.Client
	Exchanges  *postgres.Exchanges
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
}

func newKOS(p kosParams) bill.Carrier {
	client := kosclient.New(p.Config, p.Sidecar, p.Config.Transport(p.Sidecar.Invoker), p.Log, p.Registerer)
	return kos.New(client, p.Exchanges, p.Budgets, p.Now, newID)
}

func newRecordWriter(lc fx.Lifecycle, pool *pgxpool.Pool, keyring *seal.Keyring, log *slog.Logger, metrics *groupcommit.Metrics) *groupcommit.Writer[bill.Record] {
	writer := postgres.NewRecordWriter(pool, keyring, log, metrics)
	lc.Append(fx.StartStopHook(writer.Start, writer.Stop))
	return writer
}

func newExchangeWriter(lc fx.Lifecycle, pool *pgxpool.Pool, log *slog.Logger, metrics *groupcommit.Metrics) *groupcommit.Writer[bill.Exchange] {
	writer := postgres.NewExchangeWriter(pool, log, metrics)
	lc.Append(fx.StartStopHook(writer.Start, writer.Stop))
	return writer
}
