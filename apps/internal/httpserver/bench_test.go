package httpserver_test

import (
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/health"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

// The difference between these two benchmarks is the cost of the middleware:
// trace, log record, metrics, routing, headers and limits.

func BenchmarkBareHandler(b *testing.B) { serve(b, http.HandlerFunc(trivial)) }

func BenchmarkStack(b *testing.B) {
	provider, err := telemetry.NewTracerProvider(b.Context(), telemetry.Config{}, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	serve(b, httpserver.New(defaults(), httpserver.Deps{
		Log:      telemetry.NewLogger(io.Discard, "test", slog.LevelInfo, 0),
		Registry: prometheus.NewRegistry(),
		Tracer:   provider.Tracer("test"),
		Health:   health.NewRegistry(),
		Now:      time.Now,
	}, nil, routes(func(r *mux.Router) {
		r.HandleFunc("/api/v1/users/{userId}", trivial).Methods(http.MethodGet)
	})).Handler())
}

func trivial(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }

func serve(b *testing.B, handler http.Handler) {
	b.Helper()
	r := get("/api/v1/users/7")
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(&discard{header: http.Header{}}, r)
	}
}

// discard is a ResponseWriter that discards the response.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header             { return d.header }
func (*discard) Write(p []byte) (int, error)       { return len(p), nil }
func (*discard) WriteHeader(int)                   {}
func (*discard) WriteString(s string) (int, error) { return len(s), nil }
