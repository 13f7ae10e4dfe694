package httpapi_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/throttle"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

func TestFifthFailureLocksTheID(t *testing.T) {
	t.Parallel()
	w := setup(t)
	guess := `{"userId":"kim","password":"wrong password"}`
	for range 4 {
		w.post("/api/v1/auth/login", "", guess).want(t, 401, "AUTH_001")
	}
	w.post("/api/v1/auth/login", "", guess).want(t, 401, "AUTH_002")
	w.post("/api/v1/auth/login", "", guess).want(t, 401, "AUTH_003")
}

// TestGuessableRoutesAreThrottled sets budgets of one failure, and of one registration: the second
// request is refused.
func TestGuessableRoutesAreThrottled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path, body string
		first      int
	}{
		"login":           {"/api/v1/auth/login", `{"userId":"kim","password":"wrong password"}`, 401},
		"refresh":         {"/api/v1/auth/refresh", `{"refresh_token":"nonsense"}`, 401},
		"change password": {"/api/v1/auth/change-password", `{"currentPassword":"wrong password","newPassword":"battery staple"}`, 400},
		"register":        {"/api/v1/auth/register", registration, 201},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := throttle.Rate{Burst: 1, Over: time.Hour}
			w := setupWith(t, throttle.Config{Login: one, LoginUser: one, Refresh: one, Password: one, Register: one})
			access, _ := w.login("lee")
			expect.Equal(t, w.post(c.path, access, c.body).status, c.first)
			limited := w.post(c.path, access, c.body)
			limited.want(t, http.StatusTooManyRequests, "RATE_LIMITED")
			// The retry time includes up to 10 s of jitter, because others may share the address.
			if after, err := strconv.Atoi(limited.header.Get("Retry-After")); err != nil || after < 3600 || after > 3610 {
				t.Errorf("Retry-After is %q", limited.header.Get("Retry-After"))
			}
		})
	}
}

func TestOutagesAndInvalidFormsAreNotCharged(t *testing.T) {
	t.Parallel()
	one := throttle.Rate{Burst: 1, Over: time.Hour}
	w := setupWith(t, throttle.Config{Login: one, LoginUser: one, Refresh: one, Password: one, Register: one})
	for range 3 {
		w.post("/api/v1/auth/login", "", `{"userId":"kim","password":"short"}`).want(t, 400, "VALIDATION_ERROR")
		w.post("/api/v1/auth/refresh", "", `{}`).want(t, 400, "VALIDATION_ERROR")
		w.store.Fail(identity.ErrDatabase)
		w.post("/api/v1/auth/login", "", `{"userId":"kim","password":"wrong password"}`).want(t, 503, "DATABASE_UNAVAILABLE")
		w.store.Fail(nil)
		w.login("kim")
	}
}

func TestOwnSessions(t *testing.T) {
	t.Parallel()
	w := setup(t)
	here, _ := w.login("kim")
	w.login("kim")
	stranger, _ := w.login("lee")
	list := func() (ids map[bool]string) {
		a := w.get("/api/v1/auth/sessions", here)
		expect.Equal(t, a.status, http.StatusOK)
		rows, _ := a.body["sessions"].([]any)
		ids = make(map[bool]string)
		for _, row := range rows {
			row, _ := row.(map[string]any)
			current, _ := row["current"].(bool)
			ids[current], _ = row["session_id"].(string)
			expect.Equal(t, row["address"], any("127.0.0.1"))
			expect.Equal(t, row["auto_login"], any(false))
		}
		return ids
	}
	ids := list()
	expect.Equal(t, len(ids), 2)
	other := "/api/v1/auth/sessions/" + ids[false]
	w.call(http.MethodDelete, other, stranger, "").want(t, 404, "SESSION_NOT_FOUND")
	w.call(http.MethodDelete, other, "", "").want(t, 401, "UNAUTHENTICATED")
	expect.Equal(t, w.call(http.MethodDelete, other, here, "").body["success"], any(true))
	w.call(http.MethodDelete, other, here, "").want(t, 404, "SESSION_NOT_FOUND")
	expect.Equal(t, list(), map[bool]string{true: ids[true]})
}

func TestLoginHistory(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for i := range 3 {
		w.post("/api/v1/auth/login", "", fmt.Sprintf(`{"userId":"kim","password":"wrong password %d"}`, i))
	}
	access, _ := w.login("kim")
	a := w.get("/api/v1/auth/login-history?size=3", access)
	expect.Equal(t, a.body["total_items"], any(4.0))
	expect.Equal(t, a.body["has_next"], any(true))
	rows, _ := a.body["logins"].([]any)
	expect.Equal(t, len(rows), 3)
	newest, _ := rows[0].(map[string]any)
	expect.Equal(t, newest["outcome"], any("SUCCESS"))
	expect.Equal(t, newest["address"], any("127.0.0.1"))
	expect.Equal(t, newest["user_agent"], any("Go-http-client/1.1"))
	for query, field := range map[string]string{"page=0": "page", "size=101": "size", "page=x": "page", "page=100&size=100": "page"} {
		a := w.get("/api/v1/auth/login-history?"+query, access)
		a.want(t, 400, "VALIDATION_ERROR")
		expect.Equal(t, a.fields(), []string{field})
	}
}
