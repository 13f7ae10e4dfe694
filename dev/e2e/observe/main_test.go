package observe

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/checkout"
	"github.com/phonebill/phonebill/dev/internal/chromium"
	"github.com/phonebill/phonebill/dev/internal/console"
	"github.com/phonebill/phonebill/dev/internal/kos"
	"github.com/phonebill/phonebill/dev/internal/toolchain"
	"github.com/phonebill/phonebill/dev/observe"
	"github.com/phonebill/phonebill/dev/system"
)

// enabled is the environment variable that enables these tests, because they occupy the machine's
// ports.
const enabled = "PHONEBILL_E2E"

// limit bounds the start and the stop of the system and of what watches it. The collector is built
// before.
const limit = 3 * time.Minute

// whole are the options of the system.
var whole = system.Options{Dir: ".", Data: "e2e", Fresh: true, Env: kos.Unlimited, Out: os.Stdout}

var (
	running *system.System
	stack   *observe.Stack
	mock    = kos.New("http://127.0.0.1:8084", nil)
	browser context.Context
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	flag.Parse()
	if os.Getenv(enabled) == "" {
		fmt.Printf("skipped: these tests start the whole system and a browser; set %s=1, or use `make test`\n", enabled)
		return 0
	}
	for _, step := range []func() (stop func() error, err error){startStack, startSystem, startBrowser} {
		stop, err := step()
		if err != nil {
			fmt.Fprintln(os.Stderr, "observe:", err)
			return 1
		}
		defer func() {
			if err := stop(); err != nil {
				fmt.Fprintln(os.Stderr, "observe: stop:", err)
				code = 1
			}
		}()
	}
	return m.Run()
}

// startStack starts what watches the system before the system itself, which has to make no
// difference.
func startStack() (stop func() error, err error) {
	if stack, err = observe.Start(context.Background(), whole); err != nil {
		return nil, err
	}
	return within(stack.Stop), nil
}

func startSystem() (stop func() error, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	running, err = system.Start(ctx, whole)
	if err != nil {
		return nil, err
	}
	stop = within(running.Stop)
	if err := running.RunApp(ctx, "auth-service", "seed-demo", "--users", fmt.Sprint(users)); err != nil {
		return stop, fmt.Errorf("seed: %w", err)
	}
	return stop, mock.CalmDown()
}

// calm ends all troubles of KOS. It answers without limits then, as at the start.
func calm() error { return errors.Join(mock.Reset(), mock.CalmDown()) }

func within(stop func(context.Context) error) func() error {
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		return stop(ctx)
	}
}

func startBrowser() (stop func() error, err error) {
	root, err := checkout.Find(".")
	if err != nil {
		return nil, err
	}
	tools := toolchain.Toolchain{Checkout: root, Console: console.New(os.Stdout)}
	window, end, err := chromium.Start(context.Background(), tools)
	if err != nil {
		return nil, err
	}
	browser = window
	return func() error { end(); return nil }, nil
}
