package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/dev/internal/api"
)

// TestOnlyPublicRoutesAreOpen requests internal paths from the ingress, with and without an
// administrator's token.
func TestOnlyPublicRoutesAreOpen(t *testing.T) {
	t.Parallel()
	admin := demo(t, "admin01")
	paths := []string{
		"/index.html", "/api", "/api/v1", "/api/v1/", "/api/v2/bills/menu", "/favicon.ico",
		"/api/v1/auth", "/api/v1/auth/", "/api/v1/auth/unknown", "/api/v1/bills", "/api/v1/bills/", "/api/v1/bills/unknown",
		"/api/v1/users/", "/api/v1/kos", "/api/v1/kos/", "/api/v1/kos/unknown", "/api/v1/kos/mock-datas/",
		"/actuator/health", "/actuator/health/readiness", "/actuator/prometheus", "/openapi.yaml", "/metrics", "/debug/pprof/",
		"/api/v1/auth/actuator/health", "/api/v1/bills/actuator/prometheus", "/api/v1/bills/openapi.yaml",
		"/events/product-changed", "/.well-known/jwks.json", "/internal/registrations/check", "/api/v1/auth/internal/registrations/check",
		"/api/kos/auth", "/api/kos/bill-inquiry", "/admin/behavior/bill-inquiry", "/admin/calls", "/api/v1/kos/admin/calls",
		"/v1.0/invoke/auth-service/method/internal/registrations/check", "/v1.0/secrets/secret-store/jwt-signing-key",
		"/api/v1/auth/../../../internal/registrations/check", "/api/v1/bills/%2e%2e/%2e%2e/%2e%2e/actuator/prometheus",
		"/api/v1/auth/..%2f..%2f..%2f.well-known/jwks.json", "/api/v1/bills//../../../openapi.yaml",
	}
	for _, path := range paths {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			request := api.Request{Method: method, Path: path}
			if method == http.MethodPost {
				request.Body = map[string]string{}
			}
			anonymous(t).Send(request).Refused(t, http.StatusNotFound, "NOT_FOUND")
			admin.Send(request).Refused(t, http.StatusNotFound, "NOT_FOUND")
		}
	}
}

func TestOtherMethods(t *testing.T) {
	t.Parallel()
	c := resident(t)
	tests := []api.Request{
		{Method: http.MethodGet, Path: "/api/v1/auth/login"},
		{Method: http.MethodDelete, Path: "/api/v1/bills/inquiry"},
		{Method: http.MethodPut, Path: "/api/v1/bills/history"},
		{Method: http.MethodGet, Path: "/api/v1/kos/mock-datas"},
		{Method: http.MethodPatch, Path: "/api/v1/auth/user-info"},
	}
	for _, request := range tests {
		t.Run(request.Method+" "+request.Path, func(t *testing.T) {
			c.Send(request).Refused(t, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED")
		})
	}
}

// TestBadHeads sends requests that the ingress itself refuses.
func TestBadHeads(t *testing.T) {
	t.Parallel()
	c := resident(t)
	c.Send(api.Request{Method: http.MethodGet, Path: "/api/v1/bills/inquiry/%00"}).
		Refused(t, http.StatusBadRequest, "INVALID_REQUEST")
	long := strings.Repeat("x", 40<<10)
	c.Send(api.Request{Method: http.MethodGet, Path: "/api/v1/bills/history?page=" + long}).
		Refused(t, http.StatusRequestURITooLong, "URI_TOO_LONG")
	c.Send(api.Request{Method: http.MethodGet, Path: "/api/v1/bills/menu", Header: map[string]string{"X-Long": long}}).
		Refused(t, http.StatusRequestHeaderFieldsTooLarge, "HEADER_TOO_LARGE")
}

// TestAnswersAreNotCached checks the caching headers.
func TestAnswersAreNotCached(t *testing.T) {
	t.Parallel()
	c := resident(t)
	headers := []http.Header{c.Menu().Header, c.Inquire(c.Line, "").Header, c.UserInfo().Header, anonymous(t).Menu().Header}
	for _, header := range headers {
		if got := header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control is %q", got)
		}
		if server := header.Get("Server"); strings.ContainsAny(server, "0123456789") {
			t.Errorf("Server header contains a version: %q", server)
		}
	}
}
