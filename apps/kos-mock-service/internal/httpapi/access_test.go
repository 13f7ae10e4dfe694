package httpapi_test

import (
	"testing"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/kos-mock-service/api"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// TestEveryRouteHasAccessRule fails for a route that is not in the document or has no x-access,
// because the access suite would skip it.
func TestEveryRouteHasAccessRule(t *testing.T) {
	t.Parallel()
	router, ok := newKOS().handler.(*mux.Router)
	if !ok {
		t.Fatal("the handler is not a router")
	}
	access.Parity(t, api.OpenAPI, router)
}
