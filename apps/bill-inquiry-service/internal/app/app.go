// Package app puts the service together: its object graph on one screen, from
// the outside in, and its configuration.
package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/api"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/bill"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/cache"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/httpapi"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/kos"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/kosclient"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/seal"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Name is the service's name: its folder and its Dapr app-id.
const Name = "bill-inquiry-service"

// Graph is the server, from the outside in.
func Graph(cfg Config) fx.Option {
	return fx.Options(
		fx.Supply(cfg.HTTP, cfg.Telemetry, cfg.Sidecar, cfg.Database, cfg.Data, cfg.Sessions, cfg.Tokens, cfg.Operators, cfg.Issuer, cfg.KOS, cfg.Bills),
		fx.Supply(platform.OpenAPI(api.OpenAPI), bill.Window{Months: cfg.Bills.Months}),
		platform.Base(Name), platform.HTTP, platform.Sessions, platform.Authentication, platform.Database, platform.Sealing,
		platform.Audit(bill.ErrNoInquiry.Code), // the answer also for somebody else's

		fx.Module("inbound", fx.Provide(
			fx.Annotate(httpapi.New, fx.As(new(httpserver.Registrar)), fx.From(new(*bill.Inquiries), new(*bill.Bills))),
			events.NewConsumer,
		), fx.Invoke(listen)),
		fx.Module("use-cases", fx.Provide(
			newInquiries,
			bill.NewBills,
		)),
		fx.Module("outbound", fx.Provide(
			newCache,
			newKOS,
			fx.Annotate(postgres.NewArchive, fx.As(new(bill.Archive))),
			fx.Annotate(postgres.NewHistory, fx.As(new(bill.History))),
			postgres.NewExchanges,
			groupcommit.NewMetrics,
			newRecordWriter,
			newExchangeWriter,
		), fx.Invoke(keepPartitions)),
	)
}

// newInquiries makes a stop wait for inquiries that still run without their
// clients.
func newInquiries(lc fx.Lifecycle, bills *bill.Bills, history bill.History, window bill.Window, now func() time.Time) *bill.Inquiries {
	inquiries := bill.NewInquiries(bills, history, window, now, newID)
	lc.Append(fx.StopHook(inquiries.Wait))
	return inquiries
}

func newCache(cfg BillConfig, dapr *sidecar.Client, keyring *seal.Keyring, log *slog.Logger, registerer prometheus.Registerer) bill.Cache {
	return cache.New(dapr.State(cfg.CacheStore), keyring, log, registerer)
}

func newKOS(cfg kosclient.Config, dapr *sidecar.Client, exchanges *postgres.Exchanges, now func() time.Time) bill.Carrier {
	return kos.New(kosclient.New(cfg, dapr, dapr.Invoker(cfg.AppID)), exchanges, now, newID)
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

// listen takes what other replicas tell: a line that has changed is forgotten.
func listen(lc fx.Lifecycle, pool *pgxpool.Pool, log *slog.Logger, bills *bill.Bills) {
	platform.Background(lc, func(ctx context.Context) {
		pg.Listen(ctx, pool, log, postgres.Listener(bills))
	})
}

func keepPartitions(lc fx.Lifecycle, pool *pgxpool.Pool, log *slog.Logger, now func() time.Time) {
	platform.Background(lc, func(ctx context.Context) {
		pg.Upkeep(ctx, pool, log, now, postgres.Partitioned...)
	})
}

// newID returns a UUID of version 7. It panics if the system has no randomness
// to give, as crypto/rand does.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
