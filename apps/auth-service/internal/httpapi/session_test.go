package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

func TestLoginAnswerFollowsOAuth(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.post("/api/v1/auth/login", "", `{"userId":"kim","password":"`+identitytest.Password+`","autoLogin":true}`)
	expect.Equal(t, a.status, http.StatusOK)
	expect.Equal(t, a.header.Get("Cache-Control"), "no-store")
	for _, token := range []string{"access_token", "refresh_token"} {
		if text, _ := a.body[token].(string); strings.Count(text, ".") != 2 {
			t.Errorf("%s is %q", token, text)
		}
		delete(a.body, token)
	}
	expect.Equal(t, a.body, map[string]any{
		"token_type": "Bearer", "expires_in": 1800.0,
		"user_id": "kim", "customer_id": "CUST1", "line_number": "01011112222",
	})
}

func TestLoginOfStaffHasNulls(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.post("/api/v1/auth/login", "", `{"userId":"root","password":"`+identitytest.Password+`"}`)
	for _, field := range []string{"customer_id", "line_number"} {
		if value, there := a.body[field]; !there || value != nil {
			t.Errorf("%s is %v, %t", field, value, there)
		}
	}
}

func TestLoginRefusals(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"wrong password": {`{"userId":"kim","password":"wrong password"}`, 401, "AUTH_001"},
		"unknown id":     {`{"userId":"unknown","password":"wrong password"}`, 401, "AUTH_001"},
		"nothing":        {`{}`, 400, "VALIDATION_ERROR"},
		"another type":   {`{"userId":1,"password":"wrong password"}`, 400, "VALIDATION_ERROR"},
		"more fields":    {`{"userId":"kim","password":"wrong password","admin":true}`, 400, "VALIDATION_ERROR"},
		"no JSON":        {`userId=kim`, 400, "MALFORMED_JSON"},
		"two values":     {`{"userId":"kim","password":"wrong password"}{}`, 400, "MALFORMED_JSON"},
		"huge":           {`{"userId":"` + strings.Repeat("k", 100_000) + `"}`, 413, "REQUEST_TOO_LARGE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.post("/api/v1/auth/login", "", c.body).want(t, c.status, c.code)
		})
	}
}

func TestLoginMessagesAreKorean(t *testing.T) {
	t.Parallel()
	a := setup(t).post("/api/v1/auth/login", "", `{"userId":"kim","password":"wrong password"}`)
	expect.Equal(t, a.body["message"], any("아이디 또는 비밀번호가 올바르지 않습니다."))
	expect.Equal(t, a.body["success"], any(false))
}

func TestRefreshAcceptsBothTokenNames(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, refresh := w.login("kim")
	for _, body := range []string{
		`{"refresh_token":"%"}`, `{"refreshToken":"%"}`, `{"refreshToken":"%","refresh_token":"%"}`,
	} {
		a := w.post("/api/v1/auth/refresh", "", strings.ReplaceAll(body, "%", refresh))
		expect.Equal(t, a.status, http.StatusOK)
		refresh, _ = a.body["refresh_token"].(string)
	}
}

func TestRefreshRefusals(t *testing.T) {
	t.Parallel()
	w := setup(t)
	access, refresh := w.login("kim")
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"nothing":      {`{}`, 400, "VALIDATION_ERROR"},
		"two tokens":   {`{"refresh_token":"` + refresh + `","refreshToken":"another"}`, 400, "VALIDATION_ERROR"},
		"nonsense":     {`{"refresh_token":"nonsense"}`, 401, "REFRESH_TOKEN_INVALID"},
		"access token": {`{"refresh_token":"` + access + `"}`, 401, "REFRESH_TOKEN_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.post("/api/v1/auth/refresh", "", c.body).want(t, c.status, c.code)
		})
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	w := setup(t)
	access, refresh := w.login("kim")
	expect.Equal(t, w.post("/api/v1/auth/logout", access, `{"any":"body"}`).body["success"], any(true))
	w.get("/api/v1/auth/verify", access).want(t, 401, "UNAUTHENTICATED")
	w.post("/api/v1/auth/logout", access, "").want(t, 401, "UNAUTHENTICATED")
	w.post("/api/v1/auth/refresh", "", `{"refresh_token":"`+refresh+`"}`).want(t, 401, "REFRESH_TOKEN_INVALID")
}

func TestSessionStoreOutageAllowsReadsOnly(t *testing.T) {
	t.Parallel()
	w := setup(t)
	access, refresh := w.login("kim")
	admin, _ := w.login("root")
	w.live.Fail(identity.ErrSessionStore)
	for path, status := range map[string]int{
		"/api/v1/auth/verify": 200, "/api/v1/auth/permissions": 200, "/api/v1/auth/user-info": 200,
		"/api/v1/users/kim": 200, "/api/v1/users/lee": 403,
	} {
		expect.Equal(t, w.get(path, access).status, status)
	}
	for name, a := range map[string]answer{
		"logout":          w.post("/api/v1/auth/logout", access, ""),
		"change-password": w.post("/api/v1/auth/change-password", access, `{"currentPassword":"a","newPassword":"battery staple"}`),
		"login":           w.post("/api/v1/auth/login", "", `{"userId":"kim","password":"`+identitytest.Password+`"}`),
		"refresh":         w.post("/api/v1/auth/refresh", "", `{"refresh_token":"`+refresh+`"}`),
		"administration":  w.get("/api/v1/users/kim", admin),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.want(t, 503, "SESSION_STORE_UNAVAILABLE")
			if a.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		})
	}
}

func TestNoPersonalDataIsLogged(t *testing.T) {
	t.Parallel()
	w := setup(t)
	access, refresh := w.login("kim")
	w.post("/api/v1/auth/login", "", `{"userId":"kim","password":"secret password"}`)
	w.get("/api/v1/users/kim", access)
	w.post("/api/v1/auth/register", "", registration)
	w.store.Fail(identity.ErrDatabase)
	w.get("/api/v1/users/kim", access)
	w.post("/api/v1/auth/refresh", "", `{"refresh_token":"`+refresh+`"}`)
	log := w.log.String()
	if strings.Count(log, "\n") != 6 {
		t.Errorf("want one log record per request:\n%s", log)
	}
	for _, personal := range []string{"kim", "CUST", "0101111", "5555", "박민수", "password\"", identitytest.Password, access, refresh} {
		if strings.Contains(log, personal) {
			t.Errorf("the log contains %q:\n%s", personal, log)
		}
	}
}
