// Package httpserver is the HTTP server of a service. It wraps every route in the
// same middleware, sheds load above a limit, and drains when it stops.
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

// Config configures a Server.
type Config struct {
	// Addr is the address to listen on; port 0 selects a free one.
	Addr string `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080"`
	// MaxInFlight is the maximum number of concurrent requests; more get 503. The
	// default is below the 1,024 connections that a sidecar opens to its app.
	MaxInFlight int64 `env:"HTTP_MAX_IN_FLIGHT" envDefault:"512"`
	// MaxBody is the maximum size of a request body in bytes.
	MaxBody int64 `env:"HTTP_MAX_BODY" envDefault:"65536"`
	// Drain is how long Stop waits for running requests, which take at most 8 s.
	Drain time.Duration `env:"HTTP_DRAIN" envDefault:"10s"`
	// Leave is how long Stop keeps serving with "Connection: close" before it drains.
	// It is for clients that keep connections open, such as an ingress: a request
	// that arrives while Stop closes its connection gets no response.
	Leave time.Duration `env:"HTTP_LEAVE" envDefault:"0s"`
	// TrustedProxies are the proxies whose X-Forwarded-For is believed; default none.
	TrustedProxies Proxies `env:"HTTP_TRUSTED_PROXIES"`
	// Origins are the allowed CORS origins; default none.
	Origins Origins `env:"CORS_ALLOWED_ORIGINS"`
	// HSTS is the max-age of Strict-Transport-Security; 0 omits the header. Set it
	// where the ingress has a certificate.
	HSTS time.Duration `env:"HTTP_HSTS_MAX_AGE"`
}

// Validate implements config.Validator.
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

// Registrar adds a service's routes to r. Their requests carry the trace and the
// log record in the context, and bodies are limited.
type Registrar interface{ Register(r *mux.Router) }

// Deps are the dependencies of a Server.
type Deps struct {
	Log      *slog.Logger
	Registry *prometheus.Registry
	Tracer   trace.Tracer
	Health   *health.Registry
	Now      func() time.Time
}

// Server is the HTTP server of a service.
type Server struct {
	cfg      Config
	log      *slog.Logger
	http     *http.Server
	listener net.Listener
	served   chan struct{}
	leaving  atomic.Bool
}

// New returns a server for the routes of api, the actuators, and openapi, the
// OpenAPI document, at /openapi.yaml unless it is empty.
func New(cfg Config, deps Deps, openapi []byte, api Registrar) *Server {
	s := &Server{cfg: cfg, log: deps.Log, served: make(chan struct{})}
	s.http = &http.Server{
		Handler:           s.closeWhenLeaving(routes(cfg, deps, openapi, api)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       90 * time.Second, // longer than the ingress keeps idle connections
		ErrorLog:          slog.NewLogLogger(deps.Log.Handler(), slog.LevelWarn),
	}
	return s
}

// closeWhenLeaving sets "Connection: close" on responses once Stop was called.
func (s *Server) closeWhenLeaving(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// routes mounts the actuators outside of the API's middleware, so that probes and
// scrapes are answered even when the API sheds load.
func routes(cfg Config, deps Deps, openapi []byte, api Registrar) http.Handler {
	actuators := map[string]http.Handler{
		"/actuator/health":           http.HandlerFunc(deps.Health.Liveness),
		"/actuator/health/readiness": http.HandlerFunc(deps.Health.Readiness),
		"/actuator/prometheus":       promhttp.HandlerFor(deps.Registry, promhttp.HandlerOpts{}),
	}
	if len(openapi) > 0 {
		actuators["/openapi.yaml"] = document(openapi)
	}
	rest := stack(cfg, deps, api, slices.Collect(maps.Keys(actuators)))
	return withSecurityHeaders(cfg.HSTS, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		actuator, ok := actuators[r.URL.Path]
		if ok && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			headAsGet(actuator).ServeHTTP(w, r)
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

// Handler returns the server's handler, for tests without a socket.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Start listens and serves in a goroutine. It returns an error if it cannot listen.
func (s *Server) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return fmt.Errorf("http server: %w", err)
	}
	s.listener = listener
	go func() {
		defer close(s.served)
		if err := s.http.Serve(builtinErrorListener{listener, s.cfg.HSTS}); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("http server failed", "error", err)
		}
	}()
	s.log.Info("listening", "addr", s.Addr())
	return nil
}

// Addr returns the listening address. It must be called after Start.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Stop keeps serving for Leave, then stops accepting requests and waits up to Drain
// for running ones. It closes the connections of those still running and returns
// an error.
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
	timer := time.NewTimer(s.cfg.Leave)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
