// Package platform provides the shared packages as fx modules, with the order in
// which they start and stop, and the commands of a service. It is the only package
// in apps/internal that imports fx.
package platform

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/phonebill/phonebill/apps/internal/audit"
	"github.com/phonebill/phonebill/apps/internal/groupcommit"
	"github.com/phonebill/phonebill/apps/internal/health"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/pg"
	"github.com/phonebill/phonebill/apps/internal/session"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// Service is the name of the service.
type Service string

// OpenAPI is the service's OpenAPI document.
type OpenAPI []byte

// Base provides logger, metrics, tracer, clock, health registry and sidecar client.
// It requires telemetry.Config and sidecar.Config.
func Base(service Service) fx.Option {
	return fx.Options(
		// Outside of the module, as within it the logger would be the module's only.
		fx.WithLogger(func(log *slog.Logger) fxevent.Logger {
			events := &fxevent.SlogLogger{Logger: log}
			events.UseLogLevel(slog.LevelDebug)
			return events
		}),
		fx.Supply(service),
		fx.Module("platform", fx.Provide(
			newLogger,
			newRegistry,
			newTracer,
			newChecks,
			newSidecar,
			sidecar.NewGate,
			func(c *sidecar.Client) sidecar.Secrets { return c },
			func() func() time.Time { return time.Now },
		), fx.Invoke(serveProfiles)),
	)
}

// newChecks returns a health registry that logs changes, as Kubernetes does not
// show the body of a failed readiness probe.
func newChecks(log *slog.Logger) *health.Registry {
	checks := health.NewRegistry()
	checks.OnChange(func(name string, now health.Component) {
		if now.Reason != "" {
			log.Warn("dependency down", slog.String("dependency", name), slog.String("reason", now.Reason))
			return
		}
		log.Info("dependency up", slog.String("dependency", name))
	})
	return checks
}

// Database provides the connection pool and pg.Direct. Readiness requires the
// database once. It requires pg.Config.
var Database = fx.Module("database", fx.Provide(newPool, newDirect))

// Workers provides pg.Workers with the connections of cfg. See pg.Config.Split.
func Workers(cfg pg.Config) fx.Option {
	return fx.Provide(func(lc fx.Lifecycle, secrets sidecar.Secrets, registerer prometheus.Registerer) (pg.Workers, error) {
		pool, err := pg.Open(cfg, secrets)
		if err != nil {
			return pg.Workers{}, err
		}
		pg.Register(registerer, pg.PoolWorkers, pool)
		lc.Append(fx.StopHook(pool.Close))
		return pg.Workers{Pool: pool}, nil
	})
}

// HTTP serves the httpserver.Registrar. It requires httpserver.Config and OpenAPI.
var HTTP = fx.Module("http", fx.Provide(newServer), fx.Invoke(func(*httpserver.Server) {}))

// SessionConfig configures the session store.
type SessionConfig struct {
	Store string `env:"SESSION_STORE" envDefault:"session-store"`
}

// Sessions provides the session store and its cache. Readiness reports the store
// but does not require it, as reads work without it. It requires SessionConfig.
var Sessions = fx.Module("sessions", fx.Provide(newSessions, session.NewCached))

// IssuerConfig configures the issuer of our tokens: the app that publishes its keys.
type IssuerConfig struct {
	AppID string `env:"AUTH_APP_ID" envDefault:"auth-service"`
}

// Authentication provides an Authenticator that verifies tokens with the keys
// published by the auth service. Readiness requires the keys. It requires
// IssuerConfig, Sessions and the configuration of Authenticator.
var Authentication = fx.Options(fx.Module("authentication", fx.Provide(newKeys)), Authenticator)

// Authenticator is Authentication for a service that provides its own jwtauth.Keys.
// It accepts operators too, if jwtauth.OIDCConfig has an issuer. Readiness reports
// that issuer but does not require it, as customers do not need it. It requires
// jwtauth.Config and jwtauth.OIDCConfig.
var Authenticator = fx.Module("authenticator", fx.Provide(jwtauth.NewVerifier, newOperators, newAuthenticator))

func newOperators(cfg jwtauth.OIDCConfig, checks *health.Registry, now func() time.Time) *jwtauth.Operators {
	operators := jwtauth.NewOperators(cfg, now)
	if operators != nil {
		checks.RegisterOptional("operator-issuer", operators.Health)
	}
	return operators
}

func newAuthenticator(
	verifier *jwtauth.Verifier, sessions *session.Cached, operators *jwtauth.Operators, registerer prometheus.Registerer,
) *jwtauth.Authenticator {
	return jwtauth.NewAuthenticator(verifier, sessions, registerer).Admit(operators)
}

func newKeys(cfg IssuerConfig, dapr *sidecar.Client, checks *health.Registry, now func() time.Time) jwtauth.Keys {
	keys := jwtauth.NewRemoteKeys(dapr.Invoker(cfg.AppID), "http://"+cfg.AppID+"/.well-known/jwks.json", now)
	checks.Register("signing-keys", keys.Health)
	return keys
}

func newSessions(cfg SessionConfig, dapr *sidecar.Client, checks *health.Registry) *session.Store {
	store := session.NewStore(dapr.State(cfg.Store))
	checks.RegisterOptional("session-store", store.Health)
	return store
}

// newLogger also sets the default logger of slog, so that libraries log in the same
// format.
func newLogger(lc fx.Lifecycle, service Service, cfg telemetry.Config) *slog.Logger {
	level := new(slog.LevelVar)
	level.Set(cfg.Level)
	log := telemetry.NewLogger(os.Stdout, string(service), level, cfg.Burst)
	slog.SetDefault(log)
	lc.Append(changeLevel(level, log))
	return log
}

func newRegistry() (*prometheus.Registry, prometheus.Registerer) {
	registry := telemetry.NewRegistry()
	return registry, registry
}

func newTracer(lc fx.Lifecycle, service Service, cfg telemetry.Config, log *slog.Logger) (trace.Tracer, error) {
	provider, err := telemetry.NewTracerProvider(context.Background(), cfg, string(service), log)
	if err != nil {
		return nil, err
	}
	lc.Append(fx.StopHook(func(ctx context.Context) { telemetry.Flush(ctx, provider) }))
	return provider.Tracer(string(service)), nil
}

func newSidecar(lc fx.Lifecycle, cfg sidecar.Config, checks *health.Registry) (*sidecar.Client, error) {
	client, err := sidecar.New(cfg)
	if err != nil {
		return nil, err
	}
	checks.Register("sidecar", client.Health)
	lc.Append(fx.StopHook(client.Close))
	return client, nil
}

// databaseParams are the parameters of newPool and newDirect.
type databaseParams struct {
	fx.In

	Config     pg.Config
	Secrets    sidecar.Secrets
	Checks     *health.Registry
	Registerer prometheus.Registerer
}

func newPool(lc fx.Lifecycle, p databaseParams) (*pgxpool.Pool, error) {
	pool, err := pg.Open(p.Config, p.Secrets)
	if err != nil {
		return nil, err
	}
	pg.Register(p.Registerer, pg.PoolRequests, pool)
	p.Checks.RegisterStartup("database", pg.Ping(pool))
	lc.Append(fx.StopHook(pool.Close))
	return pool, nil
}

func newDirect(lc fx.Lifecycle, pool *pgxpool.Pool, p databaseParams) (pg.Direct, error) {
	direct, err := pg.OpenDirect(p.Config, pool, p.Secrets)
	if err != nil {
		return direct, err
	}
	if direct.Pool != pool {
		pg.Register(p.Registerer, pg.PoolDirect, direct.Pool)
		lc.Append(fx.StopHook(direct.Close))
	}
	return direct, nil
}

// serverParams are the parameters of newServer.
type serverParams struct {
	fx.In

	Config   httpserver.Config
	Log      *slog.Logger
	Registry *prometheus.Registry
	Tracer   trace.Tracer
	Health   *health.Registry
	Now      func() time.Time
	Document OpenAPI
	Routes   httpserver.Registrar
}

func newServer(lc fx.Lifecycle, p serverParams) *httpserver.Server {
	server := httpserver.New(p.Config, httpserver.Deps{
		Log: p.Log, Registry: p.Registry, Tracer: p.Tracer, Health: p.Health, Now: p.Now,
	}, p.Document, p.Routes)
	lc.Append(fx.StartStopHook(server.Start, server.Stop))
	return server
}

// Background runs work in a goroutine from start to stop. Stop cancels work's
// context and waits until work returns.
func Background(lc fx.Lifecycle, work func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	lc.Append(fx.Hook{
		OnStart: func(context.Context) error {
			go func() {
				defer close(done)
				work(ctx)
			}()
			return nil
		},
		OnStop: func(stop context.Context) error {
			cancel()
			select {
			case <-done:
				return nil
			case <-stop.Done():
				return fmt.Errorf("stop background work: %w", stop.Err())
			}
		},
	})
}

// Audit records denied accesses, including errors with the given codes, in the
// service's database. It decorates the routes that HTTP serves, so it must not be
// inside a module. It requires groupcommit.Metrics and Database. The service must
// maintain audit.Table.
func Audit(codes ...string) fx.Option {
	return fx.Options(
		fx.Module("audit", fx.Provide(
			newAuditWriter,
			func(writer *audit.Writer, now func() time.Time, registerer prometheus.Registerer) *audit.Denials {
				return audit.NewDenials(writer, now, registerer, codes...)
			},
		)),
		fx.Decorate(func(routes httpserver.Registrar, denials *audit.Denials) httpserver.Registrar {
			return denials.Wrap(routes)
		}),
	)
}

func newAuditWriter(lc fx.Lifecycle, pool *pgxpool.Pool, log *slog.Logger, metrics *groupcommit.Metrics) *audit.Writer {
	writer := audit.NewWriter(pool, log, metrics)
	lc.Append(fx.StartStopHook(writer.Start, writer.Stop))
	return writer
}
