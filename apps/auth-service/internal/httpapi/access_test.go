package httpapi_test

import (
	"testing"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/auth-service/api"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// TestEveryRouteHasARule fails for a route that the document lacks or for which it does not say who
// may call it, because the access suite would skip it.
func TestEveryRouteHasARule(t *testing.T) {
	t.Parallel()
	router := mux.NewRouter()
	setup(t).api(prometheus.NewRegistry()).Register(router)
	access.Parity(t, api.OpenAPI, router)
}
