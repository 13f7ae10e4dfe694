package portal_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// private are pages that need a session.
var private = []string{"/", "/bills", "/bills/months", "/plans", "/plans/LTE-BASIC-001"}

// TestUnknownPathIsAPageForBrowsersOnly leaves other clients to the envelope of the server.
func TestUnknownPathIsAPageForBrowsersOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for accept, page := range map[string]bool{"text/html,*/*;q=0.8": true, "*/*": false, "application/json": false, "": false} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequestWithContext(t.Context(), method, origin+"/admin/calls", http.NoBody)
			r.Header.Set("Accept", accept)
			recorder := httptest.NewRecorder()
			w.handler.ServeHTTP(recorder, r)
			if got := strings.Contains(recorder.Body.String(), "<html"); recorder.Code != http.StatusNotFound || got != page {
				t.Errorf("%s for %q: status %d, a page: %t", method, accept, recorder.Code, got)
			}
		}
	}
}

func TestPagesAreProtected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	for _, path := range append(slices.Clone(private), "/nowhere") {
		header := w.get(path).Header()
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		policy := header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %s", path, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
			t.Errorf("%s: the policy %q is too wide", path, policy)
		}
	}
}

func TestPagesNeedASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range private {
		want := "/login?next=" + url.QueryEscape(path)
		if path == "/" {
			want = "/login"
		}
		if got := w.get(path); got.Code != http.StatusSeeOther || got.Header().Get("Location") != want {
			t.Errorf("%s: %d to %q", path, got.Code, got.Header().Get("Location"))
		}
	}
	if len(w.services.asked) > 0 {
		t.Errorf("services were called: %v", w.services.asked)
	}
}

// TestOldBrowsersAreProtectedByOrigin sends Origin, as browsers without Fetch metadata do.
func TestOldBrowsersAreProtectedByOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.token(w.get("/login"))
	for from, want := range map[string]int{"https://evil.example": http.StatusForbidden, origin: http.StatusSeeOther} {
		form := url.Values{"form_token": {token}, "userId": {"testuser01"}, "password": {"PhoneBill1!"}}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://web-portal/login", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", from)
		r.AddCookie(&http.Cookie{Name: "form", Value: w.cookies["form"]})
		got := httptest.NewRecorder()
		w.handler.ServeHTTP(got, r)
		if got.Code != want {
			t.Errorf("from %s: %d, want %d", from, got.Code, want)
		}
	}
}

func TestLoginReplacesWhatWasThereBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cookies["access"], w.cookies["refresh"] = "e30.e30.attacker", "attacker"
	w.services.refuse(doRefresh, http.StatusUnauthorized, "REFRESH_TOKEN_INVALID", "다시 로그인해 주세요.")
	page := w.get("/login")
	old := w.token(page)
	fixed := w.cookies["form"]
	w.login()
	if w.cookies["access"] == "e30.e30.attacker" || w.cookies["refresh"] != "r1" || w.cookies["form"] == fixed {
		t.Errorf("cookies after the log-in: %v", w.cookies)
	}
	if got := w.do(http.MethodPost, "/logout", url.Values{"form_token": {old}}); got.Code != http.StatusForbidden {
		t.Errorf("a form from before the log-in: %d", got.Code)
	}
}

func TestCookiesAreOutOfReach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.post("/login", "/login", "userId", "testuser01", "password", "PhoneBill1!", "stay", "1")
	cookies := got.Result().Cookies()
	if len(cookies) < 4 {
		t.Fatalf("cookies: %v", cookies)
	}
	for _, cookie := range cookies {
		if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" {
			t.Errorf("%+v", cookie)
		}
	}
	for _, path := range private {
		if body := w.get(path).Body.String(); strings.Contains(body, w.cookies["access"]) || strings.Contains(body, w.cookies["refresh"]) || strings.Contains(body, w.cookies["form"]) {
			t.Errorf("%s shows a secret", path)
		}
	}
}

func TestRedirectsStayOnTheSite(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/bills?month=2026-10": "/bills?month=2026-10", "": "/", "https://evil.example": "/", "//evil.example": "/", `/\evil.example`: "/",
		"/\t/evil.example": "/", "javascript:alert(1)": "/", `\\evil.example`: "/", "evil": "/",
	} {
		w := newWorld(t)
		got := w.post("/login", "/login", "userId", "testuser01", "password", "PhoneBill1!", "next", next)
		if location := got.Header().Get("Location"); location != want {
			t.Errorf("next %q leads to %q, want %q", next, location, want)
		}
		if next == want {
			continue
		}
		w = newWorld(t)
		got = w.post("/login", "/login", "userId", "testuser01", "password", "PhoneBill1!", "resume_action", next, "resume:key", "x")
		if got.Code != http.StatusSeeOther {
			t.Errorf("a form is sent on to %q: %d", next, got.Code)
		}
	}
}

func TestNamesAreText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.login()
	const name = `<script>alert("1")</script>{{.}}`
	w.services.set(getLine, http.StatusOK, data(subscriber(name, false)))
	w.services.set(doInquire, http.StatusOK, data(inquiry(name, false)))
	shows(t, w.get("/"), http.StatusOK, "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;{{.}}님")
	if body := w.get("/").Body.String(); strings.Contains(body, "<script>alert") {
		t.Error("markup of a name is in the page")
	}
	w.services.refuse("POST /api/v1/auth/register", http.StatusConflict, "USER_ID_TAKEN", "이미 있는 아이디입니다.")
	shows(t, w.post("/register", "/register", "userId", `"><img src=x>`), http.StatusConflict, `value="&#34;&gt;&lt;img src=x&gt;"`)
}

func TestLinksOfOtherSitesFindTheSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fetch = "cross-site" // without cookies, as SameSite=Strict demands
	if got := w.get("/bills"); got.Code != http.StatusOK || got.Header().Get("Refresh") != "0" {
		t.Errorf("%d %v", got.Code, got.Header())
	}
}
