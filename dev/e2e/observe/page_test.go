package observe

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/proc"
	"github.com/phonebill/phonebill/dev/observe"
)

// settle bounds a wait for what the page shows: scrapes, evaluations of rules, exports of traces.
const settle = 90 * time.Second

// maxMemory is the limit of all programs of the stack together, in bytes.
const maxMemory = 600 << 20

// TestStatusPage follows the system through traffic, an outage of KOS and the death of an app.
func TestStatusPage(t *testing.T) {
	startCustomers(t)
	p := open(t)
	p.await("every part is ready", `document.querySelectorAll("#parts .good").length > 10 && document.querySelectorAll("#parts .bad").length === 0`)

	// An outage from the first request on leaves charts of values, and of what KOS answers, empty.
	p.await("inquiries are answered", `[...document.querySelectorAll("#charts figure")].some((chart) => chart.textContent.includes("Inquiries by answer") && chart.textContent.includes("fresh"))`)

	if err := mock.Trouble(kos.Trouble{Name: kos.Outage, Seconds: 3600}); err != nil {
		t.Fatal(err)
	}
	// With the breakers open and items waiting, each chart has something to show.
	p.await("every chart has data", `document.querySelectorAll("#charts figure").length > 0 && document.querySelectorAll("#charts figure .quiet").length === 0`)
	if err := calm(); err != nil {
		t.Fatal(err)
	}
	p.await("traces are shown", `document.querySelectorAll("#traces details").length > 3`)
	p.do(chromedp.Click("#traces summary", chromedp.ByQuery))
	p.await("the waterfall of a trace is shown", `document.querySelector("#traces details[open] svg rect") !== null`)
	p.pictures("busy")

	if err := running.Kill("kos-mock-service"); err != nil {
		t.Fatal(err)
	}
	p.await("the dead part is named", `document.querySelector("#parts .bad") !== null && document.getElementById("summary").textContent.includes("not ready")`)
	if err := running.Restart(t.Context(), "kos-mock-service"); err != nil {
		t.Fatal(err)
	}
	p.await("every part is ready again", `document.querySelectorAll("#parts .bad").length === 0`)

	memory, err := stack.Usage()
	if err != nil || memory > maxMemory {
		t.Errorf("%d MB, %v", memory>>20, err)
	}
	t.Logf("Prometheus, Alertmanager and the collector take %d MB", memory>>20)
}

// statusPage is the page in a window of the browser.
type statusPage struct {
	t   *testing.T
	ctx context.Context
}

func open(t *testing.T) *statusPage {
	t.Helper()
	p := &statusPage{t, browser}
	p.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(stack.URL()))
	return p
}

func (p *statusPage) do(actions ...chromedp.Action) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, settle)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// await waits until a condition in JavaScript is true.
func (p *statusPage) await(what, condition string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), settle)
	defer cancel()
	err := proc.Poll(ctx, func() bool {
		var yes bool
		p.do(chromedp.Evaluate(condition, &yes))
		return yes
	})
	if err != nil {
		var text string
		p.do(chromedp.Evaluate("document.body.innerText", &text))
		p.t.Fatalf("not within %s: %s\n%s", settle, what, text)
	}
}

// pictures checks at two widths and in both colour schemes that nothing is wider than the window. It
// writes a picture of each to the folder PHONEBILL_OBSERVE_PICTURES, if that is set.
func (p *statusPage) pictures(name string) {
	p.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 1280} {
			features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
			var wide bool
			var picture []byte
			p.do(emulation.SetEmulatedMedia().WithFeatures(features), chromedp.EmulateViewport(width, 900),
				chromedp.Evaluate("document.documentElement.scrollWidth > window.innerWidth", &wide), chromedp.FullScreenshot(&picture, 100))
			if wide {
				p.t.Errorf("%s, %d px: wider than the window", name, width)
			}
			if folder := os.Getenv("PHONEBILL_OBSERVE_PICTURES"); folder != "" {
				file := filepath.Join(folder, fmt.Sprintf("%s-%s-%d.png", name, scheme, width))
				if err := os.WriteFile(file, picture, 0o600); err != nil {
					p.t.Error(err)
				}
			}
		}
	}
}

// TestSecondStackIsRefused while the first one runs, which it must not stop.
func TestSecondStackIsRefused(t *testing.T) {
	_, err := observe.Start(t.Context(), whole)
	if err == nil || !strings.Contains(err.Error(), "runs already: held by pid") {
		t.Errorf("%v", err)
	}
}
