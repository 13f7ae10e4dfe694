package httpserver

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"

	"github.com/gorilla/mux"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

var errMethod = problem.New(problem.MethodNotAllowed, "METHOD_NOT_ALLOWED", "지원하지 않는 HTTP 메서드입니다.")

// stack returns api's routes behind the middleware, outermost first: observe,
// recover, shed, limit the body.
func stack(cfg Config, deps Deps, api Registrar) http.Handler {
	router := mux.NewRouter()
	router.NotFoundHandler = fail(problem.ErrNotFound)
	router.MethodNotAllowedHandler = fail(errMethod)
	router.Use(noteRoute)
	api.Register(router)

	metrics := newMetrics(deps.Registry)
	inner := limitBody(cfg.MaxBody, router)
	inner = shed(cfg.MaxInFlight, metrics, inner)
	inner = recoverPanics(inner)
	return &observer{deps: deps, metrics: metrics, next: inner}
}

func fail(err error) http.Handler {
	return httpjson.Handler(func(http.ResponseWriter, *http.Request) error { return err })
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
	defer o.metrics.inFlight.Dec()
	o.next.ServeHTTP(answer, r.WithContext(telemetry.WithRecord(ctx, &seen.record)))

	took := o.deps.Now().Sub(start)
	o.metrics.observe(r.Method, seen.route, answer.status, took)
	span.SetName(r.Method + " " + seen.route)
	span.SetAttributes(attribute.Int("http.response.status_code", answer.status))
	seen.record.Emit(ctx, o.deps.Log,
		slog.String("method", clampMethod(r.Method)),
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

// response remembers what was answered.
type response struct {
	http.ResponseWriter
	status int
	bytes  int64
	wrote  bool
}

func (w *response) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(body []byte) (int, error) {
	w.wrote = true
	n, err := w.ResponseWriter.Write(body)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// recoverPanics turns a panic into a 500 with a trace id. A handler that wants
// the connection cut (http.ErrAbortHandler) is obeyed.
func recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch cause := recover(); cause {
			case nil:
			case http.ErrAbortHandler:
				panic(cause)
			default:
				httpjson.Fail(w, r, fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
			}
		}()
		next.ServeHTTP(w, r)
	})
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

// clampMethod keeps a client from inventing label values.
func clampMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "OTHER"
}
