package identity_test

import (
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/internal/expect"
)

func TestOwnSessions(t *testing.T) {
	t.Parallel()
	w := setup()
	first := w.session(t, w.login(t))
	w.clock.Pass(time.Minute)
	gone := w.session(t, w.login(t))
	wantError(t, w.live.End(t.Context(), gone), nil) // its row still exists
	w.clock.Pass(time.Minute)
	in := credentials("kim", identitytest.Password)
	in.AutoLogin, in.Client = true, identity.NewClient(identitytest.Address, "Browser/1.0")
	grant, err := w.sessions.Login(t.Context(), in)
	wantError(t, err, nil)
	_, err = w.sessions.Login(t.Context(), credentials("lee", identitytest.Password))
	wantError(t, err, nil)

	own, err := w.sessions.Own(t.Context(), identity.Caller{UserID: "kim"})
	wantError(t, err, nil)
	for i := range own {
		if own[i].UsedAt.IsZero() {
			t.Errorf("last use of %s is missing", own[i].ID)
		}
		own[i].UsedAt = time.Time{}
	}
	now := w.clock.Now()
	expect.Equal(t, own, []identity.Session{
		{
			ID: w.session(t, grant), UserID: "kim", EndsAt: now.Add(720 * time.Hour),
			Origin: identity.Origin{At: now, Client: in.Client, AutoLogin: true},
		},
		{ID: first, UserID: "kim", EndsAt: now.Add(12*time.Hour - 2*time.Minute), Origin: identity.Origin{At: now.Add(-2 * time.Minute)}},
	})
	w.clock.Pass(12 * time.Hour)
	own, err = w.sessions.Own(t.Context(), identity.Caller{UserID: "kim"})
	wantError(t, err, nil)
	expect.Equal(t, len(own), 1)
}

func TestOwnSessionsNeedBothStores(t *testing.T) {
	t.Parallel()
	w := setup()
	w.login(t)
	w.live.Fail(identity.ErrSessionStore)
	_, err := w.sessions.Own(t.Context(), identity.Caller{UserID: "kim"})
	wantError(t, err, identity.ErrSessionStore)
	w.store.Fail(identity.ErrDatabase)
	_, err = w.sessions.Own(t.Context(), identity.Caller{UserID: "kim"})
	wantError(t, err, identity.ErrDatabase)
}

func TestEndOwnSession(t *testing.T) {
	t.Parallel()
	w := setup()
	here, there := w.session(t, w.login(t)), w.session(t, w.login(t))
	kim, lee := identity.Caller{UserID: "kim", SessionID: here}, identity.Caller{UserID: "lee"}
	wantError(t, w.sessions.EndOwn(t.Context(), lee, there), identity.ErrSessionNotFound)
	wantError(t, w.sessions.EndOwn(t.Context(), kim, "none"), identity.ErrSessionNotFound)
	wantError(t, w.sessions.EndOwn(t.Context(), kim, there), nil)
	wantError(t, w.sessions.EndOwn(t.Context(), kim, there), identity.ErrSessionNotFound)
	expect.Equal(t, w.store.Indexed("kim"), []string{here})
	expect.Equal(t, w.live.Lives(here), true)
	expect.Equal(t, w.recorder.Counts()["ended by_user"], 1)
	w.live.Fail(identity.ErrSessionStore)
	wantError(t, w.sessions.EndOwn(t.Context(), kim, here), identity.ErrSessionStore)
}
