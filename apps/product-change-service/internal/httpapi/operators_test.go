package httpapi_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/apps/product-change-service/internal/httpapi"
)

// TestOperatorsAreNoCustomers calls every route with every role of operators.
func TestOperatorsAreNoCustomers(t *testing.T) {
	t.Parallel()
	entra, issuer, use := authtest.NewEntra(t, time.Now), authtest.NewIssuer(t, time.Now), &requests{}
	auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(issuer.Config, issuer.Keys(), time.Now), authtest.LiveSessions{}, prometheus.NewRegistry()).
		Admit(jwtauth.NewOperators(entra.Config(), time.Now))
	router := mux.NewRouter()
	consumer := events.NewConsumer(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	httpapi.New(httpapi.Params{Requests: use, Plans: goodPlans(), Auth: auth, Consumer: consumer, Gate: sidecar.NewGate(sidecar.Config{})}).Register(router)
	for _, route := range []struct{ method, path string }{
		{http.MethodGet, "/api/v1/products/menu"},
		{http.MethodGet, "/api/v1/products/available"},
		{http.MethodPost, "/api/v1/products/change"},
		{http.MethodGet, "/api/v1/products/history"},
	} {
		for _, role := range []string{"Admin", "User", "ServiceAccount"} {
			r := httptest.NewRequestWithContext(t.Context(), route.method, route.path, http.NoBody)
			r.Header.Set("Authorization", "Bearer "+entra.Token("690222be-ff1a-4d56-abd1-7e4f7d38e474", role))
			answer := httptest.NewRecorder()
			router.ServeHTTP(answer, r)
			if answer.Code != http.StatusForbidden || !strings.Contains(answer.Body.String(), "PERMISSION_DENIED") {
				t.Errorf("%s %s as %s: %d %s", route.method, route.path, role, answer.Code, answer.Body)
			}
		}
	}
}
