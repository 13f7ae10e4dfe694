package throttle_test

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/auth-service/internal/throttle"
	"github.com/phonebill/phonebill/apps/internal/config"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

func TestMain(m *testing.M) {
	// A cache's clean-up ends when the cache is collected, whenever that is.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

// door is a Throttle on a clock that the test sets.
type door struct {
	*throttle.Throttle
	t        *testing.T
	registry *prometheus.Registry
	passed   time.Duration
}

// setup returns a Throttle with small budgets, all of which come back within a
// minute.
func setup(t *testing.T) *door {
	t.Helper()
	d := &door{t: t, registry: prometheus.NewRegistry()}
	small := func(n int) throttle.Rate { return throttle.Rate{Burst: n, Over: time.Minute} }
	start := time.Now()
	d.Throttle = throttle.New(throttle.Config{
		Login: small(6), LoginUser: small(3), Refresh: small(2), Password: small(2), Register: small(2),
	}, func() time.Time { return start.Add(d.passed) }, d.registry)
	return d
}

var (
	here  = netip.MustParseAddr("203.0.113.1")
	there = netip.MustParseAddr("203.0.113.2")
)

// fail lets n logins fail, all of which must be let through.
func (d *door) fail(from netip.Addr, user string, n int) {
	d.t.Helper()
	for range n {
		done, err := d.Login(from, user)
		if err != nil {
			d.t.Fatal(err)
		}
		done(true)
	}
}

// refused checks that a login is not let through, and returns how long that
// will last.
func (d *door) refused(from netip.Addr, user string) time.Duration {
	d.t.Helper()
	_, err := d.Login(from, user)
	if !errors.Is(err, throttle.ErrTooMany) {
		d.t.Fatalf("got %v", err)
	}
	return problem.From(err).RetryAfter
}

// passes checks that a login is let through. It costs nothing.
func (d *door) passes(from netip.Addr, user string) {
	d.t.Helper()
	done, err := d.Login(from, user)
	if err != nil {
		d.t.Fatal(err)
	}
	done(false)
}

func TestFailuresOfAUserFromAnAddressUseUpABudget(t *testing.T) {
	t.Parallel()
	d := setup(t)
	d.fail(here, "kim", 3)
	if wait := d.refused(here, "kim"); wait != 20*time.Second {
		t.Errorf("told to wait for %v", wait)
	}
	d.passes(here, "lee")  // others from there
	d.passes(there, "kim") // the owner from elsewhere
	d.passed += 20 * time.Second
	d.fail(here, "kim", 1)
	d.refused(here, "kim")
}

func TestAnotherCaseOfAnIDIsNoSecondBudget(t *testing.T) {
	t.Parallel()
	d := setup(t)
	for _, id := range []string{"kim", "Kim", "KIM"} {
		d.fail(here, id, 1)
	}
	d.refused(here, "kIm")
}

func TestFailuresFromAnAddressUseUpABudget(t *testing.T) {
	t.Parallel()
	d := setup(t)
	d.passes(here, "known")
	d.Welcome(here, "known")
	for _, user := range []string{"a", "b", "c", "d", "e", "f"} {
		d.fail(here, user, 1)
	}
	told := make(map[time.Duration]bool)
	for range 100 {
		told[d.refused(here, "kim")] = true
	}
	for wait := range told { // not before there is room, nor all in the same second
		if wait < 10*time.Second || wait > 20*time.Second || len(told) < 5 {
			t.Errorf("told to wait for %v", told)
		}
	}
	d.passes(there, "kim")
	d.passes(here, "known") // has been there before
	d.fail(here, "known", 3)
	d.refused(here, "known") // and yet may not guess
	d.passed += 10 * time.Second
	d.passes(here, "kim")
}

func TestWhatGoesWellCostsNothing(t *testing.T) {
	t.Parallel()
	d := setup(t)
	for range 1_000 {
		d.passes(here, "kim")
	}
}

func TestWhatIsUnderWayIsHeldAgainstTheBudget(t *testing.T) {
	t.Parallel()
	d := setup(t)
	var (
		group  sync.WaitGroup
		mu     sync.Mutex
		inside []throttle.Done
	)
	for range 100 {
		group.Go(func() {
			if done, err := d.Login(here, "kim"); err == nil {
				mu.Lock()
				defer mu.Unlock()
				inside = append(inside, done)
			}
		})
	}
	group.Wait()
	if len(inside) != 3 {
		t.Fatalf("%d were let through at once", len(inside))
	}
	if wait := d.refused(here, "kim"); wait != time.Second { // they may go well
		t.Errorf("told to wait for %v", wait)
	}
	inside[0](false)
	d.passes(here, "kim")
	inside[1](true)
	inside[2](true)
	d.fail(here, "kim", 1)
	d.refused(here, "kim")
}

func TestOneCustomerHasManyAddressesOfIPv6(t *testing.T) {
	t.Parallel()
	d := setup(t)
	d.fail(netip.MustParseAddr("2001:db8::1"), "kim", 3)
	d.refused(netip.MustParseAddr("2001:db8::ffff:2"), "kim")
	d.passes(netip.MustParseAddr("2001:db8:0:1::1"), "kim")
	d.fail(netip.Addr{}, "kim", 3)
	d.refused(netip.Addr{}, "kim")
}

func TestAHugeIDIsNoSecondBudget(t *testing.T) {
	t.Parallel()
	d := setup(t)
	id := strings.Repeat("k", 20)
	d.fail(here, id+strings.Repeat("x", 60_000), 3)
	d.refused(here, id)
}

func TestTheOtherBudgets(t *testing.T) {
	t.Parallel()
	d := setup(t)
	for name, begin := range map[string]func(netip.Addr) (throttle.Done, error){
		"refresh": d.Refresh, "change_password": d.ChangePassword, "register": d.Register,
	} {
		for range 2 {
			done, err := begin(here)
			if err != nil {
				t.Fatal(err)
			}
			done(true)
		}
		_, err := begin(here)
		if !errors.Is(err, throttle.ErrTooMany) || problem.From(err).RetryAfter < 30*time.Second || problem.From(err).RetryAfter > 40*time.Second {
			t.Errorf("%s: %v after %v", name, err, problem.From(err).RetryAfter)
		}
		done, err := begin(there)
		if err != nil {
			t.Fatal(err)
		}
		done(true)
	}
	const want = `
		# HELP phonebill_auth_throttled_total Requests refused because their address had failed too often, by what was asked.
		# TYPE phonebill_auth_throttled_total counter
		phonebill_auth_throttled_total{what="change_password"} 1
		phonebill_auth_throttled_total{what="refresh"} 1
		phonebill_auth_throttled_total{what="register"} 1
	`
	if err := testutil.GatherAndCompare(d.registry, strings.NewReader(want), "phonebill_auth_throttled_total"); err != nil {
		t.Error(err)
	}
}

// TestRegistrationsLeaveKOSToOthers: each of them has KOS asked, which allows 100
// a minute.
func TestRegistrationsLeaveKOSToOthers(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[throttle.Config](nil)
	if err != nil {
		t.Fatal(err)
	}
	if share := cfg.Register.Burst * 5; share > 100 {
		t.Errorf("an address may register %d at once", cfg.Register.Burst)
	}
}

func TestRatesAreRead(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[throttle.Config]([]string{"THROTTLE_LOGIN=7/30s"})
	if want := (throttle.Rate{Burst: 7, Over: 30 * time.Second}); err != nil || cfg.Login != want {
		t.Errorf("got %v, %v", cfg.Login, err)
	}
	for _, text := range []string{"", "7", "7/", "/1m", "0/1m", "-1/1m", "7/0s", "7/-1m", "7/1m/1m", "x/1m"} {
		var rate throttle.Rate
		if err := rate.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was taken for %v", text, rate)
		}
	}
}
