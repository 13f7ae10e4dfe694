package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

func (w *world) remove(path, access string) answer {
	return w.call(http.MethodDelete, path, access, "")
}

// listed returns the user ids on a page.
func (a answer) listed() []string {
	ids := []string{}
	users, _ := a.body["users"].([]any)
	for _, user := range users {
		fields, _ := user.(map[string]any)
		id, _ := fields["user_id"].(string)
		ids = append(ids, id)
	}
	return ids
}

func TestUsersAreListed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	root, _ := w.login("root")
	a := w.get("/api/v1/users?size=2", root)
	expect.Equal(t, a.listed(), []string{"kim", "lee"})
	expect.Equal(t, []any{a.body["page"], a.body["size"], a.body["total_items"], a.body["has_next"]}, []any{1.0, 2.0, 3.0, true})
	a = w.get("/api/v1/users?size=2&page=2", root)
	expect.Equal(t, a.listed(), []string{"root"})
	expect.Equal(t, a.body["has_next"], any(false))
	expect.Equal(t, w.get("/api/v1/users?query=010-3333", root).listed(), []string{"lee"})
	expect.Equal(t, w.get("/api/v1/users?status=SUSPENDED", root).listed(), []string{})
	for field, query := range map[string]string{
		"page": "page=no", "size": "size=0", "query": "query=%25", "status": "status=GONE",
	} {
		a := w.get("/api/v1/users?"+query, root)
		a.want(t, 400, "VALIDATION_ERROR")
		expect.Equal(t, a.fields(), []string{field})
	}
}

func TestPermissionsAreGrantedAndRevoked(t *testing.T) {
	t.Parallel()
	w := setup(t)
	root, _ := w.login("root")
	kim, _ := w.login("kim")
	permissions := func() any { return w.get("/api/v1/auth/permissions", kim).body["permissions"] }

	a := w.remove("/api/v1/users/kim/permissions/PRODUCT_CHANGE", root)
	expect.Equal(t, a.body["permissions"], any([]any{"BILL_INQUIRY"}))
	expect.Equal(t, permissions(), any([]any{"BILL_INQUIRY"}))
	a = w.post("/api/v1/users/kim/permissions/PRODUCT_CHANGE/grant", root, "")
	expect.Equal(t, a.body["permissions"], any([]any{"BILL_INQUIRY", "PRODUCT_CHANGE"}))
	expect.Equal(t, permissions(), any([]any{"BILL_INQUIRY", "PRODUCT_CHANGE"}))

	w.post("/api/v1/users/kim/permissions/ADMIN/grant", root, "").want(t, 409, "PERMISSION_UNFIT")
	w.post("/api/v1/users/kim/permissions/ALL/grant", root, "").want(t, 400, "VALIDATION_ERROR")
	w.post("/api/v1/users/absent/permissions/ADMIN/grant", root, "").want(t, 404, "USER_NOT_FOUND")
	w.get("/api/v1/users/kim%00", root).want(t, 404, "USER_NOT_FOUND")
	w.post("/api/v1/users/kim%00/suspend", root, "").want(t, 404, "USER_NOT_FOUND")
	w.remove("/api/v1/users/root/permissions/ADMIN", root).want(t, 409, "OWN_ACCOUNT")
}

func TestUsersAreSuspendedAndReinstated(t *testing.T) {
	t.Parallel()
	w := setup(t)
	root, _ := w.login("root")
	kim, _ := w.login("kim")
	expect.Equal(t, w.post("/api/v1/users/kim/suspend", root, "").body["account_status"], any("SUSPENDED"))
	w.get("/api/v1/auth/verify", kim).want(t, 401, "UNAUTHENTICATED")
	expect.Equal(t, w.get("/api/v1/users/kim", root).body["account_status"], any("SUSPENDED"))
	expect.Equal(t, w.post("/api/v1/users/kim/reinstate", root, "").body["account_status"], any("ACTIVE"))
	w.login("kim")
	w.post("/api/v1/users/root/suspend", root, "").want(t, 409, "OWN_ACCOUNT")
}

func TestLockIsShownToAdministratorsOnly(t *testing.T) {
	t.Parallel()
	w := setup(t)
	root, _ := w.login("root")
	kim, _ := w.login("kim")
	w.store.Lock("kim")
	expect.Equal(t, w.get("/api/v1/users/kim", root).body["account_status"], any("LOCKED"))
	expect.Equal(t, w.get("/api/v1/users?status=LOCKED", root).listed(), []string{"kim"})
	expect.Equal(t, w.get("/api/v1/users/kim", kim).body["account_status"], any("ACTIVE"))
	expect.Equal(t, w.post("/api/v1/auth/unlock/kim", root, "").body["account_status"], any("ACTIVE"))
	expect.Equal(t, w.get("/api/v1/users?status=LOCKED", root).listed(), []string{})
}

func TestAdministrationNeedsAnAdministratorInALiveSession(t *testing.T) {
	t.Parallel()
	w := setup(t)
	root, _ := w.login("root")
	kim, _ := w.login("kim")
	routes := []struct{ method, path string }{
		{http.MethodGet, "/api/v1/users"},
		{http.MethodPost, "/api/v1/users/kim/permissions/BILL_INQUIRY/grant"},
		{http.MethodDelete, "/api/v1/users/kim/permissions/BILL_INQUIRY"},
		{http.MethodPost, "/api/v1/users/lee/suspend"},
		{http.MethodPost, "/api/v1/users/lee/reinstate"},
		{http.MethodPost, "/api/v1/auth/unlock/kim"},
		{http.MethodGet, "/api/v1/auth/audit"},
	}
	for _, route := range routes {
		w.call(route.method, route.path, "", "").want(t, 401, "UNAUTHENTICATED")
		w.call(route.method, route.path, kim, "").want(t, 403, "PERMISSION_DENIED")
	}
	w.live.Fail(identity.ErrSessionStore)
	for _, route := range append(routes, struct{ method, path string }{http.MethodGet, "/api/v1/users/kim"}) {
		w.call(route.method, route.path, root, "").want(t, 503, "SESSION_STORE_UNAVAILABLE")
	}
	expect.Equal(t, len(w.store.Acts()), 0)
}
