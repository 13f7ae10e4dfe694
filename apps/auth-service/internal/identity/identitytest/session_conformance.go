package identitytest

import (
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
)

// RunSessionStore checks that a store keeps the promises of
// identity.SessionStore. The store may be shared: all ids are the test's own.
func RunSessionStore(t *testing.T, newStore func(t *testing.T) identity.SessionStore) {
	tests := map[string]func(t *testing.T, s identity.SessionStore, live identity.Session){
		"a created session is found":            sessionIsFound,
		"an update needs the current version":   updateNeedsVersion,
		"an ended session is gone":              endedIsGone,
		"an update does not revive a session":   updateRevivesNothing,
		"a session that never was is not found": sessionIsNotFound,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newStore(t), liveSession(t.Name()))
		})
	}
}

func liveSession(id string) identity.Session {
	return identity.Session{
		ID: id, UserID: "kim", Lines: []string{"01011112222"}, Permissions: []string{identity.PermissionBillInquiry},
		RefreshID: "first", Idle: time.Minute,
	}
}

func sessionIsFound(t *testing.T, s identity.SessionStore, live identity.Session) {
	wantError(t, s.Create(t.Context(), live), nil)
	got, _, err := s.Get(t.Context(), live.ID)
	same(t, err, got, live)
}

func updateNeedsVersion(t *testing.T, s identity.SessionStore, live identity.Session) {
	wantError(t, s.Create(t.Context(), live), nil)
	_, version, err := s.Get(t.Context(), live.ID)
	wantError(t, err, nil)
	live.RefreshID = "second"
	wantError(t, s.Update(t.Context(), live, version), nil)
	loser := live
	loser.RefreshID = "third"
	wantError(t, s.Update(t.Context(), loser, version), identity.ErrSessionChanged)
	got, _, err := s.Get(t.Context(), live.ID)
	same(t, err, got, live)
}

func endedIsGone(t *testing.T, s identity.SessionStore, live identity.Session) {
	wantError(t, s.Create(t.Context(), live), nil)
	for range 2 {
		wantError(t, s.End(t.Context(), live.ID), nil)
		_, _, err := s.Get(t.Context(), live.ID)
		wantError(t, err, identity.ErrNoSession)
	}
}

func updateRevivesNothing(t *testing.T, s identity.SessionStore, live identity.Session) {
	wantError(t, s.Create(t.Context(), live), nil)
	_, version, err := s.Get(t.Context(), live.ID)
	wantError(t, err, nil)
	wantError(t, s.End(t.Context(), live.ID), nil)
	wantError(t, s.Update(t.Context(), live, version), identity.ErrSessionChanged)
	_, _, err = s.Get(t.Context(), live.ID)
	wantError(t, err, identity.ErrNoSession)
}

func sessionIsNotFound(t *testing.T, s identity.SessionStore, live identity.Session) {
	_, _, err := s.Get(t.Context(), live.ID)
	wantError(t, err, identity.ErrNoSession)
	wantError(t, s.End(t.Context(), live.ID), nil)
}
