package httpserver_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
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

// BenchmarkIdleConnections measures the memory that a connection takes while no request uses it, in
// bytes of heap and stacks, with the client's end of it, which is in this process. Each connection has
// answered a request before.
func BenchmarkIdleConnections(b *testing.B) {
	const connections = 2000
	server := setup(b, defaults(), func(r *mux.Router) { r.HandleFunc("/", trivial) })
	if err := server.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	request := []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	for b.Loop() {
		before := memory()
		clients := make([]net.Conn, connections)
		for i := range clients {
			client, err := net.Dial("tcp", server.Addr())
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = client.Close() }()
			if _, err := client.Write(request); err != nil {
				b.Fatal(err)
			}
			if _, err := client.Read(make([]byte, 4096)); err != nil {
				b.Fatal(err)
			}
			clients[i] = client
		}
		b.ReportMetric(float64(memory()-before)/connections, "bytes/connection")
		runtime.KeepAlive(clients)
	}
	if err := server.Stop(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// memory returns the memory in use by heap and stacks.
func memory() uint64 {
	runtime.GC()
	runtime.GC() // empties pools too
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc + stats.StackInuse
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
