package portal

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestJourney uses every screen once, on a phone and on a desktop.
func TestJourney(t *testing.T) {
	for _, width := range []int64{phone, desktop} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			w := open(t, width)
			w.visit("/")
			w.sees("로그인")
			w.fits("login")
			w.visit("/register")
			w.fits("register")
			w.visit("/nowhere")
			w.sees("찾을 수 없는 화면입니다")
			w.fits("unknown")
			w.login(nextUser())
			w.sees("납부 기한")
			w.sees("내 요금제")
			w.fits("home")
			w.click(`a[href="/bills"].primary`)
			w.sees("납부할 금액")
			w.fits("bill")
			w.visit("/bills/months")
			w.sees("한 달 평균")
			w.fits("months")
			w.visit("/bills/inquiries")
			w.sees("완료")
			w.fits("inquiries")
			w.changePlan()
			w.visit("/changes")
			w.sees("→")
			w.fits("changes")
			w.visit("/account")
			w.sees("로그인한 기기")
			w.fits("account")
			w.click("form.out button")
			w.sees("처음 오셨습니까?")
			w.visit("/account")
			w.sees("처음 오셨습니까?")
		})
	}
}

// changePlan changes to the first plan of the list.
func (w *window) changePlan() {
	w.t.Helper()
	w.visit("/plans")
	w.sees("지금 쓰는 요금제")
	w.fits("plans")
	w.do(chromedp.Click(`.offers input[name="compare"]`, chromedp.ByQuery))
	w.click(`form > p > button`)
	w.sees("요금제 비교")
	w.fits("compare")
	w.click(`.offers .primary`)
	w.sees("변경 신청")
	w.fits("plan")
	w.do(chromedp.Click(`input[name="confirm"]`, chromedp.ByQuery))
	w.click(`form[action$="/change"] button.primary`)
	w.sees("요금제를 변경했습니다")
	w.fits("change")
}

// TestJourneyWithoutScript uses the screens in a browser that runs no script.
func TestJourneyWithoutScript(t *testing.T) {
	w := open(t, phone)
	w.do(emulation.SetScriptExecutionDisabled(true))
	user := nextUser()
	w.visit("/login")
	w.fill("#userId", user, "#password", password)
	w.click("button.primary")
	w.reads("납부 기한")
	w.click(`a[href="/bills"].primary`)
	w.reads("납부할 금액")
	w.visit("/bills/months")
	w.reads("한 달 평균")
	w.click(`.tabs a[href="/account"]`)
	w.reads("로그인한 기기")
	w.click("form.language button")
	w.reads("Devices")
	w.click("form.language button")
	w.visit("/plans")
	w.click(`.offers .primary`)
	w.do(chromedp.Click(`input[name="confirm"]`, chromedp.ByQuery))
	w.click(`form[action$="/change"] button.primary`)
	w.reads("요금제를 변경했습니다")
	w.click("form.out button")
	w.reads("처음 오셨습니까?")
}

// reads is sees without a script: the page reloads itself until it has the text.
func (w *window) reads(text string) {
	w.t.Helper()
	var shown string
	for range 40 {
		if err := w.try(chromedp.Text("body", &shown, chromedp.ByQuery)); err == nil && strings.Contains(shown, text) {
			return
		}
		w.do(chromedp.Reload())
	}
	w.t.Fatalf("not shown: %s\n%s", text, shown)
}
