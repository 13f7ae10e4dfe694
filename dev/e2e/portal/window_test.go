package portal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/phonebill/phonebill/dev/internal/proc"
)

// patience bounds each step of a window.
const patience = 30 * time.Second

// Sizes of the windows, in CSS pixels: a small phone and a desktop.
const (
	phone   = 360
	desktop = 1280
	height  = 800
)

// seeded is the number of generated users. A test takes the next one, so that tests do not share
// lines.
const seeded = 60

var taken atomic.Int64

// nextUser returns a user whom no other test uses.
func nextUser() string { return fmt.Sprintf("loaduser%07d", others+taken.Add(1)) }

// password is that of all users.
const password = "PhoneBill1!"

// window is a window of the browser, with cookies of its own.
type window struct {
	t   *testing.T
	ctx context.Context
}

// open opens an empty window.
func open(t *testing.T, width int64) *window {
	t.Helper()
	id, err := newTarget()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithTargetID(id))
	t.Cleanup(cancel)
	w := &window{t, ctx}
	w.do(chromedp.EmulateViewport(width, height), emulation.SetTimezoneOverride("Asia/Seoul"))
	return w
}

// newTarget opens a window without cookies. chromedp.WithNewBrowserContext opens a tab, which
// needs a window that exists.
func newTarget() (target.ID, error) {
	ctx := cdp.WithExecutor(browser, chromedp.FromContext(browser).Browser)
	cookies, err := target.CreateBrowserContext().WithDisposeOnDetach(true).Do(ctx)
	if err != nil {
		return "", err
	}
	return target.CreateTarget("about:blank").WithBrowserContextID(cookies).WithNewWindow(true).Do(ctx)
}

// do runs actions within patience.
func (w *window) do(actions ...chromedp.Action) {
	w.t.Helper()
	if err := w.try(actions...); err != nil {
		var where, text string
		_ = w.try(chromedp.Location(&where), chromedp.Text("body", &text, chromedp.ByQuery))
		w.t.Fatalf("%v\nat %s:\n%s", err, where, text)
	}
}

// try is do with an error.
func (w *window) try(actions ...chromedp.Action) error {
	// The first action of a window must not have a deadline, which would close the window.
	if chromedp.FromContext(w.ctx).Target == nil {
		if err := chromedp.Run(w.ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, actions...)
}

// visit opens a path.
func (w *window) visit(path string) {
	w.t.Helper()
	w.do(chromedp.Navigate(base + path))
}

// sees waits until the page shows text.
func (w *window) sees(text string) {
	w.t.Helper()
	w.seesWithin(patience, text)
}

// seesWithin is sees with another patience.
func (w *window) seesWithin(limit time.Duration, text string) {
	w.t.Helper()
	condition := fmt.Sprintf("document.body && document.body.innerText.includes(%q)", text)
	ctx, cancel := context.WithTimeout(w.t.Context(), limit)
	defer cancel()
	err := proc.Poll(ctx, func() bool {
		var yes bool
		return w.try(chromedp.Evaluate(condition, &yes)) == nil && yes // it fails while a page is replaced
	})
	if err != nil {
		w.t.Fatalf("not shown: %s (%v)\n%s", text, err, w.text())
	}
}

// text returns the text of the page.
func (w *window) text() (text string) {
	w.t.Helper()
	_ = w.try(chromedp.Evaluate("location.href + '\\n' + (document.body ? document.body.innerText : '')", &text))
	return text
}

// eval returns the value of an expression.
func eval[T any](w *window, expression string) (value T) {
	w.t.Helper()
	w.do(chromedp.Evaluate(expression, &value))
	return value
}

// await returns the value that a promise has in the end.
func await[T any](w *window, promise string) (value T) {
	w.t.Helper()
	w.do(chromedp.Evaluate(promise, &value, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	return value
}

// click follows a link or presses a button, and waits for the next page.
func (w *window) click(selector string) {
	w.t.Helper()
	if err := w.try(submit(selector)); err != nil {
		w.t.Fatalf("click %s: %v\n%s", selector, err, w.text())
	}
}

// submit clicks and waits for the load of the next page.
func submit(selector string) chromedp.Action {
	return loads(chromedp.Click(selector, chromedp.ByQuery))
}

// loads waits for the load of the page that an action opens.
func loads(action chromedp.Action) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		loaded := make(chan struct{}, 8)
		listen, cancel := context.WithCancel(ctx)
		defer cancel()
		chromedp.ListenTarget(listen, func(event any) {
			if _, ok := event.(*page.EventLoadEventFired); ok {
				loaded <- struct{}{}
			}
		})
		if err := action.Do(ctx); err != nil {
			return err
		}
		select {
		case <-loaded:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// fill types into empty fields, given as selector and text.
func (w *window) fill(pairs ...string) {
	w.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		w.do(chromedp.SendKeys(pairs[i], pairs[i+1], chromedp.ByQuery))
	}
}

// login logs in and waits for the home page.
func (w *window) login(user string) {
	w.t.Helper()
	w.visit("/login")
	w.fill("#userId", user, "#password", password)
	w.click("button.primary")
	w.sees("안녕하세요")
}

// path returns the path of the page.
func (w *window) path() string {
	w.t.Helper()
	return strings.TrimPrefix(eval[string](w, "location.href"), base)
}

// picture writes a picture of the page, if PHONEBILL_PORTAL_PICTURES is a folder.
func (w *window) picture(name string) {
	w.t.Helper()
	folder := os.Getenv("PHONEBILL_PORTAL_PICTURES")
	if folder == "" {
		return
	}
	var image []byte
	w.do(chromedp.FullScreenshot(&image, 100))
	width := eval[int](w, "innerWidth")
	if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%d.png", strings.ReplaceAll(name, "/", "-"), width)), image, 0o600); err != nil {
		w.t.Fatal(err)
	}
}
