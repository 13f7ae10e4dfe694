package portal_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Operations of administrators.
const (
	getUsers    = "GET /api/v1/users"
	getOther    = "GET /api/v1/users/testuser02"
	getAudit    = "GET /api/v1/auth/audit"
	doSuspend   = "POST /api/v1/users/testuser02/suspend"
	doReinstate = "POST /api/v1/users/testuser02/reinstate"
	doUnlock    = "POST /api/v1/auth/unlock/testuser02"
	doGrant     = "POST /api/v1/users/testuser02/permissions/PRODUCT_CHANGE/grant"
	doRevoke    = "DELETE /api/v1/users/testuser02/permissions/BILL_INQUIRY"
)

func member(id, status string) string {
	return fmt.Sprintf(`{"user_id":%q,"user_name":"이고객","customer_id":"CUST002","line_number":"01087654321","account_status":%q,"permissions":["BILL_INQUIRY"]}`, id, status)
}

func administrator(id string) string {
	return fmt.Sprintf(`{"user_id":%q,"user_name":"관리자","customer_id":null,"line_number":null,"account_status":"ACTIVE","permissions":["ADMIN"]}`, id)
}

const (
	trail = `{"events":[{"event_id":"` + request + `","at":"2026-11-30T09:00:00+09:00","actor":"admin01","session_id":"s","action":"PERMISSION_REVOKE",
		"target":"testuser02","detail":"PRODUCT_CHANGE","outcome":"DONE","trace_id":"t","address":"203.0.113.7"}],"next":"1.` + request + `"}`
	noTrail = `{"events":[],"next":null}`
)

// newAdministration returns a world in which an administrator is logged in.
func newAdministration(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.services.set(doLogin, http.StatusOK, tokensOf("admin01", 29*time.Minute, "r1", nil, "ADMIN"))
	w.services.set(getUsers, http.StatusOK, `{"users":[`+administrator("admin01")+`,`+member("testuser02", "LOCKED")+`],"page":1,"size":20,"total_items":41,"has_next":true}`)
	w.services.set(getOther, http.StatusOK, member("testuser02", "LOCKED"))
	w.services.set(getAudit, http.StatusOK, trail)
	for _, operation := range []string{doSuspend, doReinstate, doUnlock, doGrant, doRevoke} {
		w.services.set(operation, http.StatusOK, member("testuser02", "ACTIVE"))
	}
	w.login()
	return w
}

// TestAdministrationIsForAdministrators sends a request to each of its routes as a customer, with the
// customer's own id, and as an administrator who is none any more: the token still has the permission.
func TestAdministrationIsForAdministrators(t *testing.T) {
	t.Parallel()
	for who, permission := range map[string]string{"a customer": "BILL_INQUIRY", "a former administrator": "ADMIN"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.services.set(doLogin, http.StatusOK, tokensOf("testuser01", 29*time.Minute, "r1", nil, permission))
			w.services.set("GET /api/v1/users/testuser01", http.StatusOK, member("testuser01", "ACTIVE"))
			w.login()
			form := url.Values{"form_token": {w.token(w.get("/register"))}}
			pages, forms := w.routes(http.MethodGet, "/admin"), w.routes(http.MethodPost, "/admin")
			if len(pages) < 12 || len(forms) < 11 {
				t.Fatalf("pages %v, forms %v", pages, forms)
			}
			w.services.refuseOthers(http.StatusForbidden, "PERMISSION_DENIED", "이 서비스를 이용할 권한이 없습니다.")
			check := func(path string, got *httptest.ResponseRecorder) {
				shows(t, got, http.StatusForbidden, "이용할 수 없는 화면입니다", "PERMISSION_DENIED")
				if body := got.Body.String(); strings.Contains(body, "CUST002") || strings.Contains(body, `action="/admin`) {
					t.Errorf("%s shows %s", path, body)
				}
			}
			for _, path := range pages {
				check(path, w.get(path))
			}
			for _, path := range forms {
				check(path, w.do(http.MethodPost, path, form))
			}
			if permission == "ADMIN" {
				return
			}
			for _, r := range w.services.asked {
				if operation := r.Method + " " + r.URL.Path; operation != doLogin && operation != getAudit {
					t.Errorf("a customer's request made the call %s", operation)
				}
			}
		})
	}
}

// TestAdministrationIsLinkedForAdministratorsOnly in the navigation of every page.
func TestAdministrationIsLinkedForAdministratorsOnly(t *testing.T) {
	t.Parallel()
	customer := newWorld(t)
	customer.login()
	for _, path := range private {
		if strings.Contains(customer.get(path).Body.String(), "/admin") {
			t.Errorf("%s has a link", path)
		}
	}
	shows(t, newAdministration(t).get("/"), http.StatusOK, `href="/admin/users"`, `href="/admin/audit"`)
}

// TestNewAdministratorsNeedNoNewToken grants the permission after the log-in.
func TestNewAdministratorsNeedNoNewToken(t *testing.T) {
	t.Parallel()
	w := newAdministration(t)
	w.services.set(doLogin, http.StatusOK, tokensOf("admin02", 29*time.Minute, "r1", nil))
	w.cookies = map[string]string{}
	w.login()
	shows(t, w.get("/admin/users"), http.StatusOK, "testuser02")
}

func TestUsersAreListedAndSearched(t *testing.T) {
	t.Parallel()
	w := newAdministration(t)
	page := w.get("/admin/users")
	shows(t, page, http.StatusOK, "사용자 41명", "testuser02", "이고객", "010-****-4321", "잠김", "1 / 3", `name="page" value="2"`)
	if strings.Contains(page.Body.String(), "8765") {
		t.Error("the line number is not masked")
	}
	found := w.post("/admin/users", "/admin/users", "query", " 010-8765-4321 ", "status", "LOCKED", "page", "2")
	shows(t, found, http.StatusOK, `value="010-8765-4321"`, `value="LOCKED" selected`)
	calls, _ := w.services.calls(getUsers)
	if got := calls[len(calls)-1].URL.RawQuery; got != "page=2&query=010-8765-4321&status=LOCKED" {
		t.Errorf("the search is %q", got)
	}
	w.services.refuse(getUsers, http.StatusBadRequest, "VALIDATION_ERROR", "입력값을 확인해 주세요.")
	shows(t, w.post("/admin/audit", "/admin/users", "query", "<한글>"), http.StatusBadRequest, "입력값을 확인해 주세요.", "&lt;한글&gt;")
}

func TestMemberShowsStateRightsAndTrail(t *testing.T) {
	t.Parallel()
	w := newAdministration(t)
	before := len(w.services.asked)
	page := w.get("/admin/users/testuser02")
	shows(t, page, http.StatusOK, "잠김", "010-****-4321", "CUST002", "요금 조회", "권한 회수", "203.0.113.7",
		`/testuser02/unlock"`, `/testuser02/suspend"`, `/permissions/PRODUCT_CHANGE/grant"`, `/permissions/BILL_INQUIRY/revoke"`)
	if calls := len(w.services.asked) - before; calls > 3 {
		t.Errorf("%d calls", calls)
	}
	if strings.Contains(page.Body.String(), "8765") || strings.Contains(page.Body.String(), "/permissions/ADMIN") {
		t.Errorf("it shows the line number, or offers ADMIN to a customer: %s", page.Body)
	}
	w.services.set(getOther, http.StatusOK, member("testuser02", "SUSPENDED"))
	shows(t, w.get("/admin/users/testuser02"), http.StatusOK, `/testuser02/reinstate"`)
	w.services.refuse(getAudit, http.StatusServiceUnavailable, "DATABASE_UNAVAILABLE", "잠시 후 다시 시도해 주세요.", "Retry-After", "3")
	shows(t, w.get("/admin/users/testuser02"), http.StatusOK, "CUST002", "잠시 후 다시 시도해 주세요.", `data-reload="3"`)
}

// TestOwnAccountKeepsItsRights does not offer what auth-service refuses.
func TestOwnAccountKeepsItsRights(t *testing.T) {
	t.Parallel()
	w := newAdministration(t)
	w.services.set("GET /api/v1/users/admin01", http.StatusOK, administrator("admin01"))
	w.services.set(getAudit, http.StatusOK, noTrail)
	body := w.get("/admin/users/admin01").Body.String()
	if !strings.Contains(body, "본인의 계정은 정지할 수 없고") || strings.Contains(body, "/suspend") || strings.Contains(body, "/revoke") {
		t.Error(body)
	}
}

func TestActsAreConfirmedAndPerformed(t *testing.T) {
	t.Parallel()
	for path, test := range map[string]struct{ operation, ask, done string }{
		"suspend":                          {doSuspend, "이용을 정지하시겠습니까?", "이용을 정지하고 모든 기기에서 로그아웃했습니다."},
		"reinstate":                        {doReinstate, "이용 정지를 해제하시겠습니까?", "이용 정지를 해제했습니다"},
		"unlock":                           {doUnlock, "잠금을 해제하시겠습니까?", "잠금을 해제했습니다"},
		"permissions/PRODUCT_CHANGE/grant": {doGrant, "권한을 부여하시겠습니까?", "권한을 부여했습니다"},
		"permissions/BILL_INQUIRY/revoke":  {doRevoke, "권한을 회수하시겠습니까?", "권한을 회수했습니다"},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := newAdministration(t)
			path = "/admin/users/testuser02/" + path
			page := w.get(path)
			shows(t, page, http.StatusOK, test.ask, "testuser02", "이고객", `action="`+path+`"`)
			if calls, _ := w.services.calls(test.operation); len(calls) > 0 {
				t.Error("the question already acts")
			}
			for range 2 { // the form is sent twice
				got := w.do(http.MethodPost, path, fields(page.Body.String()))
				if got.Code != http.StatusSeeOther {
					t.Fatalf("%d %s", got.Code, got.Body)
				}
				shows(t, w.get(got.Header().Get("Location")), http.StatusOK, test.done)
			}
		})
	}
}

func TestRefusedActsAreExplained(t *testing.T) {
	t.Parallel()
	w := newAdministration(t)
	w.services.refuse(doSuspend, http.StatusConflict, "LAST_ADMINISTRATOR", "마지막 관리자의 권한은 변경할 수 없습니다.")
	const path = "/admin/users/testuser02/suspend"
	shows(t, w.post(path, path), http.StatusConflict, "마지막 관리자의 권한은 변경할 수 없습니다.", `action="`+path+`"`)
	w.services.refuse(doSuspend, http.StatusServiceUnavailable, "SESSION_STORE_UNAVAILABLE", "잠시 후 다시 시도해 주세요.", "Retry-After", "7")
	got := w.post(path, path)
	shows(t, got, http.StatusServiceUnavailable, `data-retry="7"`, "여러 번 보내도 한 번만 적용됩니다")
	if got.Header().Get("Retry-After") != "7" {
		t.Errorf("Retry-After: %q", got.Header().Get("Retry-After"))
	}
	w.services.refuse(getOther, http.StatusNotFound, "USER_NOT_FOUND", "사용자를 찾을 수 없습니다.")
	shows(t, w.get("/admin/users/testuser02"), http.StatusNotFound, "사용자를 찾을 수 없습니다.")
	for _, path := range []string{"/admin/users/x", "/admin/users/testuser02/delete", "/admin/users/testuser02/permissions/ROOT/grant"} {
		shows(t, w.get(path), http.StatusNotFound)
	}
}

func TestAuditIsSearchedAndTurned(t *testing.T) {
	t.Parallel()
	w := newAdministration(t)
	shows(t, w.get("/admin/audit?target=testuser02"), http.StatusOK, "권한 회수", "→ testuser02", "요금제 변경", "2026. 11. 30. 09:00", `value="1.`+request+`"`)
	found := w.post("/admin/audit", "/admin/audit", "actor", "admin01", "target", "010-8765-4321", "action", "USER_UNLOCK", "outcome", "DENIED",
		"from", "2026-11-01", "until", "2026-11-30", "before", "1."+request)
	shows(t, found, http.StatusOK, `value="010-****-4321"`, `value="USER_UNLOCK" selected`, `value="DENIED" selected`, "처음으로")
	calls, _ := w.services.calls(getAudit)
	want := url.Values{"actor": {"admin01"}, "target": {"010-****-4321"}, "action": {"USER_UNLOCK"}, "outcome": {"DENIED"},
		"startDate": {"2026-11-01"}, "endDate": {"2026-11-30"}, "before": {"1." + request}}
	if got := calls[len(calls)-1].URL.Query(); got.Encode() != want.Encode() {
		t.Errorf("the search is %v", got)
	}
}

// TestSearchesAreInNoURL of the portal: they may be for line numbers.
func TestSearchesAreInNoURL(t *testing.T) {
	t.Parallel()
	w := newAdministration(t)
	for _, path := range []string{"/admin/users", "/admin/audit"} {
		forms := regexp.MustCompile(`<form[^>]*>`).FindAllString(w.get(path).Body.String(), -1)
		if slices.ContainsFunc(forms, func(form string) bool { return !strings.Contains(form, `method="post"`) }) {
			t.Errorf("%s: %v", path, forms)
		}
	}
}

// TestAdministrationIsInEnglishToo except for the names of customers.
func TestAdministrationIsInEnglishToo(t *testing.T) {
	t.Parallel()
	w := newAdministration(t)
	w.accepts = "en"
	for path, want := range map[string]string{
		"/": "Administration", "/admin/users": "41 users", "/admin/users/testuser02?done=grant": "The permission is granted.",
		"/admin/users/testuser02/suspend": "Suspend this user?", "/admin/audit": "Permission revoked",
	} {
		page := w.get(path)
		shows(t, page, http.StatusOK, want)
		if found := bareKorean(page.Body.String()); len(found) > 0 {
			t.Errorf("%s: %v", path, found)
		}
	}
	w.services.refuse(getAudit, http.StatusBadRequest, "VALIDATION_ERROR", "입력값을 확인해 주세요.")
	shows(t, w.post("/admin/users", "/admin/audit", "actor", "한글"), http.StatusBadRequest, `value="한글"`)
}
