// Package chromium starts a headless browser for tests of screens.
package chromium

import (
	"context"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/phonebill/phonebill/dev/internal/toolchain"
)

// startLimit bounds the start of the browser.
const startLimit = 3 * time.Minute

// Start starts Chromium, and installs it if this user may. Stop ends it.
func Start(ctx context.Context, tools toolchain.Toolchain, options ...chromedp.ExecAllocatorOption) (browser context.Context, stop func(), err error) {
	program, err := tools.Browser(ctx)
	if err != nil {
		return nil, nil, err
	}
	options = append(append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program),
		chromedp.NoSandbox, // the tests may run as root, and open pages of this system only
		chromedp.Flag("hide-scrollbars", true), chromedp.WSURLReadTimeout(startLimit)), options...)
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	browser, stopContext := chromedp.NewContext(allocator)
	stop = func() { stopContext(); stopAllocator() }
	if err := chromedp.Run(browser); err != nil {
		stop()
		return nil, nil, err
	}
	return browser, stop, nil
}
