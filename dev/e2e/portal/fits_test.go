package portal

import (
	"fmt"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// rules are the rules of axe-core by colour scheme: all of them once.
var rules = []struct{ scheme, options string }{{"dark", `{runOnly: ['color-contrast']}`}, {"light", `{}`}}

// fits checks that the page needs no horizontal scrolling and has one heading and, in both colour
// schemes, no fault of accessibility. It takes a picture of each.
func (w *window) fits(name string) {
	w.t.Helper()
	if wide := eval[float64](w, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); wide > 0 {
		w.t.Errorf("%s: %v pixels too wide", name, wide)
	}
	if n := eval[int](w, "document.querySelectorAll('h1').length"); n != 1 {
		w.t.Errorf("%s: %d headings", name, n)
	}
	for _, rule := range rules {
		w.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: rule.scheme}}))
		for _, violation := range w.violations(rule.options) {
			w.t.Errorf("%s, %s: %s", name, rule.scheme, violation)
		}
		w.picture(name + "-" + rule.scheme)
	}
}

// fitsAnywhere is fits at both widths.
func (w *window) fitsAnywhere(name string) {
	w.t.Helper()
	for _, width := range []int64{desktop, phone} {
		w.do(chromedp.EmulateViewport(width, height))
		w.fits(name)
	}
}

// axeRun runs axe-core with options and returns the violations with their elements.
const axeRun = `axe.run(document, %s).then(r => r.violations.map(v =>
	v.id + ': ' + v.nodes.map(n => n.html.slice(0, 200) + ' (' + n.failureSummary.replace(/\s+/g, ' ') + ')').join('; ')))`

// violations returns what axe-core finds in the page.
func (w *window) violations(options string) []string {
	w.t.Helper()
	if axe == "" {
		return nil
	}
	eval[int](w, "typeof axe === 'undefined' && (() => {"+axe+"})(); 0")
	return await[[]string](w, fmt.Sprintf(axeRun, options))
}
