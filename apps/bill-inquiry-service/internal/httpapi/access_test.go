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

	"github.com/phonebill/phonebill/apps/bill-inquiry-service/api"
	"github.com/phonebill/phonebill/apps/bill-inquiry-service/internal/httpapi"
	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/events"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// TestEveryRouteHasAccessRule fails for a route that is not in the document or has no access
// rule there: the access tests derive their cases from the document.
func TestEveryRouteHasAccessRule(t *testing.T) {
	t.Parallel()
	access.Parity(t, api.OpenAPI, routes(t, &inquiries{}, sidecar.Config{}))
}

// TestEventsNeedTheTokenOfTheSidecar sends events as a sidecar does, without and with its token.
func TestEventsNeedTheTokenOfTheSidecar(t *testing.T) {
	t.Parallel()
	for path, event := range map[string]string{
		"/events/product-changed": `{"id":"1","type":"product.changed.v1","data":{"lineNumber":"01012345678"}}`,
		"/events/user-logged-in":  `{"id":"1","type":"user.logged-in.v1","data":{"lines":["01012345678"]}}`,
	} {
		use := &inquiries{}
		router := routes(t, use, sidecar.Config{AppToken: "secret"})
		for _, tc := range []struct {
			token  string
			status int
		}{{"", http.StatusForbidden}, {"guess", http.StatusForbidden}, {"secret", http.StatusOK}} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(event))
			r.RemoteAddr = "127.0.0.1:1"
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("dapr-api-token", tc.token)
			answer := httptest.NewRecorder()
			router.ServeHTTP(answer, r)
			delivered := use.line != "" || use.lines != nil
			if answer.Code != tc.status || delivered != (tc.status == http.StatusOK) {
				t.Errorf("%s with token %q: status %d, taken: %t", path, tc.token, answer.Code, delivered)
			}
		}
	}
}

// routes returns the API's router.
func routes(t *testing.T, use *inquiries, cfg sidecar.Config) *mux.Router {
	t.Helper()
	issuer := authtest.NewIssuer(t, time.Now)
	auth := jwtauth.NewAuthenticator(jwtauth.NewVerifier(issuer.Config, issuer.Keys(), time.Now), authtest.LiveSessions{}, prometheus.NewRegistry())
	router := mux.NewRouter()
	consumer := events.NewConsumer(slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	httpapi.New(httpapi.Params{
		Inquiries: use, Lines: use, Logins: use, Auth: auth, Consumer: consumer, Gate: sidecar.NewGate(cfg),
	}).Register(router)
	return router
}
