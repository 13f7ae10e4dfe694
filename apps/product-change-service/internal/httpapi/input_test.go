package httpapi_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/health"
	"github.com/phonebill/phonebill/apps/internal/httpserver"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/session"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/api"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/httpapi"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/product"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// TestEveryRouteRefusesBadInput sends invalid input to every operation of the document.
func TestEveryRouteRefusesBadInput(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t, time.Now)
	owner := jwtauth.Principal{UserID: "testuser01", CustomerID: "CUST001", Lines: []string{line.Digits()}, Permissions: []string{product.Permission}, SessionID: "s1"}
	sessions := authtest.LiveSessions{"s1": session.Record{UserID: owner.UserID, Lines: owner.Lines, Permissions: owner.Permissions}}
	auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(issuer.Config, issuer.Keys(), time.Now), sessions, prometheus.NewRegistry())
	consumer := events.NewConsumer(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	server := httpserver.New(httpserver.Config{MaxInFlight: 64, MaxBody: 64 << 10, Drain: time.Second}, httpserver.Deps{
		Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider().Tracer(""),
		Health: health.NewRegistry(), Now: time.Now,
	}, api.OpenAPI, httpapi.New(httpapi.Params{Requests: &requests{answer: completed()}, Plans: goodPlans(), Auth: auth, Consumer: consumer, Gate: sidecar.NewGate(sidecar.Config{})}))
	token := issuer.Token(t, owner)
	access.Input(t, api.OpenAPI, server.Handler(), func(r *http.Request, rule access.Rule) {
		if rule == access.Internal {
			r.RemoteAddr = "127.0.0.1:1" // the sidecar
			return
		}
		r.Header.Set("Authorization", "Bearer "+token)
	})
}
