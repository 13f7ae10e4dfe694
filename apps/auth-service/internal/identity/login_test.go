package identity_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/problem"
)

func TestLoginOpensASession(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		autoLogin      bool
		idle, absolute time.Duration
	}{
		"default":    {false, 30 * time.Minute, 12 * time.Hour},
		"auto-login": {true, 24 * time.Hour, 720 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			in := credentials("kim", identitytest.Password)
			in.AutoLogin = c.autoLogin
			grant, err := w.sessions.Login(t.Context(), in)
			wantError(t, err, nil)
			expect.Equal(t, grant.User, kim.User)
			expect.Equal(t, grant.ExpiresIn, identitytest.AccessTTL)

			token, err := w.tokens.ReadRefresh(t.Context(), grant.Refresh)
			wantError(t, err, nil)
			session, _, err := w.live.Get(t.Context(), token.SessionID)
			wantError(t, err, nil)
			session.UsedAt = time.Time{}
			expect.Equal(t, session, identity.Session{
				ID: token.SessionID, UserID: "kim", Lines: []string{"01011112222"}, Permissions: kim.Permissions,
				RefreshID: token.ID, Idle: c.idle, EndsAt: w.clock.Now().Add(c.absolute),
			})
			expect.Equal(t, w.store.Indexed("kim"), []string{token.SessionID})
			expect.Equal(t, w.recorder.Counts(), map[string]int{"login success": 1, "started": 1})
		})
	}
}

func TestLoginOfStaffHasNoLine(t *testing.T) {
	t.Parallel()
	w := setup()
	grant, err := w.sessions.Login(t.Context(), credentials("root", identitytest.Password))
	wantError(t, err, nil)
	session, _, err := w.live.Get(t.Context(), w.session(t, grant))
	wantError(t, err, nil)
	if session.Lines != nil {
		t.Errorf("lines are %v", session.Lines)
	}
}

func TestLoginRefusalsAreIndistinguishable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id, password string
		prepare      func(w *world)
	}{
		"wrong password": {id: "kim", password: "wrong password"},
		"unknown id":     {id: "absent", password: identitytest.Password},
		"both wrong":     {id: "absent", password: "wrong password"},
		"suspended": {id: "kim", password: identitytest.Password, prepare: func(w *world) {
			w.store.Change("kim", func(a *identity.Account) { a.Status = identity.StatusSuspended })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			if c.prepare != nil {
				c.prepare(w)
			}
			_, err := w.sessions.Login(t.Context(), credentials(c.id, c.password))
			wantError(t, err, identity.ErrCredentials)
			expect.Equal(t, problem.From(err).Code, "AUTH_001")
			expect.Equal(t, w.passwords.Work(), 1) // the same work as for an existing user
			expect.Equal(t, w.live.Count(), 0)
			expect.Equal(t, w.recorder.Counts(), map[string]int{"login rejected": 1})
		})
	}
}

func TestLoginValidates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id, password string
		want         map[string]bool
	}{
		"short id":        {"ki", identitytest.Password, map[string]bool{"userId": true}},
		"long id":         {strings.Repeat("k", 21), identitytest.Password, map[string]bool{"userId": true}},
		"id with space":   {"kim kim", identitytest.Password, map[string]bool{"userId": true}},
		"id not ASCII":    {"김철수님", identitytest.Password, map[string]bool{"userId": true}},
		"id with newline": {"kim\n", identitytest.Password, map[string]bool{"userId": true}},
		"short password":  {"kim", "1234567", map[string]bool{"password": true}},
		"long password":   {"kim", strings.Repeat("가", 51), map[string]bool{"password": true}},
		"nothing":         {"", "", map[string]bool{"userId": true, "password": true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			_, err := w.sessions.Login(t.Context(), credentials(c.id, c.password))
			expect.Equal(t, faultyFields(t, err), c.want)
			expect.Equal(t, w.passwords.Work(), 0)
		})
	}
}

func TestLoginFailsDuringOutages(t *testing.T) {
	t.Parallel()
	down := problem.New(problem.Unavailable, "DOWN", "")
	for name, fail := range map[string]func(w *world){
		"database":      func(w *world) { w.store.Fail(down) },
		"session store": func(w *world) { w.live.Fail(down) },
		"signing key":   func(w *world) { w.tokens.Fault = down },
		"hasher":        func(w *world) { w.passwords.Fail(down) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup()
			fail(w)
			grant, err := w.sessions.Login(t.Context(), credentials("kim", identitytest.Password))
			wantError(t, err, down)
			expect.Equal(t, grant, identity.Grant{})
			expect.Equal(t, w.recorder.Counts(), map[string]int{"login error": 1})
		})
	}
}

func TestLogoutEndsOneSession(t *testing.T) {
	t.Parallel()
	w := setup()
	first, second := w.login(t), w.login(t)
	id := w.session(t, first)
	wantError(t, w.sessions.Logout(t.Context(), id), nil)
	wantError(t, w.sessions.Logout(t.Context(), id), nil)
	if w.live.Lives(id) || !w.live.Lives(w.session(t, second)) {
		t.Error("want exactly the one session ended")
	}
	expect.Equal(t, w.store.Indexed("kim"), []string{w.session(t, second)})
	_, err := w.sessions.Refresh(t.Context(), first.Refresh)
	wantError(t, err, identity.ErrRefreshToken)
}

func TestLogoutWorksWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	w := setup()
	id := w.session(t, w.login(t))
	w.store.Fail(errors.New("down"))
	wantError(t, w.sessions.Logout(t.Context(), id), nil)
	if w.live.Lives(id) {
		t.Error("the session is live")
	}
}

func TestLogoutFailsWithoutTheSessionStore(t *testing.T) {
	t.Parallel()
	w := setup()
	id := w.session(t, w.login(t))
	w.live.Fail(identity.ErrSessionStore)
	wantError(t, w.sessions.Logout(t.Context(), id), identity.ErrSessionStore)
	expect.Equal(t, w.store.Indexed("kim"), []string{id})
}
