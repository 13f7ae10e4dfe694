package portal_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTokensAreRefreshedOnceForParallelRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.services.set(doLogin, http.StatusOK, tokens(30*time.Second, "r1"))
	w.services.set(doRefresh, http.StatusOK, tokens(29*time.Minute, "r2"))
	w.login()
	cookies := w.cookies
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			same := *w
			same.cookies = map[string]string{"access": cookies["access"], "refresh": cookies["refresh"], "form": cookies["form"]}
			if got := same.get("/"); got.Code != http.StatusOK || same.cookies["refresh"] != "r2" {
				t.Errorf("%d %v", got.Code, same.cookies)
			}
		})
	}
	group.Wait()
	if calls, _ := w.services.calls(doRefresh); len(calls) != 1 {
		t.Errorf("%d refreshes", len(calls))
	}
}

func TestAValidTokenOutlivesAFailedRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.services.set(doLogin, http.StatusOK, tokens(30*time.Second, "r1"))
	w.services.refuse(doRefresh, http.StatusServiceUnavailable, "SESSION_STORE_UNAVAILABLE", "잠시 후 다시 시도해 주세요.", "Retry-After", "2")
	w.login()
	shows(t, w.get("/"), http.StatusOK, "이번 달 요금")
	w.services.set(doLogin, http.StatusOK, tokens(-time.Second, "r1"))
	w.cookies = map[string]string{}
	w.login()
	shows(t, w.get("/"), http.StatusServiceUnavailable, "자동으로 다시 시도합니다")
	if w.cookies["refresh"] != "r1" {
		t.Error("the session is lost")
	}
}

// TestNothingTypedIsLost sends a form after the end of the session, logs in, and goes on.
func TestNothingTypedIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	page := w.get("/plans/LTE-BASIC-001")
	key := keyOf(t, page.Body.String())
	w.services.refuse(doChange, http.StatusUnauthorized, "UNAUTHENTICATED", "다시 로그인해 주세요.")
	got := w.do(http.MethodPost, "/plans/LTE-BASIC-001/change", url.Values{
		"form_token": {w.token(page)}, "key": {key}, "current": {"5G-PREMIUM-001"}, "from": {"2026-12-24"}, "confirm": {"1"}, "password": {"secret"},
	})
	shows(t, got, http.StatusUnauthorized, "입력하신 내용으로 이어서", key, "2026-12-24")
	if strings.Contains(got.Body.String(), "secret") {
		t.Error("a password is in the page")
	}
	form := fields(got.Body.String())
	form.Set("userId", "testuser01")
	form.Set("password", "PhoneBill1!")
	resumed := w.do(http.MethodPost, "/login", form)
	shows(t, resumed, http.StatusOK, "이어서 진행해 주세요", `action="/plans/LTE-BASIC-001/change"`)
	w.services.set(doChange, http.StatusOK, data(change("COMPLETED", "0000", "완료되었습니다.")))
	if got := w.do(http.MethodPost, "/plans/LTE-BASIC-001/change", fields(resumed.Body.String())); got.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", got.Code, got.Body)
	}
	calls, bodies := w.services.calls(doChange)
	if last := len(calls) - 1; calls[last].Header.Get("Idempotency-Key") != key || !strings.Contains(bodies[last], "2026-12-24") {
		t.Errorf("the change has the key %q and the body %s", calls[last].Header.Get("Idempotency-Key"), bodies[last])
	}
}

// TestFormsThatCannotBeSentAreKept answers a form during an outage with a page that sends it again.
func TestFormsThatCannotBeSentAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	page := w.get("/plans/LTE-BASIC-001")
	form := fields(page.Body.String())
	form.Set("confirm", "1")
	form.Set("from", "2026-12-24")
	for _, operation := range []string{doChange, getLine, getOffers} {
		w.services.refuse(operation, http.StatusServiceUnavailable, "KOS_UNAVAILABLE", "잠시 후 다시 시도해 주세요.", "Retry-After", "20")
	}
	kept := w.do(http.MethodPost, "/plans/LTE-BASIC-001/change", form)
	shows(t, kept, http.StatusServiceUnavailable, `action="/plans/LTE-BASIC-001/change" data-retry="20"`, "20초 뒤에 자동으로")
	if again := fields(kept.Body.String()); again.Encode() != form.Encode() {
		t.Errorf("the form was\n%v, the page has\n%v", form, again)
	}
	// A page keeps no passwords, so this form cannot be sent again.
	for _, operation := range []string{"POST /api/v1/auth/change-password", getUser, getDevices, getLogins} {
		w.services.refuse(operation, http.StatusServiceUnavailable, "SESSION_STORE_UNAVAILABLE", "잠시 후 다시 시도해 주세요.", "Retry-After", "2")
	}
	lost := w.post("/", "/account/password", "currentPassword", "PhoneBill1!", "newPassword", "PhoneBill2!")
	shows(t, lost, http.StatusServiceUnavailable)
	if strings.Contains(lost.Body.String(), "data-retry") || strings.Contains(lost.Body.String(), "PhoneBill2!") {
		t.Errorf("the page keeps a form with passwords:\n%s", lost.Body)
	}
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// fields returns the hidden fields of a page that are not those of the log-out.
func fields(page string) url.Values {
	_, page, _ = strings.Cut(page, "<main")
	form := url.Values{}
	for _, field := range hidden.FindAllStringSubmatch(page, -1) {
		form.Set(html.UnescapeString(field[1]), html.UnescapeString(field[2]))
	}
	return form
}

func keyOf(t *testing.T, page string) string {
	t.Helper()
	key := fields(page).Get("key")
	if key == "" {
		t.Fatalf("no key: %s", page)
	}
	return key
}

func TestLogoutEndsTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	w.services.refuse(doLogout, http.StatusServiceUnavailable, "SESSION_STORE_UNAVAILABLE", "잠시 후 다시 시도해 주세요.", "Retry-After", "2")
	shows(t, w.post("/", "/logout"), http.StatusServiceUnavailable)
	if w.cookies["access"] == "" {
		t.Error("the browser forgets a session that still exists")
	}
	w.services.set(doLogout, http.StatusOK, `{"success":true,"message":"로그아웃되었습니다."}`)
	if got := w.post("/", "/logout"); got.Header().Get("Location") != "/login" || w.cookies["access"] != "" || w.cookies["refresh"] != "" {
		t.Errorf("%d %v", got.Code, w.cookies)
	}
}

func TestRefusedLoginsAreExplained(t *testing.T) {
	t.Parallel()
	for code, test := range map[string]struct {
		status int
		retry  string
		want   string
	}{
		"AUTH_001":                  {http.StatusUnauthorized, "", "이용이 정지된 아이디일 수 있습니다"},
		"AUTH_002":                  {http.StatusUnauthorized, "", "30분이 지나면 자동으로 풀립니다"},
		"AUTH_003":                  {http.StatusUnauthorized, "", "올바른 비밀번호로도"},
		"RATE_LIMITED":              {http.StatusTooManyRequests, "90", "1분 30초 뒤에 다시 시도해 주세요. 아이디가 잠긴 것은 아닙니다."},
		"SESSION_STORE_UNAVAILABLE": {http.StatusServiceUnavailable, "2", "2초 뒤에 다시 시도해 주세요."},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			header := []string{}
			if test.retry != "" {
				header = append(header, "Retry-After", test.retry)
			}
			w.services.refuse(doLogin, test.status, code, "서비스의 안내", header...)
			got := w.post("/login", "/login", "userId", "testuser01", "password", "wrong-password", "next", "/bills")
			shows(t, got, test.status, test.want, `value="testuser01"`, `name="next" value="/bills"`)
			if strings.Contains(got.Body.String(), "wrong-password") {
				t.Error("the password is in the page")
			}
		})
	}
}
