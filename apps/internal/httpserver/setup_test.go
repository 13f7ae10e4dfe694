package httpserver_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/internal/health"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// routes is a Registrar.
type routes func(*mux.Router)

func (f routes) Register(r *mux.Router) { f(r) }

// fixture is a server whose log and metrics can be read.
type fixture struct {
	*httpserver.Server

	registry *prometheus.Registry
	log      *logBuffer
}

func defaults() httpserver.Config {
	return httpserver.Config{Addr: "127.0.0.1:0", MaxInFlight: 100, MaxBody: 1 << 10, Drain: 5 * time.Second}
}

func setup(t testing.TB, cfg httpserver.Config, register routes) *fixture {
	t.Helper()
	provider, err := telemetry.NewTracerProvider(t.Context(), telemetry.Config{}, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{registry: prometheus.NewRegistry(), log: &logBuffer{}}
	f.Server = httpserver.New(cfg, deps(f, provider.Tracer("test")), []byte("openapi: 3.1.0\n"), register)
	return f
}

func deps(f *fixture, tracer trace.Tracer) httpserver.Deps {
	return httpserver.Deps{
		Log:      telemetry.NewLogger(f.log, "test", slog.LevelInfo, 0),
		Registry: f.registry,
		Tracer:   tracer,
		Health:   health.NewRegistry(),
		Now:      time.Now,
	}
}

// do sends a request to the handler, without a socket.
func (f *fixture) do(t testing.TB, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	f.Handler().ServeHTTP(rec, r)
	return rec
}

// metric returns the sum of the counters or gauges called name whose labels have
// the given values ("route", "/users/{id}", …).
func (f *fixture) metric(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	families, err := f.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			has := map[string]string{}
			for _, label := range metric.GetLabel() {
				has[label.GetName()] = label.GetValue()
			}
			if holds(has, labels) {
				sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func holds(has map[string]string, labels []string) bool {
	for i := 0; i < len(labels); i += 2 {
		if has[labels[i]] != labels[i+1] {
			return false
		}
	}
	return true
}

// logBuffer is a buffer that is safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// records returns the log records of requests.
func (b *logBuffer) records(t testing.TB) []map[string]any {
	t.Helper()
	var records []map[string]any
	for text := range strings.Lines(b.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(text), &record); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if record["msg"] == "request" {
			records = append(records, record)
		}
	}
	return records
}

// record returns the log record of the only request.
func (b *logBuffer) record(t testing.TB) map[string]any {
	t.Helper()
	records := b.records(t)
	if len(records) != 1 {
		t.Fatalf("%d records:\n%s", len(records), b)
	}
	return records[0]
}

func get(target string) *http.Request {
	return httptest.NewRequest(http.MethodGet, target, nil)
}

func body(t testing.TB, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
