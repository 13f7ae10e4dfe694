package httpserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/phonebill/phonebill/apps/internal/httpjson"
	"github.com/phonebill/phonebill/apps/internal/problem"
	"github.com/phonebill/phonebill/apps/internal/query"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// stack returns api's routes behind the middleware, outermost first: observe and
// recover, CORS, load shedding, body limit.
func stack(cfg Config, deps Deps, api Registrar, actuators []string) http.Handler {
	router := mux.NewRouter().SkipClean(true) // a path that is not clean gets 404, not a redirect
	router.NotFoundHandler = unmatched(router, actuators)
	router.MethodNotAllowedHandler = router.NotFoundHandler
	router.Use(withRoute, query.Middleware)
	api.Register(router)

	metrics := newMetrics(deps.Registry)
	inner := limitBody(cfg.MaxBody, headAsGet(router))
	inner = shed(cfg.MaxInFlight, metrics, inner)
	inner = withCORS(cfg.Origins, inner)
	return &observer{deps: deps, metrics: metrics, proxies: cfg.TrustedProxies, next: inner}
}

// observer starts a span for each request. At the end it writes one log record and
// updates the metrics.
type observer struct {
	deps    Deps
	metrics *metrics
	proxies Proxies
	next    http.Handler
}

// serverSpan are the options of every span.
var serverSpan = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}

func (o *observer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := o.deps.Now()
	ctx, span := o.deps.Tracer.Start(telemetry.Extract(r.Context(), r.Header), "request", serverSpan...)
	defer span.End()

	seen := &observation{
		Context: ctx, route: "unmatched", client: o.proxies.client(r),
		answer: response{ResponseWriter: w, span: span.SpanContext(), status: http.StatusOK},
	}
	o.metrics.inFlight.Inc()
	defer func() { // also if serve panics to close the connection
		o.metrics.inFlight.Dec()
		o.report(r.Method, seen, o.deps.Now().Sub(start))
	}()
	serve(o.next, &seen.answer, r.WithContext(seen))
}

// report writes metrics, span attributes and log record of a finished request.
func (o *observer) report(method string, seen *observation, took time.Duration) {
	method = clampMethod(method)
	o.metrics.observe(method, seen.route, seen.answer.status, took)
	describe(trace.SpanFromContext(seen), method, seen)
	seen.record.Emit(seen, o.deps.Log,
		slog.String("method", method),
		slog.String("route", seen.route),
		slog.Int("status", seen.answer.status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.Int64("bytes", seen.answer.bytes),
	)
}

// describe names a span by the semantic conventions of OpenTelemetry for HTTP servers. It
// does not record the path and the client's address, which are personal data.
func describe(span trace.Span, method string, seen *observation) {
	if !span.IsRecording() {
		return
	}
	span.SetName(method + " " + seen.route)
	span.SetAttributes(semconv.HTTPRequestMethodKey.String(method), semconv.HTTPRoute(seen.route),
		semconv.HTTPResponseStatusCode(seen.answer.status))
	if seen.answer.status >= http.StatusInternalServerError || seen.answer.status == statusNoResponse {
		telemetry.Fail(span, strconv.Itoa(seen.answer.status))
	}
}

// serve calls next. A panic is answered with 500 and a trace id. If the response
// has begun, or the panic is http.ErrAbortHandler, the connection is closed
// instead, so that the client sees that the response is incomplete.
func serve(next http.Handler, w *response, r *http.Request) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if abort, ok := cause.(error); !ok || !errors.Is(abort, http.ErrAbortHandler) {
			err := fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
			if !w.wrote {
				httpjson.Fail(w, r, err)
				return
			}
			telemetry.RecordError(r.Context(), err)
		}
		w.abort()
	}()
	next.ServeHTTP(w, r)
}

// shed answers requests above limit with 503 at once. Queueing them in memory would
// only delay all requests.
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
