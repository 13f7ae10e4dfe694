package identity_test

import (
	"slices"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	w := setup()
	first := w.login(t)
	w.store.Change("kim", func(a *identity.Account) { a.Permissions = []string{identity.PermissionBillInquiry} })

	second, err := w.sessions.Refresh(t.Context(), first.Refresh)
	wantError(t, err, nil)
	expect.Equal(t, w.session(t, second), w.session(t, first))
	if second.Refresh == first.Refresh {
		t.Fatal("the refresh token is the same")
	}
	expect.Equal(t, second.User.Permissions, []string{identity.PermissionBillInquiry})
	session, _, err := w.live.Get(t.Context(), w.session(t, first))
	wantError(t, err, nil)
	expect.Equal(t, session.Permissions, []string{identity.PermissionBillInquiry})

	_, err = w.sessions.Refresh(t.Context(), second.Refresh)
	wantError(t, err, nil)
	expect.Equal(t, w.recorder.Counts(), map[string]int{"login success": 1, "started": 1, "refresh success": 2})
}

func TestReuseEndsTheSession(t *testing.T) {
	t.Parallel()
	w := setup()
	first, other := w.login(t), w.login(t)
	second, err := w.sessions.Refresh(t.Context(), first.Refresh)
	wantError(t, err, nil)

	w.clock.Pass(grace)
	_, err = w.sessions.Refresh(t.Context(), first.Refresh)
	wantError(t, err, identity.ErrRefreshToken)
	_, err = w.sessions.Refresh(t.Context(), second.Refresh) // the current token, after the session has ended
	wantError(t, err, identity.ErrRefreshToken)
	_, err = w.sessions.Refresh(t.Context(), other.Refresh)
	wantError(t, err, nil)
	expect.Equal(t, w.store.Indexed("kim"), []string{w.session(t, other)})
	expect.Equal(t, w.recorder.Counts(), map[string]int{
		"login success": 2, "started": 2,
		"refresh success": 2, "refresh reused": 1, "refresh rejected": 1, "ended token_reuse": 1,
	})
}

// TestReuseOfAnOlderTokenHasNoGrace: the grace period applies to the token used last only.
func TestReuseOfAnOlderTokenHasNoGrace(t *testing.T) {
	t.Parallel()
	w := setup()
	first := w.login(t)
	second, err := w.sessions.Refresh(t.Context(), first.Refresh)
	wantError(t, err, nil)
	_, err = w.sessions.Refresh(t.Context(), second.Refresh)
	wantError(t, err, nil)
	_, err = w.sessions.Refresh(t.Context(), first.Refresh)
	wantError(t, err, identity.ErrRefreshToken)
	expect.Equal(t, w.live.Count(), 0)
}

func TestDuplicateRefreshWithinGraceSucceeds(t *testing.T) {
	t.Parallel()
	w := setup()
	first := w.login(t)
	second, err := w.sessions.Refresh(t.Context(), first.Refresh)
	wantError(t, err, nil)
	w.clock.Pass(grace - time.Millisecond)
	w.store.Change("kim", func(a *identity.Account) { a.Permissions = []string{identity.PermissionBillInquiry} })
	again, err := w.sessions.Refresh(t.Context(), first.Refresh)
	wantError(t, err, nil)
	expect.Equal(t, w.refreshID(t, again), w.refreshID(t, second)) // the same id, so that the client may continue with either
	expect.Equal(t, again.User.Permissions, []string{identity.PermissionBillInquiry})

	third, err := w.sessions.Refresh(t.Context(), again.Refresh)
	wantError(t, err, nil)
	w.clock.Pass(grace)
	_, err = w.sessions.Refresh(t.Context(), third.Refresh)
	wantError(t, err, nil)
	expect.Equal(t, w.recorder.Counts()["refresh success"], 4)
}

// refreshID returns the refresh token id of a grant.
func (w *world) refreshID(t *testing.T, g identity.Grant) string {
	t.Helper()
	token, err := w.tokens.ReadRefresh(t.Context(), g.Refresh)
	wantError(t, err, nil)
	return token.ID
}

// TestParallelRefreshesOnTwoReplicas refreshes on another replica, because within one they are
// serialized.
func TestParallelRefreshesOnTwoReplicas(t *testing.T) {
	t.Parallel()
	w := setup()
	replica := identity.NewSessions(w.sessions.SessionsParams)
	grant := w.login(t)
	var elsewhere identity.Grant
	w.live.BeforeUpdate = func() {
		w.live.BeforeUpdate = nil
		var err error
		elsewhere, err = replica.Refresh(t.Context(), grant.Refresh)
		wantError(t, err, nil)
	}
	here, err := w.sessions.Refresh(t.Context(), grant.Refresh)
	wantError(t, err, nil)
	expect.Equal(t, w.refreshID(t, here), w.refreshID(t, elsewhere))
	expect.Equal(t, w.live.Count(), 1)
}

func TestRefreshEndsWithTheSession(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		autoLogin bool
		absolute  time.Duration
	}{
		"default":    {false, 12 * time.Hour},
		"auto-login": {true, 720 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			in := credentials("kim", identitytest.Password)
			in.AutoLogin = c.autoLogin
			grant, err := w.sessions.Login(t.Context(), in)
			wantError(t, err, nil)
			for range c.absolute/time.Hour - 1 {
				w.clock.Pass(time.Hour)
				grant, err = w.sessions.Refresh(t.Context(), grant.Refresh)
				wantError(t, err, nil)
			}
			w.clock.Pass(time.Hour)
			_, err = w.sessions.Refresh(t.Context(), grant.Refresh)
			wantError(t, err, identity.ErrRefreshToken)
			expect.Equal(t, w.live.Count(), 0)
			expect.Equal(t, w.recorder.Counts()["ended expired"], 1)
			expect.Equal(t, w.recorder.Counts()["refresh expired"], 1)
		})
	}
}

func TestRefreshRetriesAfterConcurrentExtension(t *testing.T) {
	t.Parallel()
	w := setup()
	grant := w.login(t)
	touches := 0
	w.live.BeforeUpdate = func() {
		if touches < 2 {
			touches++
			w.live.Touch(w.session(t, grant))
		}
	}
	_, err := w.sessions.Refresh(t.Context(), grant.Refresh)
	wantError(t, err, nil)
	expect.Equal(t, touches, 2)
}

func TestRefreshRecognisesItsOwnRepeatedWrite(t *testing.T) {
	t.Parallel()
	w := setup()
	first := w.login(t)
	w.live.AfterUpdate = func() error {
		w.live.AfterUpdate = nil
		return identity.ErrSessionChanged // repeated by the sidecar, which makes the version outdated
	}
	second, err := w.sessions.Refresh(t.Context(), first.Refresh)
	wantError(t, err, nil)
	_, err = w.sessions.Refresh(t.Context(), second.Refresh)
	wantError(t, err, nil)
}

func TestRefreshRetriesAreBounded(t *testing.T) {
	t.Parallel()
	w := setup()
	grant := w.login(t)
	w.live.BeforeUpdate = func() { w.live.Touch(w.session(t, grant)) }
	_, err := w.sessions.Refresh(t.Context(), grant.Refresh)
	wantError(t, err, identity.ErrSessionStore)
	w.live.BeforeUpdate = nil
	_, err = w.sessions.Refresh(t.Context(), grant.Refresh)
	wantError(t, err, nil)
}

func TestLogoutDuringRefreshWins(t *testing.T) {
	t.Parallel()
	w := setup()
	grant := w.login(t)
	w.live.BeforeUpdate = func() { wantError(t, w.sessions.Logout(t.Context(), w.session(t, grant)), nil) }
	_, err := w.sessions.Refresh(t.Context(), grant.Refresh)
	wantError(t, err, identity.ErrRefreshToken)
	expect.Equal(t, w.live.Count(), 0)
}

func TestRefreshOfRemovedUserEndsTheSession(t *testing.T) {
	t.Parallel()
	w := setup()
	grant := w.login(t)
	w.store.Change("kim", func(a *identity.Account) { a.Status = identity.StatusSuspended })
	_, err := w.sessions.Refresh(t.Context(), grant.Refresh)
	wantError(t, err, identity.ErrRefreshToken)
	expect.Equal(t, w.live.Count(), 0)
	expect.Equal(t, w.recorder.Counts()["ended user_gone"], 1)
}

func TestRefreshTokenSurvivesOutages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fail func(w *world, err error)
		want error
	}{
		"database":      {func(w *world, err error) { w.store.Fail(err) }, identity.ErrDatabase},
		"session store": {func(w *world, err error) { w.live.Fail(err) }, identity.ErrSessionStore},
		"signing key":   {func(w *world, err error) { w.tokens.Fault = err }, identity.ErrDatabase},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			grant := w.login(t)
			c.fail(w, c.want)
			_, err := w.sessions.Refresh(t.Context(), grant.Refresh)
			wantError(t, err, c.want)
			c.fail(w, nil)
			_, err = w.sessions.Refresh(t.Context(), grant.Refresh)
			wantError(t, err, nil)
		})
	}
}

func TestRefreshRefusesOtherTokens(t *testing.T) {
	t.Parallel()
	w := setup()
	grant := w.login(t)
	for _, text := range []string{"", "nonsense", grant.Access} {
		_, err := w.sessions.Refresh(t.Context(), text)
		wantError(t, err, identity.ErrRefreshToken)
	}
	if !slices.Equal(w.store.Indexed("kim"), []string{w.session(t, grant)}) {
		t.Error("the session ended")
	}
}
