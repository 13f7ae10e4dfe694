package portal

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestJourneyByKeyboard sees a bill, compares plans, changes the plan, and logs out, without a
// pointer.
func TestJourneyByKeyboard(t *testing.T) {
	w := open(t, desktop)
	w.visit("/login")
	w.do(chromedp.Poll(`document.activeElement.id === "userId"`, nil, chromedp.WithPollingTimeout(patience)))
	w.do(chromedp.KeyEvent(nextUser()), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(password), chromedp.KeyEvent(kb.Enter))
	w.sees("안녕하세요")
	w.tab(".skip")
	w.enter(`a[href="/bills"].primary`)
	w.sees("납부할 금액")
	w.tab("#month")
	w.do(chromedp.KeyEvent(kb.ArrowDown))
	w.enter(`#month + button`)
	w.sees("확정")
	w.enter(`.subtabs a[href="/bills/months"]`)
	w.sees("한 달 평균")
	w.enter(`.tabs a[href="/plans"]`)
	w.sees("지금 쓰는 요금제")
	w.tab(`.offers input[name="compare"]`)
	w.do(chromedp.KeyEvent(" "))
	w.enter(`form > p > button`)
	w.sees("요금제 비교")
	w.enter(`.offers .primary`)
	w.sees("변경 신청")
	w.tab(`input[name="confirm"]`)
	w.do(chromedp.KeyEvent(" "))
	w.enter(`form[action$="/change"] button.primary`)
	w.sees("요금제를 변경했습니다")
	w.enter(`form.out button`)
	w.sees("처음 오셨습니까?")
}

// furthest is the maximum number of stops to a control.
const furthest = 80

// tab moves the focus to a control, which must show it.
func (w *window) tab(selector string) {
	w.t.Helper()
	reached := fmt.Sprintf("document.activeElement.matches(%q)", selector)
	for range furthest {
		if eval[bool](w, reached) {
			const outline = "parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
			if width := eval[float64](w, outline); width < 2 {
				w.t.Errorf("%s: the focus has an outline of %v pixels", selector, width)
			}
			return
		}
		w.do(chromedp.KeyEvent(kb.Tab))
	}
	w.t.Fatalf("%s is out of reach by keyboard\n%s", selector, w.text())
}

// enter moves the focus to a link or a button, presses it, and waits for the next page.
func (w *window) enter(selector string) {
	w.t.Helper()
	w.tab(selector)
	w.do(loads(chromedp.KeyEvent(kb.Enter)))
}
