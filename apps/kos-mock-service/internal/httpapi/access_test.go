package httpapi_test

import (
	"testing"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/kos-mock-service/api"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// TestEveryRouteHasARule fails for a route that the document lacks or for which it does not say who
// may call it, because the access suite would skip it.
func TestEveryRouteHasARule(t *testing.T) {
	t.Parallel()
	router, ok := newKOS().handler.(*mux.Router)
	if !ok {
		t.Fatal("the handler is not a router")
	}
	access.Parity(t, api.OpenAPI, router)
}
