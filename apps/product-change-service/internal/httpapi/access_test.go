package httpapi_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/api"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/httpapi"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// TestEveryRouteHasARule checks that every route is in the document, with its access: the
// suites of attacks read the routes from there.
func TestEveryRouteHasARule(t *testing.T) {
	t.Parallel()
	issuer, use := authtest.NewIssuer(t, time.Now), &requests{}
	auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(issuer.Config, issuer.Keys(), time.Now), authtest.LiveSessions{}, prometheus.NewRegistry())
	router := mux.NewRouter()
	consumer := events.NewConsumer(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	httpapi.New(httpapi.Params{Requests: use, Plans: goodPlans(), Auth: auth, Consumer: consumer, Gate: sidecar.NewGate(sidecar.Config{})}).Register(router)
	access.Parity(t, api.OpenAPI, router)
}
