package identitytest

import (
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// SessionStore is everything that the state store does for sessions.
type SessionStore interface {
	identity.SessionStore
	identity.LiveSessions
}

// RunSessionStore checks that a store fulfils the contracts of identity.SessionStore and
// LiveSessions. The store may be shared: the ids are unique to the test.
func RunSessionStore(t *testing.T, newStore func(*testing.T) SessionStore) {
	t.Helper()
	checks := map[string]func(sessionChecks){
		"a created session is found":          sessionChecks.sessionIsFound,
		"an update needs the current version": sessionChecks.updateNeedsVersion,
		"an ended session is gone":            sessionChecks.endedIsGone,
		"an update does not revive a session": sessionChecks.updateRevivesNothing,
		"an unknown session is not found":     sessionChecks.sessionIsNotFound,
		"a permission is stored":              sessionChecks.permittedIsFound,
		"a permission revives no session":     sessionChecks.permissionRevivesNothing,
	}
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(sessionChecks{t, newStore(t), liveSession(t.Name())})
		})
	}
}

// sessionChecks are the checks of one store, with a test session.
type sessionChecks struct {
	t     *testing.T
	store SessionStore
	live  identity.Session
}

func liveSession(id string) identity.Session {
	return identity.Session{
		ID: id, UserID: "kim", Lines: []string{"01011112222"}, Permissions: []string{identity.PermissionBillInquiry},
		RefreshID: "first", UsedRefreshID: "none", RefreshedAt: time.Now().Truncate(time.Second).UTC(),
		Idle: time.Minute, EndsAt: time.Now().Add(time.Hour).Truncate(time.Second).UTC(),
	}
}

// get returns the stored session and checks that it was used just now.
func (c sessionChecks) get() (s identity.Session, version string) {
	c.t.Helper()
	s, version, err := c.store.Get(c.t.Context(), c.live.ID)
	wantError(c.t, err, nil)
	if age := time.Since(s.UsedAt); age < 0 || age > time.Minute {
		c.t.Errorf("session was last used %v ago, want just now", age)
	}
	s.UsedAt = time.Time{}
	return s, version
}

func (c sessionChecks) sessionIsFound() {
	wantError(c.t, c.store.Create(c.t.Context(), c.live), nil)
	got, _ := c.get()
	same(c.t, nil, got, c.live)
}

func (c sessionChecks) updateNeedsVersion() {
	wantError(c.t, c.store.Create(c.t.Context(), c.live), nil)
	_, version := c.get()
	c.live.RefreshID = "second"
	wantError(c.t, c.store.Update(c.t.Context(), c.live, version), nil)
	loser := c.live
	loser.RefreshID = "third"
	wantError(c.t, c.store.Update(c.t.Context(), loser, version), identity.ErrSessionChanged)
	got, _ := c.get()
	same(c.t, nil, got, c.live)
}

func (c sessionChecks) endedIsGone() {
	wantError(c.t, c.store.Create(c.t.Context(), c.live), nil)
	for range 2 {
		wantError(c.t, c.store.End(c.t.Context(), c.live.ID), nil)
		_, _, err := c.store.Get(c.t.Context(), c.live.ID)
		wantError(c.t, err, identity.ErrNoSession)
	}
}

func (c sessionChecks) updateRevivesNothing() {
	wantError(c.t, c.store.Create(c.t.Context(), c.live), nil)
	_, version := c.get()
	wantError(c.t, c.store.End(c.t.Context(), c.live.ID), nil)
	wantError(c.t, c.store.Update(c.t.Context(), c.live, version), identity.ErrSessionChanged)
	_, _, err := c.store.Get(c.t.Context(), c.live.ID)
	wantError(c.t, err, identity.ErrNoSession)
}

func (c sessionChecks) sessionIsNotFound() {
	_, _, err := c.store.Get(c.t.Context(), c.live.ID)
	wantError(c.t, err, identity.ErrNoSession)
	wantError(c.t, c.store.End(c.t.Context(), c.live.ID), nil)
}

func (c sessionChecks) permittedIsFound() {
	wantError(c.t, c.store.Create(c.t.Context(), c.live), nil)
	_, version, err := c.store.Get(c.t.Context(), c.live.ID)
	wantError(c.t, err, nil)
	for range 2 { // the second time nothing changes
		wantError(c.t, c.store.Permit(c.t.Context(), c.live.ID, []string{identity.PermissionProductChange}), nil)
	}
	want := c.live
	want.Permissions = []string{identity.PermissionProductChange}
	got, now := c.get()
	same(c.t, nil, got, want)
	if now == version {
		c.t.Error("update with the version from before Permit succeeded")
	}
	wantError(c.t, c.store.Update(c.t.Context(), c.live, version), identity.ErrSessionChanged)
}

func (c sessionChecks) permissionRevivesNothing() {
	wantError(c.t, c.store.Permit(c.t.Context(), c.live.ID, nil), identity.ErrNoSession)
	wantError(c.t, c.store.Create(c.t.Context(), c.live), nil)
	wantError(c.t, c.store.End(c.t.Context(), c.live.ID), nil)
	wantError(c.t, c.store.Permit(c.t.Context(), c.live.ID, nil), identity.ErrNoSession)
}
