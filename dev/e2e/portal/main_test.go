package portal

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/chromium"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
	"github.com/phonebill/phonebill/dev/system"
)

// enabled is the environment variable that enables these tests, because they occupy the machine's
// ports.
const enabled = "PHONEBILL_E2E"

// limit bounds the start, with the build, and the stop of the system and of the browser.
const limit = 10 * time.Minute

var (
	// base is the URL of the ingress.
	base string
	// whole is the system, or nil if one runs already.
	whole *system.System
	// mock sets the behaviour of KOS.
	mock *kos.Admin
	// others is the number of seeded users that these tests do not use.
	others int64
	// browser is the context of the one browser. Each test has a window with cookies of its own.
	browser context.Context
	// axe is the script of axe-core, or empty if it could not be had.
	axe string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(enabled) == "" {
		fmt.Printf("skipped: these tests start the whole system and a browser; set %s=1, or use `make test`\n", enabled)
		return 0
	}
	stopBrowser, err := startBrowser()
	if err != nil {
		fmt.Fprintln(os.Stderr, "portal: the tests need Chromium:", err)
		return 1
	}
	defer stopBrowser()
	stop, err := startSystem()
	if err != nil {
		fmt.Fprintln(os.Stderr, "portal:", err)
		return 1
	}
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "portal: stop:", err)
		return 1
	}
	return code
}

// startSystem starts an empty system, unless one runs already.
func startSystem() (stop func() error, err error) {
	mock = kos.New(cmp.Or(os.Getenv("PHONEBILL_PORTAL_KOS"), "http://127.0.0.1:8084"), nil)
	if base = os.Getenv("PHONEBILL_PORTAL_URL"); base != "" {
		if users := os.Getenv("PHONEBILL_PORTAL_USERS"); users != "" {
			others, err = strconv.ParseInt(users, 10, 64)
		}
		return func() error { return nil }, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	environment := append([]string{"NIGHTLY_REFRESH_ENABLED=false"}, kos.Unlimited...)
	s, err := system.Start(ctx, system.Options{Dir: ".", Data: "e2e", Fresh: true, Env: environment, Out: os.Stdout})
	if err != nil {
		return nil, err
	}
	whole, base = s, s.URL()
	stop = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		return s.Stop(ctx)
	}
	if err := s.RunApp(ctx, "auth-service", "seed-demo", "--users", fmt.Sprint(seeded+doubled())); err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	return stop, mock.CalmDown()
}

// startBrowser starts Chromium, and installs it if this user may.
func startBrowser() (stop func(), err error) {
	root, err := checkout.Find(".")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	tools := toolchain.Toolchain{Checkout: root, Console: console.New(os.Stdout)}
	if err := loadAxe(ctx, tools); err != nil {
		return nil, err
	}
	browser, stop, err = chromium.Start(ctx, tools, chromedp.Flag("lang", "ko-KR"), chromedp.Flag("accept-lang", "ko-KR,ko"))
	return stop, err
}

// loadAxe reads axe-core. Without it, pages are checked without it, unless it is required.
func loadAxe(ctx context.Context, tools toolchain.Toolchain) error {
	path, err := tools.Axe(ctx)
	if err == nil {
		var script []byte
		script, err = os.ReadFile(path)
		axe = string(script)
	}
	if err == nil || os.Getenv("PHONEBILL_TEST_REQUIRED") != "" {
		return err
	}
	fmt.Println("portal: pages are not checked with axe-core:", err)
	return nil
}
