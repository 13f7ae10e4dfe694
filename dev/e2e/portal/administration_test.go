package portal

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/phonebill/phonebill/dev/internal/proc"
)

// administrator is a demo user.
const administrator = "admin01"

// TestAdministration finds a user who is locked, and uses every act.
func TestAdministration(t *testing.T) {
	for _, width := range []int64{phone, desktop} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			user := nextUser()
			customer := open(t, width)
			customer.login(user)
			lock(t, user)
			w := open(t, width)
			w.login(administrator)
			w.fits("administration")
			w.click(`nav a[href="/admin/users"]`)
			w.fits("users")
			w.find(user)
			w.sees("사용자 1명")
			w.click(`a[href="/admin/users/` + user + `"]`)
			w.sees("잠김")
			w.fits("member")
			w.perform("unlock", "잠금을 해제했습니다.")
			w.perform("permissions/PRODUCT_CHANGE/revoke", "권한을 회수했습니다.")
			customer.eventually("/plans", "이용할 수 없는 화면입니다")
			w.perform("permissions/PRODUCT_CHANGE/grant", "권한을 부여했습니다.")
			customer.eventually("/plans", "지금 쓰는 요금제")
			w.perform("suspend", "이용을 정지하고 모든 기기에서 로그아웃했습니다.")
			w.fits("suspended")
			customer.eventually("/account", "처음 오셨습니까?")
			w.perform("reinstate", "이용 정지를 해제했습니다.")
			customer.login(user)
			w.click(`a[href="/admin/audit?target=` + user + `"]`)
			w.sees("정지 해제")
			w.fits("audit")
			if n := eval[int](w, `document.querySelectorAll(".list > li").length`); n != 5 {
				t.Errorf("%d events", n)
			}
		})
	}
}

// find searches for users.
func (w *window) find(text string) {
	w.t.Helper()
	w.visit("/admin/users")
	w.fill(`input[name="query"]`, text)
	w.click("main button.primary")
	if path := w.path(); path != "/admin/users" {
		w.t.Errorf("the URL of a search is %s", path)
	}
}

// perform chooses an act on the page of a user, and confirms it.
func (w *window) perform(act, done string) {
	w.t.Helper()
	w.click(`a[href$="/` + act + `"]`)
	w.fits("act-" + strings.ReplaceAll(act, "/", "-"))
	w.click("main button.primary")
	w.sees(done)
}

// eventually opens a path until it shows a text. Services read the sessions every few seconds.
func (w *window) eventually(path, text string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	err := proc.Poll(ctx, func() bool {
		w.visit(path)
		return strings.Contains(w.text(), text)
	})
	if err != nil {
		w.t.Fatalf("not shown: %s (%v)\n%s", text, err, w.text())
	}
}

// lock enters wrong passwords until the id is locked.
func lock(t *testing.T, user string) {
	t.Helper()
	for range 5 {
		body := fmt.Sprintf(`{"userId":%q,"password":"wrong-password"}`, user)
		resp, err := http.Post(base+"/api/v1/auth/login", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Fatalf("a wrong password: %d", resp.StatusCode)
		}
	}
}

// TestUsersAreFoundByLine shows the line in part only.
func TestUsersAreFoundByLine(t *testing.T) {
	w := open(t, phone)
	w.login(administrator)
	w.find("010-8765-4321")
	w.sees("testuser02")
	w.sees("010-****-4321")
	if text := w.text(); strings.Contains(text, "8765") {
		t.Errorf("the line is shown: %s", text)
	}
	w.find("loaduser")
	w.click(`main nav button[value="2"]`)
	w.sees("2 / ") // of as many pages as users were seeded
	w.fits("users-2")
}

// TestCustomersDoNotAdminister is about links and addresses; every route is tested beside the code.
func TestCustomersDoNotAdminister(t *testing.T) {
	w := open(t, phone)
	user := nextUser()
	w.login(user)
	if links := eval[int](w, `document.querySelectorAll('a[href^="/admin"]').length`); links > 0 {
		t.Errorf("%d links", links)
	}
	for _, path := range []string{"/admin/users", "/admin/users/" + user, "/admin/users/" + user + "/suspend", "/admin/audit"} {
		w.visit(path)
		w.sees("이용할 수 없는 화면입니다")
	}
	w.fits("forbidden")
	admin := open(t, desktop)
	admin.login(administrator)
	admin.eventually("/admin/audit?actor="+user, "거부")
	admin.do(chromedp.SetValue(`select[name="outcome"]`, "DENIED", chromedp.ByQuery))
	admin.click("main button.primary")
	admin.sees("GET /api/v1/auth/audit")
	admin.fits("audit-denied")
}

// TestUsageIsMetered on the home page of a plan with a limit.
func TestUsageIsMetered(t *testing.T) {
	for _, width := range []int64{phone, desktop} {
		w := open(t, width)
		w.login("testuser04")
		w.sees("20GB")
		const meters = `[...document.querySelectorAll("meter")].map(m => document.getElementById(m.getAttribute("aria-labelledby")).textContent + (m.value >= 0 && m.value <= m.max)).join()`
		if got := eval[string](w, meters); got != "데이터true" {
			t.Errorf("meters: %s", got)
		}
		w.fits("usage")
	}
}
