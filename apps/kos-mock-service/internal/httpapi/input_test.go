package httpapi_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/phonebill/phonebill/apps/internal/health"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/kos-mock-service/api"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/behavior"
	"github.com/phonebill/phonebill/apps/kos-mock-service/internal/billing"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// TestEveryRouteRefusesBadInput sends invalid input to every operation of the document.
func TestEveryRouteRefusesBadInput(t *testing.T) {
	t.Parallel()
	k := newKOS()
	k.settings.AdminEnabled, k.counter = true, prometheus.NewRegistry()
	server := httpserver.New(httpserver.Config{MaxInFlight: 64, MaxBody: 64 << 10, Drain: time.Second}, httpserver.Deps{
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider().Tracer(""),
		Health: health.NewRegistry(), Now: time.Now,
	}, api.OpenAPI, k.api())
	access.Input(t, api.OpenAPI, server.Handler(), func(r *http.Request, _ access.Rule) {
		r.Header.Set("Authorization", k.bearer(t))
	})
}

// Override implements httpapi.Controls.
func (k *kos) Override(context.Context, behavior.Endpoint) (behavior.Override, int, error) {
	return k.admission.Override, 0, nil
}

// SetOverride implements httpapi.Controls.
func (*kos) SetOverride(context.Context, behavior.Endpoint, behavior.Override, []behavior.ScriptedStep) error {
	return nil
}

// Reset implements httpapi.Controls.
func (*kos) Reset(context.Context, ...behavior.Endpoint) error { return nil }

// Overrides implements httpapi.Troubles.
func (*kos) Overrides(context.Context) (map[behavior.Endpoint]behavior.Override, error) {
	return map[behavior.Endpoint]behavior.Override{}, nil
}

// SetTroubles implements httpapi.Troubles.
func (*kos) SetTroubles(context.Context, map[behavior.Endpoint]behavior.Trouble) error { return nil }

// CountCalls implements httpapi.CallLog.
func (*kos) CountCalls(context.Context, behavior.CallFilter) ([]behavior.CallCount, error) {
	return nil, nil
}

// BusiestMinute implements httpapi.CallLog.
func (*kos) BusiestMinute(context.Context, behavior.CallFilter) (int64, error) { return 0, nil }

// orderLog is an empty httpapi.OrderLog.
type orderLog struct{}

func (orderLog) Orders(context.Context, billing.OrderFilter) ([]billing.Placed, error) {
	return nil, nil
}
