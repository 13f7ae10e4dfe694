// Package app assembles the service: its dependency graph, configuration and commands.
package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"github.com/phonebill/phonebill/apps/auth-service/api"
	"github.com/phonebill/phonebill/apps/auth-service/internal/events"
	"github.com/phonebill/phonebill/apps/auth-service/internal/httpapi"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/kos"
	"github.com/phonebill/phonebill/apps/auth-service/internal/metrics"
	"github.com/phonebill/phonebill/apps/auth-service/internal/password"
	"github.com/phonebill/phonebill/apps/auth-service/internal/postgres"
	"github.com/phonebill/phonebill/apps/auth-service/internal/sessionstore"
	"github.com/phonebill/phonebill/apps/auth-service/internal/throttle"
	"github.com/phonebill/phonebill/apps/auth-service/internal/token"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/health"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	kosbudget "github.com/phonebill/phonebill/apps/internal/kos/budget"
	kosclient "github.com/phonebill/phonebill/apps/internal/kos/client"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/platform"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// Name is the service's name, which is also its folder and its Dapr app id.
const Name = "auth-service"

// Graph returns the dependency graph of the server, from the inbound side to the outbound one.
func Graph(cfg Config) fx.Option {
	return fx.Options(
		fx.Supply(cfg.HTTP, cfg.Telemetry, cfg.Sidecar, cfg.Database, cfg.Data, cfg.Store, cfg.KOS, cfg.Limits, cfg.Names, cfg.Operators,
			cfg.Token, cfg.Password, cfg.Throttle, cfg.Events),
		fx.Supply(platform.OpenAPI(api.OpenAPI), lifetimes(cfg)),
		platform.Base(Name), platform.HTTP, platform.Sessions, platform.Database, platform.Sealing, platform.Authenticator,
		platform.Audit(identity.ErrOwnAccount.Code, identity.ErrLastAdministrator.Code, identity.ErrPermissionUnfit.Code),

		fx.Module("inbound", fx.Provide(
			newAPI,
			throttle.New,
		)),
		fx.Module("use-cases", fx.Provide(
			newGuard,
			newSessions,
			events.NewSessions,
			newAccounts,
			newAdministration,
			metrics.New,
		)),
		fx.Module("outbound", fx.Provide(
			postgres.NewStore,
			sessionstore.New,
			password.New,
			newKeys,
			func(keys *token.Keys) jwtauth.Keys { return keys },
			token.NewIssuer,
			newKOS,
			newBudget,
			kosbudget.NewMetrics,
			newAnnouncer,
			postgres.NewHistory,
			groupcommit.NewMetrics,
			newHistoryWriter,
		), fx.Invoke(keepPartitions, announce, measure)),
	)
}

func lifetimes(cfg Config) identity.Lifetimes {
	return identity.Lifetimes{
		Idle: cfg.Session.Idle, AutoLoginIdle: cfg.Session.AutoLoginIdle,
		Absolute: cfg.Session.Absolute, AutoLoginAbsolute: cfg.Session.AutoLoginAbsolute,
		Refresh: cfg.Token.RefreshTTL, Grace: cfg.Session.RefreshGrace,
	}
}

// apiParams are the dependencies of the API.
type apiParams struct {
	fx.In

	Sessions *events.Sessions
	Accounts *identity.Accounts
	Admin    *identity.Administration
	Keys     *token.Keys
	Auth     *jwtauth.Authenticator
	Throttle *throttle.Throttle
	Gate     *sidecar.Gate
}

func newAPI(p apiParams) httpserver.Registrar {
	return httpapi.New(httpapi.Params{
		Sessions: p.Sessions, Own: p.Sessions, Accounts: p.Accounts, Admin: p.Admin, Keys: p.Keys,
		Auth: p.Auth, Throttle: p.Throttle, Gate: p.Gate,
	})
}

// useCaseParams are the dependencies of the use cases.
type useCaseParams struct {
	fx.In

	Store     *postgres.Store
	Sessions  *sessionstore.Store
	Hasher    *password.Hasher
	Issuer    *token.Issuer
	Carrier   *kos.Carrier
	History   *postgres.History
	Guard     *identity.Guard
	Recorder  *metrics.Recorder
	Lifetimes identity.Lifetimes
	Now       func() time.Time
}

func newGuard(store *postgres.Store, hasher *password.Hasher) *identity.Guard {
	return identity.NewGuard(identity.GuardParams{Credentials: store, Passwords: hasher, Attempts: store})
}

func newSessions(p useCaseParams) *identity.Sessions {
	return identity.NewSessions(identity.SessionsParams{
		Guard: p.Guard, Tokens: p.Issuer, Index: p.Store, Store: p.Sessions,
		History: p.History, Recorder: p.Recorder, Lifetimes: p.Lifetimes, Now: p.Now,
	})
}

func newAccounts(p useCaseParams) *identity.Accounts {
	return identity.NewAccounts(identity.AccountsParams{
		Users: p.Store, Credentials: p.Store, Guard: p.Guard, Passwords: p.Hasher, Carrier: p.Carrier,
		Sessions: p.Sessions, Recorder: p.Recorder,
	})
}

func newAdministration(p useCaseParams) *identity.Administration {
	return identity.NewAdministration(p.Store, p.Store, p.Sessions, p.Recorder, p.Now)
}

// keysParams are the dependencies of the signing keys.
type keysParams struct {
	fx.In

	Config  token.Config
	Secrets sidecar.Secrets
	Store   *postgres.Store
	Log     *slog.Logger
	Checks  *health.Registry
	Now     func() time.Time
}

// newKeys returns the signing keys and makes readiness depend on them.
func newKeys(lc fx.Lifecycle, p keysParams) *token.Keys {
	keys := token.NewKeys(token.KeysParams{
		Secrets: p.Secrets, Secret: p.Config.KeySecret, Ledger: p.Store, Lead: p.Config.KeyLead, Log: p.Log, Now: p.Now,
	})
	p.Checks.Register("signing-keys", keys.Ready)
	platform.Background(lc, keys.Watch)
	return keys
}

// kosParams are the dependencies of the KOS client.
type kosParams struct {
	fx.In

	Config     kosclient.Config
	Secrets    sidecar.Secrets
	Sidecar    *sidecar.Client
	Budget     *kosbudget.Budget
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

func newKOS(p kosParams) *kos.Carrier {
	client := kosclient.New(p.Config, p.Secrets, p.Config.Transport(p.Sidecar.Invoker), p.Log, p.Registerer)
	return kos.New(client, p.Budget)
}

// newBudget returns the KOS budget that all replicas share.
func newBudget(pool *pgxpool.Pool, limits LimitConfig, metrics *kosbudget.Metrics) *kosbudget.Budget {
	return metrics.Measure(kosbudget.New(pool, Name, kos.ProductInquiry, kosbudget.PerMinute(limits.Lines)))
}

// measure updates the metrics of the budget. It takes the budget as a parameter so that fx creates
// it first.
func measure(lc fx.Lifecycle, metrics *kosbudget.Metrics, _ *kosbudget.Budget, log *slog.Logger) {
	platform.Background(lc, func(ctx context.Context) { metrics.Watch(ctx, log) })
}

func newAnnouncer(cfg EventConfig, dapr *sidecar.Client, log *slog.Logger, registerer prometheus.Registerer) *events.Announcer {
	return events.NewAnnouncer(dapr, cfg.PubSub, log, registerer)
}

// announce starts publishing login events.
func announce(lc fx.Lifecycle, announcer *events.Announcer) { platform.Background(lc, announcer.Run) }

func newHistoryWriter(lc fx.Lifecycle, pool *pgxpool.Pool, log *slog.Logger, metrics *groupcommit.Metrics) *groupcommit.Writer[identity.Login] {
	writer := postgres.NewHistoryWriter(pool, log, metrics)
	lc.Append(fx.StartStopHook(writer.Start, writer.Stop))
	return writer
}

func keepPartitions(lc fx.Lifecycle, pool *pgxpool.Pool, log *slog.Logger, now func() time.Time) {
	platform.Background(lc, func(ctx context.Context) {
		pg.RunMaintenance(ctx, pool, log, now, postgres.Partitioned...)
	})
}
