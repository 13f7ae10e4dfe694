package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

const registration = `{"userId":"park","customerId":"CUST9","lineNumber":"010-5555-6666","userName":"박민수","password":"new password","permissions":["ADMIN"]}`

// park is the result of that registration, which ignores the requested permission.
var park = map[string]any{
	"user_id": "park", "user_name": "박민수", "customer_id": "CUST9", "line_number": "01055556666",
	"account_status": "ACTIVE", "permissions": []any{"BILL_INQUIRY", "PRODUCT_CHANGE"},
}

func TestRegister(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.post("/api/v1/auth/register", "", registration)
	expect.Equal(t, a.status, http.StatusCreated)
	expect.Equal(t, a.body, park)
	w.post("/api/v1/auth/register", "", registration).want(t, 409, "USER_ID_TAKEN")
	expect.Equal(t, w.post("/api/v1/auth/login", "", `{"userId":"park","password":"new password"}`).status, http.StatusOK)
}

func TestRegisterNamesTheFields(t *testing.T) {
	t.Parallel()
	a := setup(t).post("/api/v1/auth/register", "", `{"userId":"park","customerId":"CUST9","lineNumber":"12","userName":"박민수","password":"short"}`)
	a.want(t, 400, "VALIDATION_ERROR")
	got := a.fields()
	slices.Sort(got)
	expect.Equal(t, got, []string{"lineNumber", "password"})
}

// TestInvalidNameIsRefused also checks that an older invalid name stays readable.
func TestInvalidNameIsRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, name := range []string{`\u202e박민수`, `박\u200b민수`, `\u3164`, `\u0301`, `  `, `\u0000`} {
		a := w.post("/api/v1/auth/register", "", strings.Replace(registration, "박민수", name, 1))
		a.want(t, 400, "VALIDATION_ERROR")
		expect.Equal(t, a.fields(), []string{"userName"})
	}
	w.store.Change("kim", func(a *identity.Account) { a.Name = "\u202e\u3164" })
	access, _ := w.login("kim")
	expect.Equal(t, w.get("/api/v1/auth/user-info", access).body["user_name"], any("\u202e\u3164"))
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := setup(t)
	here, _ := w.login("kim")
	there, _ := w.login("kim")
	body := `{"currentPassword":"` + identitytest.Password + `","newPassword":"battery staple"}`
	w.post("/api/v1/auth/change-password", here, `{"currentPassword":"wrong","newPassword":"battery staple"}`).
		want(t, 400, "CURRENT_PASSWORD_WRONG")
	expect.Equal(t, w.post("/api/v1/auth/change-password", here, body).body["success"], any(true))
	expect.Equal(t, w.get("/api/v1/auth/verify", here).status, http.StatusOK)
	w.get("/api/v1/auth/verify", there).want(t, 401, "UNAUTHENTICATED")
}

func TestUserInfoReadsTheCurrentUser(t *testing.T) {
	t.Parallel()
	w := setup(t)
	access, _ := w.login("kim")
	w.store.Change("kim", func(a *identity.Account) { a.Name, a.Permissions = "새 이름", nil })
	expect.Equal(t, w.get("/api/v1/auth/user-info", access).body, map[string]any{
		"user_id": "kim", "user_name": "새 이름", "customer_id": "CUST1", "line_number": "01011112222",
		"account_status": "ACTIVE", "permissions": []any{},
	})
}

func TestUser(t *testing.T) {
	t.Parallel()
	w := setup(t)
	kim, _ := w.login("kim")
	root, _ := w.login("root")
	expect.Equal(t, w.get("/api/v1/users/kim", kim).body["user_id"], any("kim"))
	expect.Equal(t, w.get("/api/v1/users/kim", root).body["user_id"], any("kim"))
	w.get("/api/v1/users/absent", root).want(t, 404, "USER_NOT_FOUND")
	w.get("/api/v1/users/kim", "").want(t, 401, "UNAUTHENTICATED")

	stranger, absent := w.get("/api/v1/users/lee", kim), w.get("/api/v1/users/absent", kim)
	stranger.want(t, 403, "FORBIDDEN")
	if diff := cmp.Diff(withoutTrace(stranger), withoutTrace(absent)); diff != "" {
		t.Errorf("the answer reveals whether a user exists:\n%s", diff)
	}
}

// withoutTrace returns the body of an error without the parts that differ between any two answers.
func withoutTrace(a answer) map[string]any {
	if failure, ok := a.body["error"].(map[string]any); ok {
		delete(failure, "traceId")
	}
	return a.body
}

func TestVerifyAndPermissions(t *testing.T) {
	t.Parallel()
	w := setup(t)
	kim, _ := w.login("kim")
	root, _ := w.login("root")
	both := []any{"BILL_INQUIRY", "PRODUCT_CHANGE"}
	expect.Equal(t, w.get("/api/v1/auth/verify", kim).body, map[string]any{
		"valid": true, "user_id": "kim", "customer_id": "CUST1", "line_number": "01011112222", "permissions": both,
	})
	expect.Equal(t, w.get("/api/v1/auth/verify", root).body, map[string]any{
		"valid": true, "user_id": "root", "customer_id": nil, "line_number": nil, "permissions": []any{"ADMIN"},
	})
	expect.Equal(t, w.get("/api/v1/auth/permissions", kim).body, map[string]any{"user_id": "kim", "permissions": both})
	w.get("/api/v1/auth/permissions", "").want(t, 401, "UNAUTHENTICATED")
}

func TestCheckPermission(t *testing.T) {
	t.Parallel()
	w := setup(t)
	root, _ := w.login("root")
	kim, _ := w.login("kim")
	for access, want := range map[string]bool{kim: true, root: false} {
		for _, service := range []string{"BILL_INQUIRY", "PRODUCT_CHANGE"} {
			a := w.post("/api/v1/auth/permissions/check", access, `{"serviceType":"`+service+`"}`)
			expect.Equal(t, a.body["has_permission"], any(want))
			expect.Equal(t, a.body["service_type"], any(service))
		}
	}
	for _, service := range []string{"", "ADMIN", "bill_inquiry"} {
		a := w.post("/api/v1/auth/permissions/check", kim, `{"serviceType":"`+service+`"}`)
		a.want(t, 400, "VALIDATION_ERROR")
		expect.Equal(t, a.fields(), []string{"serviceType"})
	}
}

func TestKeysArePublished(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.get("/.well-known/jwks.json", "")
	expect.Equal(t, a.status, http.StatusOK)
	expect.Equal(t, a.header.Get("Cache-Control"), "public, max-age=60")
	keys, _ := a.body["keys"].([]any)
	expect.Equal(t, len(keys), 1)

	tag := a.header.Get("ETag")
	for condition, want := range map[[2]string]int{
		{"If-None-Match", tag}: http.StatusNotModified, {"If-None-Match", `"another"`}: http.StatusOK,
		{"If-Match", `"another"`}: http.StatusOK, {"Range", "bytes=0-1"}: http.StatusOK, {"Range", "bytes=5-1"}: http.StatusOK,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/.well-known/jwks.json", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(condition[0], condition[1])
		resp, err := w.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		expect.Equal(t, resp.StatusCode, want)
		expect.Equal(t, resp.Header.Get("ETag"), tag)
	}

	delete(w.secrets, "keys")
	w.get("/.well-known/jwks.json", "").want(t, 503, "SIGNING_KEY_UNAVAILABLE")
}

func TestCheckRegistration(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for body, want := range map[string]bool{
		`{"customerId":"CUST1","lineNumber":"010-1111-2222"}`: true,
		`{"customerId":"CUST1","lineNumber":"01033334444"}`:   false,
		`{"customerId":"CUST9","lineNumber":"01099999999"}`:   false,
		// No registration can have these. They are no error, because refusals count in the caller's
		// circuit breaker.
		`{"customerId":"C","lineNumber":"01011112222"}`:    false,
		`{"customerId":"고객","lineNumber":"01011112222"}`:   false,
		`{"customerId":"CUST1","lineNumber":"0101111222"}`: false,
		`{}`: false,
	} {
		expect.Equal(t, w.post("/internal/registrations/check", "", body).body, map[string]any{"registered": want})
	}
}

func TestUnknownRoutes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	access, _ := w.login("kim")
	w.get("/api/v1/auth/nothing", access).want(t, 404, "NOT_FOUND")
	w.get("/api/v1/auth/login", "").want(t, 405, "METHOD_NOT_ALLOWED")
	w.get("/api/v1/auth/logout", access).want(t, 405, "METHOD_NOT_ALLOWED")
	w.post("/api/v1/auth/verify", "", "{}").want(t, 405, "METHOD_NOT_ALLOWED")
}
