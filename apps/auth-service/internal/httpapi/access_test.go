package httpapi_test

import (
	"testing"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/phonebill/phonebill/apps/auth-service/api"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// TestEveryRouteHasAccessRule fails for a route that is not in the document or has no x-access,
// because the access suite would skip it.
func TestEveryRouteHasAccessRule(t *testing.T) {
	t.Parallel()
	router := mux.NewRouter()
	setup(t).api(prometheus.NewRegistry()).Register(router)
	access.Parity(t, api.OpenAPI, router)
}
