package portal_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// inKorean are the parts of an English page that are marked as Korean, and its title, which
// cannot be.
var inKorean = regexp.MustCompile(`(?s)<(?:span|button)[^>]* lang="ko">.*?</|<title>.*?</title>`)

// bareKorean returns the lines of a page with Korean that is not marked.
func bareKorean(page string) (found []string) {
	for line := range strings.Lines(inKorean.ReplaceAllString(page, "")) {
		if strings.ContainsFunc(line, func(r rune) bool { return unicode.Is(unicode.Hangul, r) }) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// TestEnglishPagesAreEnglish except for names of KOS, which are marked.
func TestEnglishPagesAreEnglish(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.accepts = "en-US,en;q=0.9,ko;q=0.1"
	english := func(path string, status int, texts ...string) {
		t.Helper()
		page := w.get(path)
		shows(t, page, status, append(texts, `<html lang="en">`)...)
		if found := bareKorean(page.Body.String()); len(found) > 0 || page.Header().Get("Content-Language") != "en" {
			t.Errorf("%s: %s %v", path, page.Header().Get("Content-Language"), found)
		}
	}
	english("/login", http.StatusOK, "Log in")
	english("/register", http.StatusOK, "Register")
	w.login()
	w.services.accountOf("김고객")
	english("/", http.StatusOK, `Hello, <span lang="ko">김고객</span>`, "₩97,750", "Fri, 25 Dec 2026", "Unlimited")
	english("/bills", http.StatusOK, "Bill of November 2026", "1–30 Nov (30 days)", "2 min", "Scheduled")
	english("/bills/months", http.StatusOK, "₩97.8K", "Nov")
	english("/plans?compare=LTE-BASIC-001&fee=40000", http.StatusOK, "₩50,000 less than now", "Up to ₩40K")
	english("/plans/LTE-BASIC-001", http.StatusOK, "The line is active.", "Next month&#39;s fee is <strong>₩39,000</strong>, <strong>₩50,000</strong> less than now.")
	english("/account", http.StatusOK, "Wrong password", "Unknown device")
	english("/nowhere", http.StatusNotFound, "There is no such page")
	w.services.set(doValidate, http.StatusOK, data(validation("FAIL")))
	english("/plans/LTE-BASIC-001", http.StatusOK, "The line is not active.")
	w.services.set("GET /api/v1/products/change/"+request, http.StatusOK, data(change("FAILED", "2002", "정지된 회선입니다.")))
	english("/changes/"+request, http.StatusOK, "The line is not active.")
	w.services.refuse(doInquire, http.StatusServiceUnavailable, "KOS_UNAVAILABLE", "통신사 시스템을 이용할 수 없습니다.", "Retry-After", "90")
	english("/bills", http.StatusServiceUnavailable, "does not answer", "The page tries again by itself in 1 min")
	english("/", http.StatusOK, "does not answer")
	w.services.set(getLine, http.StatusOK, data(subscriber("김고객", true)))
	english("/plans", http.StatusOK, "Known since 3 h ago.", "30 Nov 2026, 07:00 KST")
}

// accountOf sets the answers that the page of the account needs.
func (s *services) accountOf(name string) {
	s.set(getUser, http.StatusOK, `{"user_id":"testuser01","user_name":"`+name+`","customer_id":"CUST001","line_number":"01012345678","account_status":"ACTIVE","permissions":["BILL_INQUIRY"]}`)
	s.set(getDevices, http.StatusOK, `{"sessions":[{"session_id":"s1","created_at":"2026-11-30T09:00:00+09:00","last_used_at":"2026-11-30T09:30:00+09:00","ends_at":"2026-12-01T09:00:00+09:00","address":"192.0.2.1","user_agent":"","auto_login":true,"current":true}]}`)
	s.set(getLogins, http.StatusOK, `{"logins":[{"time":"2026-11-30T09:00:00+09:00","outcome":"FAILED","address":"192.0.2.1","user_agent":""}],"page":1,"size":10,"total_items":1,"has_next":false}`)
}

func TestTheChosenLanguageIsRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.accepts = "ko"
	shows(t, w.get("/login"), http.StatusOK, `<html lang="ko">`, `name="to" value="en" lang="en">English<`, `name="next" value="/login"`)
	for next, want := range map[string]string{"/bills?month=2026-10": "/bills?month=2026-10", "//evil.example": "/"} {
		if got := w.post("/login", "/language", "to", "en", "next", next); got.Code != http.StatusSeeOther || got.Header().Get("Location") != want {
			t.Errorf("next %q: %d to %q", next, got.Code, got.Header().Get("Location"))
		}
	}
	page := w.get("/login")
	shows(t, page, http.StatusOK, `<html lang="en">`, `name="to" value="ko" lang="ko">한국어<`)
	w.services.refuse(doLogin, http.StatusUnauthorized, "AUTH_001", "아이디 또는 비밀번호가 올바르지 않습니다.")
	refused := w.post("/login", "/login", "userId", "testuser01", "password", "wrong-password")
	shows(t, refused, http.StatusUnauthorized, "The id or the password is wrong.", `value="testuser01"`)
	if strings.Contains(refused.Body.String(), `action="/language"`) {
		t.Error("a switch of the language would lose what was typed")
	}
	w.services.refuse("POST /api/v1/auth/register", http.StatusBadRequest, "VALIDATION_ERROR", "입력값이 올바르지 않습니다.")
	if found := bareKorean(w.post("/register", "/register", "userId", "x").Body.String()); len(found) > 0 {
		t.Errorf("bare Korean: %v", found)
	}
	w.post("/login", "/language", "to", "fr", "next", "/")
	shows(t, w.get("/login"), http.StatusOK, `<html lang="ko">`)
}
