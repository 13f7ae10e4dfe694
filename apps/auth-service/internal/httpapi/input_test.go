package httpapi_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/phonebill/phonebill/apps/auth-service/api"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/internal/health"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// TestEveryRouteRefusesBadInput sends invalid input to every operation of the document.
func TestEveryRouteRefusesBadInput(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tokens := map[bool]string{}
	for admin, user := range map[bool]string{true: "root", false: "kim"} {
		a := w.post("/api/v1/auth/login", "", `{"userId":"`+user+`","password":"`+identitytest.Password+`"}`)
		tokens[admin], _ = a.body["access_token"].(string)
	}
	registry := prometheus.NewRegistry()
	server := httpserver.New(httpserver.Config{MaxInFlight: 64, MaxBody: 64 << 10, Drain: time.Second}, httpserver.Deps{
		Log: slog.New(slog.DiscardHandler), Registry: registry, Tracer: noop.NewTracerProvider().Tracer(""),
		Health: health.NewRegistry(), Now: time.Now,
	}, api.OpenAPI, w.api(registry))
	access.Input(t, api.OpenAPI, server.Handler(), func(r *http.Request, rule access.Rule) {
		if rule == access.Internal {
			r.RemoteAddr = "127.0.0.1:1" // the sidecar's address
			return
		}
		r.Header.Set("Authorization", "Bearer "+tokens[rule == access.Admin])
	})
}
