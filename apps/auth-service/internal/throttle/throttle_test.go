package throttle_test

import (
	"errors"
	"net/netip"
	"strconv"
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
	// The cleanup goroutine of a cache ends when the cache is garbage-collected.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

// fixture is a Throttle with a manual clock.
type fixture struct {
	*throttle.Throttle
	t        *testing.T
	registry *prometheus.Registry
	passed   time.Duration
}

// setup returns a Throttle with small budgets that refill within a minute.
func setup(t *testing.T) *fixture {
	t.Helper()
	d := &fixture{t: t, registry: prometheus.NewRegistry()}
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

// fail sends n failing logins, all of which must be admitted.
func (d *fixture) fail(from netip.Addr, user string, n int) {
	d.t.Helper()
	for range n {
		d.begin(from, user).End(true)
	}
}

// begin begins a login, which must be admitted.
func (d *fixture) begin(from netip.Addr, user string) *throttle.Attempt {
	d.t.Helper()
	attempt, err := d.Login(from, user)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := attempt.Begin(); err != nil {
		d.t.Fatal(err)
	}
	return attempt
}

// refused checks that a login is refused, and returns the retry time.
func (d *fixture) refused(from netip.Addr, user string) time.Duration {
	d.t.Helper()
	_, err := d.Login(from, user)
	if !errors.Is(err, throttle.ErrTooMany) {
		d.t.Fatalf("got %v", err)
	}
	return problem.From(err).RetryAfter
}

// admitted checks that a login is admitted. The login succeeds, so it is not charged.
func (d *fixture) admitted(from netip.Addr, user string) {
	d.t.Helper()
	d.begin(from, user).End(false)
}

func TestUserFailuresExhaustTheirBudget(t *testing.T) {
	t.Parallel()
	d := setup(t)
	d.fail(here, "kim", 3)
	if wait := d.refused(here, "kim"); wait != 20*time.Second {
		t.Errorf("retry time is %v", wait)
	}
	d.admitted(here, "lee")  // another user from there
	d.admitted(there, "kim") // the owner from another address
	d.passed += 20 * time.Second
	d.fail(here, "kim", 1)
	d.refused(here, "kim")
}

func TestUserBudgetIgnoresCase(t *testing.T) {
	t.Parallel()
	d := setup(t)
	for _, id := range []string{"kim", "Kim", "KIM"} {
		d.fail(here, id, 1)
	}
	d.refused(here, "kIm")
}

func TestAddressFailuresExhaustTheirBudget(t *testing.T) {
	t.Parallel()
	d := setup(t)
	d.admitted(here, "known")
	d.LoginSucceeded(here, "known")
	for _, user := range []string{"a", "b", "c", "d", "e", "f"} {
		d.fail(here, user, 1)
	}
	waits := make(map[time.Duration]bool)
	for range 100 {
		waits[d.refused(here, "kim")] = true
	}
	for wait := range waits { // not before there is capacity, and spread over several seconds
		if wait < 10*time.Second || wait > 20*time.Second || len(waits) < 5 {
			t.Errorf("Retry-After values are %v", waits)
		}
	}
	d.admitted(there, "kim")
	d.admitted(here, "known") // has logged in from there before
	d.fail(here, "known", 3)
	d.refused(here, "known") // but the user's own budget applies
	d.passed += 10 * time.Second
	d.admitted(here, "kim")
}

func TestSuccessIsNotCharged(t *testing.T) {
	t.Parallel()
	d := setup(t)
	for range 1_000 {
		d.admitted(here, "kim")
	}
}

func TestRequestsInProgressCount(t *testing.T) {
	t.Parallel()
	d := setup(t)
	var (
		group  sync.WaitGroup
		mu     sync.Mutex
		inside []*throttle.Attempt
	)
	for range 100 {
		group.Go(func() {
			if attempt, err := d.Login(here, "kim"); err == nil && attempt.Begin() == nil {
				mu.Lock()
				defer mu.Unlock()
				inside = append(inside, attempt)
			}
		})
	}
	group.Wait()
	if len(inside) != 3 {
		t.Fatalf("%d were admitted at once", len(inside))
	}
	if wait := d.refused(here, "kim"); wait != time.Second { // they may succeed
		t.Errorf("retry time is %v", wait)
	}
	inside[0].End(false)
	d.admitted(here, "kim")
	inside[1].End(true)
	inside[2].End(true)
	d.fail(here, "kim", 1)
	d.refused(here, "kim")
}

// TestWaitingCostsNothing: more customers of one address may wait for their turn than may fail, and
// those whose turn comes after the last failure are refused.
func TestWaitingCostsNothing(t *testing.T) {
	t.Parallel()
	d := setup(t)
	waiting := make([]*throttle.Attempt, 1_000)
	for i := range waiting {
		attempt, err := d.Login(here, "user"+strconv.Itoa(i))
		if err != nil {
			t.Fatalf("login %d: %v", i, err)
		}
		waiting[i] = attempt
	}
	failures := 0
	for _, attempt := range waiting {
		if attempt.Begin() == nil {
			failures++
		}
		attempt.End(true)
	}
	if failures != 6 {
		t.Errorf("%d failed before the rest was refused", failures)
	}
}

func TestIPv6BudgetIsPerPrefix(t *testing.T) {
	t.Parallel()
	d := setup(t)
	d.fail(netip.MustParseAddr("2001:db8::1"), "kim", 3)
	d.refused(netip.MustParseAddr("2001:db8::ffff:2"), "kim")
	d.admitted(netip.MustParseAddr("2001:db8:0:1::1"), "kim")
	d.fail(netip.Addr{}, "kim", 3)
	d.refused(netip.Addr{}, "kim")
}

func TestOverlongIDsShareABudget(t *testing.T) {
	t.Parallel()
	d := setup(t)
	id := strings.Repeat("k", 20)
	d.fail(here, id+strings.Repeat("x", 60_000), 3)
	d.refused(here, id)
}

func TestOtherBudgets(t *testing.T) {
	t.Parallel()
	d := setup(t)
	for name, begin := range map[string]func(netip.Addr) (throttle.Done, error){
		"refresh": d.Refresh, "change_password": d.ChangePassword, "register": d.Register,
	} {
		t.Run(name, func(t *testing.T) {
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
		})
	}
	const want = `
		# HELP phonebill_auth_throttled_total Requests refused because their address had failed too often, by operation: login, refresh, change_password or register.
		# TYPE phonebill_auth_throttled_total counter
		phonebill_auth_throttled_total{what="change_password"} 1
		phonebill_auth_throttled_total{what="refresh"} 1
		phonebill_auth_throttled_total{what="register"} 1
	`
	if err := testutil.GatherAndCompare(d.registry, strings.NewReader(want), "phonebill_auth_throttled_total"); err != nil {
		t.Error(err)
	}
}

// TestRegistrationsLeaveKOSCapacity: every registration calls KOS, which accepts 100 calls a
// minute.
func TestRegistrationsLeaveKOSCapacity(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[throttle.Config](nil)
	if err != nil {
		t.Fatal(err)
	}
	if share := cfg.Register.Burst * 5; share > 100 {
		t.Errorf("an address may register %d at once", cfg.Register.Burst)
	}
}

func TestRateUnmarshalText(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load[throttle.Config]([]string{"THROTTLE_LOGIN=7/30s"})
	if want := (throttle.Rate{Burst: 7, Over: 30 * time.Second}); err != nil || cfg.Login != want {
		t.Errorf("got %v, %v", cfg.Login, err)
	}
	for _, text := range []string{"", "7", "7/", "/1m", "0/1m", "-1/1m", "7/0s", "7/-1m", "7/1m/1m", "x/1m"} {
		var rate throttle.Rate
		if err := rate.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was parsed as %v", text, rate)
		}
	}
}
