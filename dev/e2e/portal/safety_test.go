package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/proc"
)

// TestFormsOfOtherSitesAreRefused sends forms from a page of another port and of another host.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<form method="post" action="%s/logout"><button>x</button></form>`, base)
	}))
	t.Cleanup(evil.Close)
	w := open(t, desktop)
	w.login(nextUser())
	for _, site := range []string{evil.URL, strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)} {
		w.do(chromedp.Navigate(site))
		w.click("button")
		w.sees("다른 사이트에서 보낸 요청은 받지 않습니다.")
		w.visit("/account")
		w.sees("로그인한 기기")
	}
}

// TestUserAgentOfAnyEncoding logs in with a User-Agent that is not UTF-8, which the portal passes on
// through two sidecars.
func TestUserAgentOfAnyEncoding(t *testing.T) {
	c := newCustomer(t, 1000)
	c.agent = "caf\xe9/1.0"
	c.login(nextUser())
	c.get("/account")
}

// TestPagesAreInNoFrame puts the log-in page in a frame of another site.
func TestPagesAreInNoFrame(t *testing.T) {
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<iframe src="%s/login"></iframe>`, base)
	}))
	t.Cleanup(evil.Close)
	w := open(t, desktop)
	w.do(chromedp.Navigate(evil.URL), chromedp.ActionFunc(func(ctx context.Context) error {
		tree, err := page.GetFrameTree().Do(ctx)
		if err != nil {
			return err
		}
		for _, child := range tree.ChildFrames {
			if strings.HasPrefix(child.Frame.URL, base) {
				t.Errorf("the frame shows %s", child.Frame.URL)
			}
		}
		return nil
	}))
}

// TestScriptsDoNotSeeCookies also of pages that show errors.
func TestScriptsDoNotSeeCookies(t *testing.T) {
	w := open(t, desktop)
	w.login(nextUser())
	for _, path := range []string{"/", "/nowhere"} {
		w.visit(path)
		if cookies := eval[string](w, "document.cookie"); cookies != "" {
			t.Errorf("%s: %s", path, cookies)
		}
	}
}

// TestWrongPasswordsAreExplained until the id is locked.
func TestWrongPasswordsAreExplained(t *testing.T) {
	w := open(t, phone)
	user := nextUser()
	for n, want := range []string{"5회 연속", "5회 연속", "5회 연속", "5회 연속", "30분이 지나면 자동으로 풀립니다", "올바른 비밀번호로도"} {
		w.visit("/login")
		w.fill("#userId", user, "#password", "wrong-password")
		w.click("button.primary")
		w.sees(want)
		if n == 4 {
			w.fitsAnywhere("locked")
		}
	}
}

// TestWaitingIsLive: a page that waits for KOS shows the bill without being loaded again.
func TestWaitingIsLive(t *testing.T) {
	calmly(t)
	w := open(t, phone)
	w.login(nextUser())
	if err := mock.Behave(kos.BillInquiry, kos.Behavior{Latency: kos.Latency{Min: 1600, Max: 1700}}); err != nil {
		t.Fatal(err)
	}
	w.visit("/bills?month=" + month(3))
	if strings.HasPrefix(w.path(), "/bills/inquiries/") {
		w.picture("waiting")
		w.fits("waiting-live")
	} else {
		t.Errorf("the page did not wait: %s", w.text())
	}
	w.sees("납부할 금액")
}

// TestAFormThatIsSentTwiceIsOneChange sends the form of a change twice at the same time.
func TestAFormThatIsSentTwiceIsOneChange(t *testing.T) {
	w := open(t, desktop)
	w.login(nextUser())
	w.visit("/plans")
	w.click(`.offers .primary`)
	w.do(chromedp.Click(`input[name="confirm"]`, chromedp.ByQuery))
	const twice = `(async () => {
		const form = document.querySelector('form[action$="/change"]');
		const send = () => fetch(form.action, {method: 'POST', body: new URLSearchParams(new FormData(form))}).then(r => new URL(r.url).pathname);
		window.sent = await Promise.all([send(), send()]);
	})(); 0`
	eval[int](w, twice)
	w.do(chromedp.Poll("window.sent", nil, chromedp.WithPollingTimeout(patience)))
	sent := eval[[]string](w, "window.sent")
	if len(sent) != 2 || sent[0] != sent[1] || !strings.HasPrefix(sent[0], "/changes/") {
		t.Errorf("two forms led to %v", sent)
	}
	w.visit("/changes")
	if n := eval[int](w, "document.querySelectorAll('.list > li').length"); n != 1 {
		t.Errorf("%d changes", n)
	}
}

// TestNothingTypedIsLost ends the session while the customer fills in a form.
func TestNothingTypedIsLost(t *testing.T) {
	w := open(t, phone)
	user := nextUser()
	w.login(user)
	w.visit("/plans")
	w.click(`.offers .primary`)
	w.endSession()
	w.do(chromedp.Click(`input[name="confirm"]`, chromedp.ByQuery))
	w.click(`form[action$="/change"] button.primary`)
	w.sees("입력하신 내용으로 이어서")
	w.fitsAnywhere("expired")
	w.fill("#userId", user, "#password", password)
	w.click("button.primary")
	w.sees("이어서 진행해 주세요")
	w.click("main button.primary")
	w.sees("요금제를 변경했습니다")
}

// endSession ends the session of the window from outside, and waits until every replica knows.
func (w *window) endSession() {
	w.t.Helper()
	var token string
	w.do(chromedp.ActionFunc(func(ctx context.Context) error {
		cookies, err := network.GetCookies().Do(ctx)
		for _, cookie := range cookies {
			if cookie.Name == "access" {
				token = cookie.Value
			}
		}
		return err
	}))
	if status := call(w.t, http.MethodPost, "/api/v1/auth/logout", token); status != http.StatusOK {
		w.t.Fatalf("log-out: %d", status)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	const reread = 6 * time.Second // each replica reads a session again after at most 5 s
	accepted := time.Now()
	err := proc.Poll(ctx, func() bool {
		if call(w.t, http.MethodGet, "/api/v1/products/menu", token) != http.StatusUnauthorized {
			accepted = time.Now()
		}
		return time.Since(accepted) > reread
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// call calls the API and returns the status.
func call(t *testing.T, method, path, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, base+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestBillIsPrintedOnOnePage of A4.
func TestBillIsPrintedOnOnePage(t *testing.T) {
	w := open(t, desktop)
	w.login(nextUser())
	w.visit("/bills")
	w.sees("납부할 금액")
	var document []byte
	w.do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		document, _, err = page.PrintToPDF().WithPreferCSSPageSize(true).Do(ctx)
		return err
	}))
	if pages := regexp.MustCompile(`/Type\s*/Page\b`).FindAll(document, -1); len(pages) != 1 {
		t.Errorf("%d pages", len(pages))
	}
}

// TestFirstPageIsSmall adds up what a browser without a cache transfers.
func TestFirstPageIsSmall(t *testing.T) {
	w := open(t, phone)
	w.login(nextUser())
	w.do(network.ClearBrowserCache())
	w.visit("/bills")
	w.sees("납부할 금액")
	const sizes = `JSON.stringify([...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map(e => [e.name, e.transferSize]))`
	var entries [][2]any
	if err := json.Unmarshal([]byte(eval[string](w, sizes)), &entries); err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, entry := range entries {
		size, _ := entry[1].(float64)
		total += size
	}
	t.Logf("%v bytes", total)
	if total == 0 || total > 60<<10 {
		t.Errorf("%v bytes: %v", total, entries)
	}
}

// TestPagesDoNotShift lists what moves while a page loads.
func TestPagesDoNotShift(t *testing.T) {
	w := open(t, phone)
	w.login(nextUser())
	const shifts = `new Promise(done => {
		let all = [];
		const describe = source => source.node?.outerHTML?.slice(0, 80) + " from y " + source.previousRect.y + " to " + source.currentRect.y;
		new PerformanceObserver(list => list.getEntries().forEach(e => all.push(e.value + ": " + e.sources.map(describe).join(", "))))
			.observe({type: 'layout-shift', buffered: true});
		requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(all.join("; ")))));
	})`
	for _, path := range []string{"/", "/bills", "/plans"} {
		w.visit(path)
		if moved := await[string](w, shifts); moved != "" {
			t.Errorf("%s shifts by %s", path, moved)
		}
	}
}
