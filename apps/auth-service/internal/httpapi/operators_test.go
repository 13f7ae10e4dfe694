package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/authtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/jwtauth"
)

// abe is the object id of an operator.
const abe = "690222be-ff1a-4d56-abd1-7e4f7d38e474"

// withOperators is setup with a tenant of Entra ID.
func withOperators(t *testing.T) (*world, *authtest.Entra) {
	t.Helper()
	entra := authtest.NewEntra(t, time.Now)
	return setupWith(t, wide, func(w *world) { w.operators = jwtauth.NewOperators(entra.Config(), time.Now) }), entra
}

func TestOperatorRoleAdministers(t *testing.T) {
	t.Parallel()
	w, entra := withOperators(t)
	admin, user := entra.Token(abe, "Admin"), entra.Token(abe, "User")
	w.live.Fail(identity.ErrSessionStore) // which concerns callers with a session only
	expect.Equal(t, w.get("/api/v1/users", admin).listed(), []string{"kim", "lee", "root"})
	expect.Equal(t, w.get("/api/v1/users/kim", admin).body["user_id"], any("kim"))
	w.get("/api/v1/users", user).want(t, 403, "PERMISSION_DENIED")
	w.get("/api/v1/users/kim", user).want(t, 403, "FORBIDDEN")
	w.get("/api/v1/users", entra.Token(abe, "Gardener")).want(t, 403, "PERMISSION_DENIED")

	w.live.Fail(nil)
	expect.Equal(t, w.post("/api/v1/users/kim/suspend", admin, "").status, http.StatusOK)
	acts := w.store.Acts()
	expect.Equal(t, []any{len(acts), acts[0].By.UserID, acts[0].By.SessionID}, []any{1, "entra:" + abe, ""})
	w.post("/api/v1/users/root/suspend", admin, "").want(t, 409, "LAST_ADMINISTRATOR")
}

func TestOperatorsCanVerifyTheirToken(t *testing.T) {
	t.Parallel()
	w, entra := withOperators(t)
	for role, permissions := range map[string][]any{"Admin": {"ADMIN"}, "User": {}, "ServiceAccount": {}} {
		token := entra.Token(abe, role)
		expect.Equal(t, w.get("/api/v1/auth/verify", token).body, map[string]any{
			"valid": true, "user_id": "entra:" + abe, "customer_id": nil, "line_number": nil, "permissions": permissions,
		})
		expect.Equal(t, w.get("/api/v1/auth/permissions", token).body["permissions"], any(permissions))
		expect.Equal(t, w.post("/api/v1/auth/permissions/check", token, `{"serviceType":"BILL_INQUIRY"}`).body["has_permission"], any(false))
	}
}

func TestOperatorsHaveNoAccountOrSession(t *testing.T) {
	t.Parallel()
	w, entra := withOperators(t)
	token := entra.Token(abe, "Admin")
	for name, a := range map[string]answer{
		"user-info":       w.get("/api/v1/auth/user-info", token),
		"sessions":        w.get("/api/v1/auth/sessions", token),
		"login-history":   w.get("/api/v1/auth/login-history", token),
		"logout":          w.post("/api/v1/auth/logout", token, ""),
		"end session":     w.remove("/api/v1/auth/sessions/s1", token),
		"change-password": w.post("/api/v1/auth/change-password", token, `{"currentPassword":"a","newPassword":"battery staple"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.want(t, 403, "SESSION_REQUIRED")
		})
	}
	w.post("/api/v1/auth/refresh", "", `{"refresh_token":"`+token+`"}`).want(t, 401, "REFRESH_TOKEN_INVALID")
	w.get("/api/v1/users/entra:"+abe, token).want(t, 404, "USER_NOT_FOUND")
}

func TestCustomersDoNotDependOnTheOperatorIssuer(t *testing.T) {
	t.Parallel()
	w, entra := withOperators(t)
	entra.GoAway(true)
	w.get("/api/v1/users", entra.Token(abe, "Admin")).want(t, 503, "AUTH_UNAVAILABLE")
	kim, _ := w.login("kim")
	expect.Equal(t, w.get("/api/v1/auth/verify", kim).status, http.StatusOK)
}
