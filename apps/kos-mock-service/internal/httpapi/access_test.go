package httpapi_test

import (
	"testing"

	"github.com/gorilla/mux"

	"github.com/phonebill/phonebill/apps/kos-mock-service/api"
	"github.com/phonebill/phonebill/dev/openapitest/access"
)

// TestEveryRouteHasARule keeps a route from being forgotten: what is not in the
// document, or says not who may call it, no suite attacks.
func TestEveryRouteHasARule(t *testing.T) {
	t.Parallel()
	router, ok := newKOS().handler.(*mux.Router)
	if !ok {
		t.Fatal("the API is no router")
	}
	access.Parity(t, api.OpenAPI, router)
}
