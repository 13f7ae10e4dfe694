package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// stack returns api's routes behind the middleware, outermost first: observe,
// recover, let pages in, shed, limit the body.
func stack(cfg Config, deps Deps, api Registrar, actuators []string) http.Handler {
	router := mux.NewRouter().SkipClean(true) // an untidy path is no route of ours: 404, not a redirect
	router.NotFoundHandler = unmatched(router, actuators)
	router.MethodNotAllowedHandler = router.NotFoundHandler
	router.Use(noteRoute, query.Middleware)
	api.Register(router)

	metrics := newMetrics(deps.Registry)
	inner := limitBody(cfg.MaxBody, head(router))
	inner = shed(cfg.MaxInFlight, metrics, inner)
	inner = noteClient(cfg.TrustedProxies, inner)
	inner = allow(cfg.Origins, inner)
	return &observer{deps: deps, metrics: metrics, next: inner}
}

// observer gives each request a trace and, when it is over, one log record and
// its share of the metrics.
type observer struct {
	deps    Deps
	metrics *metrics
	next    http.Handler
}

func (o *observer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := o.deps.Now()
	ctx, span := o.deps.Tracer.Start(telemetry.Extract(r.Context(), r.Header), r.Method,
		trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()

	seen := &observation{route: "unmatched"}
	ctx = context.WithValue(ctx, observationKey{}, seen)
	answer := &response{ResponseWriter: w, status: http.StatusOK}
	o.metrics.inFlight.Inc()
	defer func() { // also when the connection is cut by a panic
		o.metrics.inFlight.Dec()
		o.tell(ctx, r.Method, seen, answer, o.deps.Now().Sub(start))
	}()
	serve(o.next, answer, r.WithContext(telemetry.WithRecord(ctx, &seen.record)))
}

// tell tells the log, the metrics and the trace about a request that is over.
func (o *observer) tell(ctx context.Context, method string, seen *observation, answer *response, took time.Duration) {
	method = clampMethod(method)
	o.metrics.observe(method, seen.route, answer.status, took)
	span := trace.SpanFromContext(ctx)
	span.SetName(method + " " + seen.route)
	span.SetAttributes(attribute.Int("http.response.status_code", answer.status))
	seen.record.Emit(ctx, o.deps.Log,
		slog.String("method", method),
		slog.String("route", seen.route),
		slog.Int("status", answer.status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.Int64("bytes", answer.bytes),
		slog.String("trace_id", telemetry.TraceID(ctx)),
	)
}

// observation is what the inner layers tell the observer.
type observation struct {
	route  string
	record telemetry.Record
}

type observationKey struct{}

// noteRoute tells the observer which route matched: its template, such as
// "/users/{userId}", never a path with somebody's id in it.
func noteRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen, ok := r.Context().Value(observationKey{}).(*observation); ok {
			if template, err := mux.CurrentRoute(r).GetPathTemplate(); err == nil {
				seen.route = template
			}
		}
		next.ServeHTTP(w, r)
	})
}

// serve calls next. A panic becomes a 500 with a trace id. An answer that has
// begun is cut off instead, so that its client sees that it is not whole; so is
// one whose handler wants that (http.ErrAbortHandler).
func serve(next http.Handler, w *response, r *http.Request) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if wanted, ok := cause.(error); !ok || !errors.Is(wanted, http.ErrAbortHandler) {
			err := fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
			if !w.wrote {
				httpjson.Fail(w, r, err)
				return
			}
			telemetry.Fault(r.Context(), err)
		}
		w.cut()
	}()
	next.ServeHTTP(w, r)
}

// shed refuses what exceeds limit, at once: a queue in memory would only make
// everybody late.
func shed(limit int64, metrics *metrics, next http.Handler) http.Handler {
	var running atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer running.Add(-1)
		if running.Add(1) > limit {
			metrics.shed.Inc()
			httpjson.Fail(w, r, problem.ErrOverloaded)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func limitBody(limit int64, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		next.ServeHTTP(w, r)
	})
}
