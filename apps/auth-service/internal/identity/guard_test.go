package identity_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

// guess logs in as id with wrong passwords and checks the errors.
func (w *world) guess(t *testing.T, id string, want ...error) {
	t.Helper()
	for _, refusal := range want {
		_, err := w.sessions.Login(t.Context(), credentials(id, "wrong password"))
		wantError(t, err, refusal)
	}
}

// unlocked are the errors before the failure that locks.
var unlocked = []error{identity.ErrCredentials, identity.ErrCredentials, identity.ErrCredentials, identity.ErrCredentials}

func TestFifthFailureLocks(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{"a user": "kim", "unknown id": "absent"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			w.guess(t, id, unlocked...)
			w.guess(t, id, identity.ErrLocking)
			expect.Equal(t, w.passwords.Work(), 5)
			_, err := w.sessions.Login(t.Context(), credentials(id, identitytest.Password))
			wantError(t, err, identity.ErrLocked) // whether right or wrong
			w.guess(t, id, identity.ErrLocked)
			expect.Equal(t, w.passwords.Work(), 5) // no verification during the lock-out
			expect.Equal(t, w.recorder.Counts(), map[string]int{"login rejected": 4, "login locked": 3})
		})
	}
	expect.Equal(t, problem.From(identity.ErrLocking).Code, "AUTH_002")
	expect.Equal(t, problem.From(identity.ErrLocked).Code, "AUTH_003")
}

func TestLockExpiresAndSuccessResets(t *testing.T) {
	t.Parallel()
	w := setup()
	w.guess(t, "kim", unlocked...)
	w.login(t)
	w.guess(t, "kim", unlocked...)
	w.guess(t, "kim", identity.ErrLocking, identity.ErrLocked)
	w.clock.Pass(identity.LockTime)
	w.login(t)
	w.guess(t, "kim", unlocked...)
}

func TestLockDoesNotAffectSessions(t *testing.T) {
	t.Parallel()
	w := setup()
	grant := w.login(t)
	w.guess(t, "kim", append(unlocked, identity.ErrLocking)...)
	_, err := w.sessions.Refresh(t.Context(), grant.Refresh)
	wantError(t, err, nil)
	expect.Equal(t, w.live.Lives(w.session(t, grant)), true)
}

func TestParallelGuessesAreAtMostFive(t *testing.T) {
	t.Parallel()
	w := setup()
	var (
		group    sync.WaitGroup
		replicas = []*identity.Sessions{w.sessions, w.replica(), w.replica()}
	)
	for i := range 1_000 {
		group.Go(func() {
			_, err := replicas[i%len(replicas)].Login(t.Context(), credentials("kim", "wrong password"))
			if !errors.Is(err, identity.ErrCredentials) && !errors.Is(err, identity.ErrLocking) &&
				!errors.Is(err, identity.ErrLocked) && !errors.Is(err, identity.ErrTooManyConcurrent) {
				t.Errorf("got %v", err)
			}
		})
	}
	group.Wait()
	expect.Equal(t, w.passwords.Work(), 5)
	w.guess(t, "kim", identity.ErrLocked)
}

// replica returns the use cases of another process.
func (w *world) replica() *identity.Sessions {
	params := w.sessions.SessionsParams
	params.Guard = identity.NewGuard(params.Guard.GuardParams)
	return identity.NewSessions(params)
}

func TestWaitForEarlierAttemptsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := setup()
		release := make(chan struct{})
		w.passwords.OnVerify = func() { <-release } // the first attempt takes long
		var group sync.WaitGroup
		group.Go(func() { w.guess(t, "kim", identity.ErrCredentials) })
		synctest.Wait()
		start := time.Now()
		w.guess(t, "kim", identity.ErrTooManyConcurrent)
		expect.Equal(t, time.Since(start), 3*time.Second)
		ctx, leave := context.WithCancel(t.Context())
		leave()
		_, err := w.sessions.Login(ctx, credentials("kim", "wrong password"))
		wantError(t, err, context.Canceled)
		close(release)
		group.Wait()
		expect.Equal(t, w.passwords.Work(), 1)
	})
}

func TestParallelCorrectLoginsSucceed(t *testing.T) {
	t.Parallel()
	w := setup()
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := w.sessions.Login(t.Context(), credentials("kim", identitytest.Password)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	w.guess(t, "kim", unlocked...)
}

func TestUnverifiedAttemptIsNotCounted(t *testing.T) {
	t.Parallel()
	w := setup()
	busy := problem.New(problem.TooManyRequests, "RATE_LIMITED", "")
	w.guess(t, "kim", unlocked...)
	w.passwords.Fail(busy)
	for range 10 {
		w.guess(t, "kim", busy)
	}
	w.passwords.Fail(nil)
	w.guess(t, "kim", identity.ErrLocking)
	expect.Equal(t, w.recorder.Counts()["login busy"], 10)
}

func TestOverloadIsReportedBeforeAnyWork(t *testing.T) {
	t.Parallel()
	w := setup()
	w.passwords.Full = problem.New(problem.TooManyRequests, "RATE_LIMITED", "")
	w.store.Fail(identity.ErrDatabase) // the store is not called
	_, err := w.sessions.Login(t.Context(), credentials("kim", identitytest.Password))
	wantError(t, err, w.passwords.Full)
	expect.Equal(t, w.passwords.Work(), 0)
}

// TestCancelledAttemptIsCounted: otherwise an attacker could disconnect before each answer and
// learn the result from its duration, uncounted.
func TestCancelledAttemptIsCounted(t *testing.T) {
	t.Parallel()
	w := setup()
	for range identity.MaxFailures {
		ctx, leave := context.WithCancel(t.Context())
		w.passwords.OnVerify = leave
		_, err := w.sessions.Login(ctx, credentials("kim", "wrong password"))
		if err == nil {
			t.Error("the wrong password was accepted")
		}
	}
	w.guess(t, "kim", identity.ErrLocked)
}

func TestWrongCurrentPasswordsCount(t *testing.T) {
	t.Parallel()
	w := setup()
	grant := w.login(t)
	caller := w.caller(t, grant)
	guess := identity.ChangePasswordRequest{Current: "wrong password", New: "battery staple"}
	w.guess(t, "kim", identity.ErrCredentials)
	for _, want := range []error{
		identity.ErrCurrentPassword, identity.ErrCurrentPassword, identity.ErrCurrentPassword, identity.ErrLocking, identity.ErrLocked,
	} {
		wantError(t, w.accounts.ChangePassword(t.Context(), caller, guess), want)
	}
	right := identity.ChangePasswordRequest{Current: identitytest.Password, New: "battery staple"}
	wantError(t, w.accounts.ChangePassword(t.Context(), caller, right), identity.ErrLocked)
	w.guess(t, "kim", identity.ErrLocked)
	w.clock.Pass(identity.LockTime)
	wantError(t, w.accounts.ChangePassword(t.Context(), caller, right), nil)
}

func TestOutdatedHashIsRenewedAtLogin(t *testing.T) {
	t.Parallel()
	w := setup()
	old := func(a *identity.Account) { a.PasswordHash = identitytest.OldHashOf(identitytest.Password) }
	hash := func() string {
		account, err := w.store.Account(t.Context(), "kim")
		wantError(t, err, nil)
		return account.PasswordHash
	}
	w.store.Change("kim", old)
	w.guess(t, "kim", identity.ErrCredentials)
	expect.Equal(t, hash(), identitytest.OldHashOf(identitytest.Password)) // a wrong password renews nothing
	w.login(t)
	expect.Equal(t, hash(), identitytest.HashOf(identitytest.Password))
	work := w.passwords.Work()
	w.login(t)
	expect.Equal(t, w.passwords.Work(), work+1)
}

func TestFailedHashRenewalIsIgnored(t *testing.T) {
	t.Parallel()
	w := setup()
	w.store.Change("kim", func(a *identity.Account) { a.PasswordHash = identitytest.OldHashOf(identitytest.Password) })
	w.passwords.OnVerify = func() { w.passwords.Fail(errors.New("busy")) }
	w.login(t)
}

func TestLoginsAreRecorded(t *testing.T) {
	t.Parallel()
	w := setup()
	from := identity.NewClient(identitytest.Address, "Browser/1.0")
	in := func(id, password string) {
		request := credentials(id, password)
		request.Client = from
		_, _ = w.sessions.Login(t.Context(), request)
	}
	in("kim", identitytest.Password)
	for range identity.MaxFailures + 1 {
		in("kim", "wrong password")
	}
	in("my-secret-password", "wrong password") // a password typed into the wrong field
	in("kim", "short")
	var got []identity.LoginOutcome
	for _, login := range w.history.All() {
		if login.ID == "" || login.At != w.clock.Now() || login.Client != from {
			t.Errorf("recorded %+v", login)
		}
		got = append(got, identity.LoginOutcome(login.UserID)+" "+login.Outcome)
	}
	expect.Equal(t, got, []identity.LoginOutcome{
		"kim SUCCESS", "kim FAILED", "kim FAILED", "kim FAILED", "kim FAILED", "kim LOCKED", "kim REFUSED", " FAILED",
	})
	page, err := w.sessions.Logins(t.Context(), identity.Caller{UserID: "kim"}, 1, 5)
	wantError(t, err, nil)
	expect.Equal(t, page.Total, 7)
	expect.Equal(t, page.Logins[0].Outcome, identity.LoginRefused)
}

func TestUnverifiedLoginsAreNotRecorded(t *testing.T) {
	t.Parallel()
	w := setup()
	w.tokens.Fault = identity.ErrDatabase
	_, err := w.sessions.Login(t.Context(), credentials("kim", identitytest.Password))
	wantError(t, err, identity.ErrDatabase)
	expect.Equal(t, len(w.history.All()), 0)
}

func TestNewClientSanitizesTheAgent(t *testing.T) {
	t.Parallel()
	long := make([]byte, 10_000)
	for i := range long {
		long[i] = 'a'
	}
	for agent, want := range map[string]string{
		"Browser/1.0 (휴대폰)":        "Browser/1.0 (휴대폰)",
		"two\r\nlines\x00\x1b[31m": "twolines[31m",
		"\xff\xfebroken":           "broken",
		string(long):               string(long[:200]),
		string(long[:199]) + "가":   string(long[:199]),
		"right\u202eleft":          "rightleft",
		"Cafe\u0301/1.0":           "Café/1.0",
	} {
		expect.Equal(t, identity.NewClient(identitytest.Address, agent).Agent, want)
	}
}
