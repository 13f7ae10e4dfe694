// Package app assembles the service: its dependency graph, configuration and commands.
package app

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/health"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/kos-mock-service/api"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/httpapi"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/registration"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/settings"
)

// Name is the service's name, which is also its folder and its Dapr app id.
const Name = "kos-mock-service"

// Graph returns the dependency graph of the server, from the inbound side to the outbound one.
func Graph(cfg Config) fx.Option {
	return fx.Options(
		fx.Supply(cfg.HTTP, cfg.Telemetry, cfg.Sidecar, cfg.Database, cfg.Names),
		fx.Supply(platform.OpenAPI(api.OpenAPI)),
		platform.Base(Name), platform.HTTP, platform.Database,

		fx.Module("inbound", fx.Provide(
			fx.Annotate(newAPI, fx.As(new(httpserver.Registrar))),
		)),
		fx.Module("rules", fx.Provide(
			newGate,
			billing.NewDirectory,
			billing.NewOrders,
		)),
		fx.Module("outbound", fx.Provide(
			fx.Annotate(postgres.New, fx.As(fx.Self()),
				fx.As(new(billing.Store)), fx.As(new(billing.OrderLog)), fx.As(new(behavior.Ledger))),
			groupcommit.NewMetrics,
			newAnswerWriter,
			newSettings,
			newRegistrations,
		), fx.Invoke(keepPartitions)),

		// The gate is registered last and stopped first, so that hanging calls do not delay the
		// drain.
		fx.Invoke(func(lc fx.Lifecycle, gate *behavior.Gate) { lc.Append(fx.StopHook(gate.Stop)) }),
	)
}

// apiParams are the dependencies of the API.
type apiParams struct {
	fx.In

	Settings      *settings.Source
	Gate          *behavior.Gate
	Answers       *groupcommit.Writer[behavior.Answer]
	Directory     *billing.Directory
	Orders        *billing.Orders
	Registrations *registration.Client
	Store         *postgres.Store
	Registerer    prometheus.Registerer
	Now           func() time.Time
}

func newAPI(p apiParams) *httpapi.API {
	return httpapi.New(httpapi.Params{
		Settings: p.Settings, Gate: p.Gate, Answers: p.Answers, Directory: p.Directory,
		Orders: p.Orders, OrderLog: p.Store, Registrations: p.Registrations,
		Controls: p.Store, Troubles: p.Store, CallLog: p.Store,
		Registerer: p.Registerer, Now: p.Now,
	})
}

// newGate uses a non-cryptographic random source, because it decides about failures only.
func newGate(ledger behavior.Ledger, now func() time.Time) *behavior.Gate {
	return behavior.NewGate(ledger, rand.Float64, now)
}

func newAnswerWriter(lc fx.Lifecycle, store *postgres.Store, log *slog.Logger, metrics *groupcommit.Metrics) *groupcommit.Writer[behavior.Answer] {
	writer := postgres.NewAnswerWriter(store, log, metrics)
	lc.Append(fx.StartStopHook(writer.Start, writer.Stop))
	return writer
}

// newSettings returns the settings and makes readiness depend on them.
func newSettings(names Names, secrets sidecar.Secrets, log *slog.Logger, checks *health.Registry) *settings.Source {
	source := settings.NewSource(secrets, names.SettingsSecret, log)
	checks.Register("settings", source.Check)
	return source
}

func newRegistrations(names Names, dapr *sidecar.Client) *registration.Client {
	return registration.New(dapr.Invoker(names.AuthAppID))
}

func keepPartitions(lc fx.Lifecycle, pool *pgxpool.Pool, log *slog.Logger, now func() time.Time) {
	platform.Background(lc, func(ctx context.Context) {
		pg.RunMaintenance(ctx, pool, log, now, postgres.Calls)
	})
}
