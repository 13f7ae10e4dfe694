package componenttest

import (
	"net/http"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/authtest"
)

// TestEntraOperatorsAdminister also checks the audit trail, and that the service is ready and
// serves customers while Entra ID is unavailable.
func TestEntraOperatorsAdminister(t *testing.T) {
	t.Parallel()
	const abe = "690222be-ff1a-4d56-abd1-7e4f7d38e474"
	entra := authtest.NewEntra(t, time.Now)
	entra.GoAway(true)
	s := start(t, "OIDC_ISSUER="+entra.Config().Issuer, "OIDC_AUDIENCE="+entra.Config().Audience)
	admin, clerk := entra.Token(abe, "Admin"), entra.Token(abe, "User")

	s.get("/api/v1/users", admin).want(t, http.StatusServiceUnavailable, "AUTH_UNAVAILABLE")
	user := s.login("user0001").text("access_token")
	s.get("/api/v1/auth/verify", user).want(t, http.StatusOK, "")
	entra.GoAway(false)
	s.await(func() bool { return s.get("/api/v1/users", admin).status == http.StatusOK })

	s.get("/api/v1/users", clerk).want(t, http.StatusForbidden, "PERMISSION_DENIED")
	s.post("/api/v1/auth/logout", admin, nil).want(t, http.StatusForbidden, "SESSION_REQUIRED")
	s.post("/api/v1/users/user0001/suspend", admin, nil).want(t, http.StatusOK, "")
	s.get("/api/v1/auth/verify", user).want(t, http.StatusUnauthorized, "UNAUTHENTICATED")
	for query, want := range map[string]int{
		"actor=entra:" + abe + "&target=user0001&outcome=DONE": 1,
		"actor=entra:" + abe + "&outcome=DENIED":               2,
	} {
		s.await(func() bool {
			events, _ := s.get("/api/v1/auth/audit?"+query, admin).body["events"].([]any)
			return len(events) == want
		})
	}
}
