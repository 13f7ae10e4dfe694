package telemetry_test

import (
	"log/slog"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/propagation"

	"github.com/phonebill/phonebill/apps/internal/telemetry"
)

const (
	parentID = "4bf92f3577b34da6a3ce929d0e0e4736"
	parent   = "00-" + parentID + "-00f067aa0ba902b7-01"
)

func TestSpansHaveIDsWithoutCollector(t *testing.T) {
	t.Parallel()
	provider, err := telemetry.NewTracerProvider(t.Context(), telemetry.Config{}, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ traceparent, want string }{
		"new trace": {"", ""},
		"continued": {parent, parentID},
		"all zeros": {"00-00000000000000000000000000000000-0000000000000000-00", ""},
		"malformed": {"00-nonsense", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			header.Set("Traceparent", tc.traceparent)
			ctx, span := provider.Tracer("test").Start(telemetry.Extract(t.Context(), header), "request")
			defer span.End()
			id := telemetry.TraceID(ctx)
			if len(id) != 32 || (tc.want != "" && id != tc.want) {
				t.Errorf("trace id %q, want %q", id, tc.want)
			}
			sent := http.Header{}
			telemetry.Inject(ctx, propagation.HeaderCarrier(sent))
			if got := telemetry.TraceID(telemetry.Extract(t.Context(), sent)); got != id {
				t.Errorf("injected trace %q, want %q", got, id)
			}
		})
	}
}
