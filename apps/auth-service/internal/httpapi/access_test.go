package httpapi_test

import (
	"testing"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/auth-service/api"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// TestEveryRouteHasARule keeps a route from being forgotten: what is not in the
// document, or says not who may call it, no suite attacks.
func TestEveryRouteHasARule(t *testing.T) {
	t.Parallel()
	router := mux.NewRouter()
	setup(t).api(prometheus.NewRegistry()).Register(router)
	access.Parity(t, api.OpenAPI, router)
}
