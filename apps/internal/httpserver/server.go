// Package httpserver runs a service's HTTP side: it listens, puts the same
// middleware around every route, sheds load before it drowns, and drains when
// it stops.
package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/health"
)

// Config bounds what the server takes on.
type Config struct {
	// Addr is the address to listen on; port 0 takes a free one.
	Addr string `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080"`
	// MaxInFlight is how many requests are worked on at once; more get 503.
	// 512 stays below the 1,024 connections that a sidecar opens to its app.
	MaxInFlight int64 `env:"HTTP_MAX_IN_FLIGHT" envDefault:"512"`
	// MaxBody is the longest request body in bytes.
	MaxBody int64 `env:"HTTP_MAX_BODY" envDefault:"65536"`
	// Drain is how long a stop waits for running requests. The longest one
	// answers within 8 s.
	Drain time.Duration `env:"HTTP_DRAIN" envDefault:"10s"`
	// Leave is how long a stop first asks clients, with each answer, to close their
	// connections: a request that is sent on one just when a stop closes it gets no
	// answer. It is for environments whose clients keep connections, as an ingress
	// does.
	Leave time.Duration `env:"HTTP_LEAVE" envDefault:"0s"`
	// TrustedProxies are those whose X-Forwarded-For counts; by default none.
	TrustedProxies Proxies `env:"HTTP_TRUSTED_PROXIES"`
	// Origins are the web pages that may call us from a browser; by default none.
	Origins Origins `env:"CORS_ALLOWED_ORIGINS"`
	// HSTS is how long browsers shall call us over TLS only; 0 leaves it open. It
	// is for environments whose ingress has a certificate.
	HSTS time.Duration `env:"HTTP_HSTS_MAX_AGE"`
}

// Validate reports limits that would refuse everything, and origins that are
// none.
func (c *Config) Validate() error {
	if c.HSTS < 0 {
		return errors.New("HTTP_HSTS_MAX_AGE must not be negative")
	}
	if err := c.Origins.validate(); err != nil {
		return err
	}
	if c.Leave < 0 {
		return errors.New("HTTP_LEAVE must not be negative")
	}
	if c.MaxInFlight < 1 || c.MaxBody < 1 || c.Drain <= 0 {
		return errors.New("HTTP_MAX_IN_FLIGHT, HTTP_MAX_BODY and HTTP_DRAIN must be positive")
	}
	return nil
}

// Registrar adds a service's routes. Routes see the trace, the log record and
// the body limit of the middleware around them.
type Registrar interface{ Register(r *mux.Router) }

// Deps are what the server reports to and asks.
type Deps struct {
	Log      *slog.Logger
	Registry *prometheus.Registry
	Tracer   trace.Tracer
	Health   *health.Registry
	Now      func() time.Time
}

// Server is one service's HTTP server.
type Server struct {
	cfg      Config
	log      *slog.Logger
	http     *http.Server
	listener net.Listener
	served   chan struct{}
	leaving  atomic.Bool
}

// New returns a server for the routes of api. It serves openapi, the service's
// OpenAPI document, at /openapi.yaml.
func New(cfg Config, deps Deps, openapi []byte, api Registrar) *Server {
	s := &Server{cfg: cfg, log: deps.Log, served: make(chan struct{})}
	s.http = &http.Server{
		Handler:           s.parting(routes(cfg, deps, openapi, api)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       90 * time.Second, // longer than the ingress keeps its side
		ErrorLog:          slog.NewLogLogger(deps.Log.Handler(), slog.LevelWarn),
	}
	return s
}

// parting asks clients to close their connections once the server leaves.
func (s *Server) parting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// routes mounts the actuators beside the API, so that a loaded or failing API
// still answers probes and scrapes.
func routes(cfg Config, deps Deps, openapi []byte, api Registrar) http.Handler {
	actuators := map[string]http.Handler{
		"/actuator/health":           http.HandlerFunc(deps.Health.Liveness),
		"/actuator/health/readiness": http.HandlerFunc(deps.Health.Readiness),
		"/actuator/prometheus":       promhttp.HandlerFor(deps.Registry, promhttp.HandlerOpts{}),
		"/openapi.yaml":              document(openapi),
	}
	rest := stack(cfg, deps, api, slices.Collect(maps.Keys(actuators)))
	return secure(cfg.HSTS, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actuator, ok := actuators[r.URL.Path]
		if ok && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			head(actuator).ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	}))
}

func document(openapi []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(openapi)
	}
}

// Handler returns everything the server serves, for tests that need no socket.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Start listens and serves in the background. It returns an error if the
// address cannot be had.
func (s *Server) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("http server: %w", err)
	}
	s.listener = listener
	go func() {
		defer close(s.served)
		if err := s.http.Serve(refusing{listener, s.cfg.HSTS}); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("http server ended", "error", err)
		}
	}()
	s.log.Info("listening", "addr", s.Addr())
	return nil
}

// Addr returns the address the server listens on, once started.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Stop goes on for the time to leave, then takes no more requests and waits for
// the running ones, as long as the drain time allows. It cuts those that are left
// then and returns an error.
func (s *Server) Stop(ctx context.Context) error {
	s.leave(ctx)
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Drain)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("http server: drain: %w", errors.Join(err, s.http.Close()))
	}
	<-s.served
	return err
}

func (s *Server) leave(ctx context.Context) {
	s.leaving.Store(true)
	left := time.NewTimer(s.cfg.Leave)
	defer left.Stop()
	select {
	case <-ctx.Done():
	case <-left.C:
	}
}
