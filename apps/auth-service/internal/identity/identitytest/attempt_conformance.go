package identitytest

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// Clock is a manual clock. The zero value starts at the beginning of 2026.
type Clock struct {
	mu     sync.Mutex
	passed time.Duration
}

// Now returns the current time of the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(c.passed)
}

// Pass advances the clock.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed += d
}

func (c storeChecks) fifthFailureLocks() {
	c.countAttempts("kim", 1, 2, 3, 4, 5)
	c.locked("kim")
	c.clock.Pass(identity.LockTime - time.Second)
	c.locked("kim")
	c.countAttempts("lee", 1) // another id is not locked
	c.clock.Pass(time.Second)
	c.countAttempts("kim", 1)
}

func (c storeChecks) successResetsFailures() {
	c.countAttempts("kim", 1, 2, 3, 4)
	wantError(c.t, c.store.Reset(c.t.Context(), "kim"), nil)
	c.countAttempts("kim", 1, 2, 3, 4, 5)
	wantError(c.t, c.store.Reset(c.t.Context(), "kim"), nil)
	c.countAttempts("kim", 1)
	wantError(c.t, c.store.Reset(c.t.Context(), "absent"), nil)
}

func (c storeChecks) failuresExpire() {
	c.countAttempts("kim", 1, 2, 3)
	c.clock.Pass(identity.FailureLifetime - time.Second)
	c.countAttempts("kim", 4)
	c.clock.Pass(identity.FailureLifetime)
	c.countAttempts("kim", 1)
}

// concurrentAttemptsAreCounted checks the central property of the lock-out: parallel attempts never exceed
// the allowed number of guesses.
func (c storeChecks) concurrentAttemptsAreCounted() {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		got   = make(map[string]int)
	)
	for range 40 {
		group.Go(func() {
			count, err := c.store.CountAttempt(c.t.Context(), "kim")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				got[fmt.Sprint(count)]++
			case errors.Is(err, identity.ErrLocked):
				got["locked"]++
			default:
				c.t.Error(err)
			}
		})
	}
	group.Wait()
	same(c.t, nil, got, map[string]int{"1": 1, "2": 1, "3": 1, "4": 1, "5": 1, "locked": 35})
}

// countAttempts counts attempts of an id and checks the returned counts.
func (c storeChecks) countAttempts(id string, counts ...int) {
	c.t.Helper()
	for _, want := range counts {
		got, err := c.store.CountAttempt(c.t.Context(), id)
		same(c.t, err, got, want)
	}
}

func (c storeChecks) locked(id string) {
	c.t.Helper()
	_, err := c.store.CountAttempt(c.t.Context(), id)
	wantError(c.t, err, identity.ErrLocked)
}

func (c storeChecks) administratorsSeeLocks() {
	c.createThree()
	c.countAttempts("kim", 1, 2, 3, 4)
	locked := identity.UserFilter{Status: identity.StatusLocked, Page: 1, Size: 10}
	ids, _ := c.list(locked)
	same(c.t, nil, ids, []string{})
	c.countAttempts("kim", 5)
	ids, _ = c.list(locked)
	same(c.t, nil, ids, []string{"kim"})
	unlocked := c.update(identity.Act{Action: identity.ActionUnlock, UserID: "kim"}, func(*identity.User) {})
	same(c.t, nil, unlocked.EffectiveStatus(), identity.StatusActive)
	c.countAttempts("kim", 1, 2, 3, 4, 5)
	c.clock.Pass(identity.LockTime)
	member, err := c.store.Member(c.t.Context(), "kim", c.clock.Now())
	same(c.t, err, member.Locked, false)
}

func (c storeChecks) hashIsRenewedOnce() {
	c.create(Customer("kim", "CUST1", "01011112222"))
	for _, want := range []bool{true, false} {
		renewed, err := c.store.RenewHash(c.t.Context(), "kim", HashOf(Password), "dearer hash")
		same(c.t, err, renewed, want)
	}
	account, err := c.store.Account(c.t.Context(), "kim")
	same(c.t, err, account.PasswordHash, "dearer hash")
	renewed, err := c.store.RenewHash(c.t.Context(), "unknown", HashOf(Password), "dearer hash")
	same(c.t, err, renewed, false)
}

func (c storeChecks) sessionsAreListed() {
	c.create(Customer("kim", "CUST1", "01011112222"), Customer("lee", "CUST2", "01033334444"))
	var want []identity.Session
	for i := range identity.MaxOwnSessions + 1 {
		begun := session(fmt.Sprintf("s%d", i), "kim")
		begun.Origin = identity.Origin{At: c.clock.Now(), Client: identity.NewClient(address(i), "agent"), AutoLogin: i%2 == 0}
		c.open(begun)
		begun.Permissions = nil // the index does not store them
		if i > 0 {              // the oldest exceeds the limit
			want = append([]identity.Session{begun}, want...)
		}
		c.clock.Pass(time.Second)
	}
	c.open(session("stranger's", "lee"))
	got, err := c.store.Sessions(c.t.Context(), "kim")
	same(c.t, err, got, want)
	got, err = c.store.Sessions(c.t.Context(), "absent")
	same(c.t, err, len(got), 0)
}

// RunLoginHistory checks that an empty history fulfils the contract of identity.LoginHistory.
func RunLoginHistory(t *testing.T, history identity.LoginHistory) {
	t.Helper()
	var clock Clock
	var all []identity.Login
	for i := range 25 {
		clock.Pass(time.Second)
		entry := identity.Login{
			ID: fmt.Sprintf("kim%d", i), At: clock.Now(), UserID: "kim", Outcome: identity.LoginSucceeded,
			Client: identity.NewClient(address(i), "브라우저 1.0"),
		}
		history.AppendLogin(t.Context(), entry)
		all = append([]identity.Login{entry}, all...)
		entry.ID, entry.UserID, entry.Outcome = fmt.Sprintf("absent%d", i), "", identity.LoginFailed
		history.AppendLogin(t.Context(), entry)
	}
	awaitLogins(t, history, len(all))
	for name, c := range map[string]struct {
		user       string
		page, size int
		want       []identity.Login
		total      int
	}{
		"first page":   {"kim", 1, 10, all[:10], 25},
		"last page":    {"kim", 3, 10, all[20:], 25},
		"past the end": {"kim", 4, 10, nil, 25},
		"no user":      {"", 1, 10, nil, 0},
		"other user":   {"lee", 1, 10, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := history.Logins(t.Context(), c.user, c.page, c.size)
			same(t, err, got.Total, c.total)
			same(t, nil, len(got.Logins), len(c.want))
			for i, entry := range got.Logins {
				same(t, nil, entry, c.want[i])
			}
		})
	}
}

// awaitLogins waits until want entries are written.
func awaitLogins(t *testing.T, history identity.LoginHistory, want int) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		page, err := history.Logins(t.Context(), "kim", 1, 1)
		wantError(t, err, nil)
		if page.Total == want {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%d of %d entries were written", page.Total, want)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// address returns the ith test address; some are unknown.
func address(i int) netip.Addr {
	addresses := []netip.Addr{{}, netip.MustParseAddr("203.0.113.5"), netip.MustParseAddr("2001:db8::5")}
	return addresses[i%len(addresses)]
}
