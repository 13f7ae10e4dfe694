package sessionstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/phonebill/phonebill/apps/auth-service/internal/identity"
	"github.com/phonebill/phonebill/apps/auth-service/internal/identity/identitytest"
	"github.com/phonebill/phonebill/apps/auth-service/internal/sessionstore"
	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/expect"
	"github.com/phonebill/phonebill/apps/internal/session"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

func TestMain(m *testing.M) {
	// The cleanup goroutine of a cache ends when the cache is garbage-collected.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/maypok86/otter/v2.periodicCleanUp[...]"))
}

// setup returns a store with its own daprd, and another service's view of it.
func setup(t *testing.T, resource string) (*sessionstore.Store, *session.Cached) {
	t.Helper()
	dapr := daprtest.Start(t, daprtest.Options{AppID: "sessions-" + rand.Text(), Resources: []string{resource}})
	shared := session.NewStore(dapr.Client().State("session-store"))
	cached := session.NewCached(shared, time.Now)
	return sessionstore.New(shared, cached, time.Now), cached
}

// TestStore runs against several backends, because operators can choose another one.
func TestStore(t *testing.T) {
	t.Parallel()
	for name, resource := range map[string]func(testing.TB, string) string{
		"redis": daprtest.RedisState, "sqlite": daprtest.SQLiteState, "postgresql": daprtest.PostgresState,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, cached := setup(t, resource(t, "session-store"))
			identitytest.RunSessionStore(t, func(*testing.T) identitytest.SessionStore { return store })
			t.Run("a session expires", func(t *testing.T) {
				t.Parallel()
				endsByItself(t, store)
			})
			t.Run("a change is visible at once in the same process", func(t *testing.T) {
				t.Parallel()
				changeIsSeen(t, store, cached)
			})
		})
	}
}

func endsByItself(t *testing.T, store *sessionstore.Store) {
	t.Helper()
	brief := identity.Session{ID: "brief", UserID: "kim", RefreshID: "r", Idle: time.Second}
	expect.NoError(t, store.Create(t.Context(), brief))
	await(t, func() (bool, error) {
		_, _, err := store.Get(t.Context(), "brief")
		if errors.Is(err, identity.ErrNoSession) {
			return true, nil
		}
		return false, err
	})
}

// await polls a condition until it holds.
func await(t *testing.T, holds func() (bool, error)) {
	t.Helper()
	expect.Eventually(t, "the condition holds", func() bool {
		ok, err := holds()
		expect.NoError(t, err)
		return ok
	})
}

func changeIsSeen(t *testing.T, store *sessionstore.Store, cached *session.Cached) {
	t.Helper()
	live := identity.Session{ID: "seen", UserID: "kim", RefreshID: "r", Idle: time.Minute}
	expect.NoError(t, store.Create(t.Context(), live))
	_, err := cached.Get(t.Context(), "seen")
	expect.NoError(t, err)
	_, version, err := store.Get(t.Context(), "seen")
	expect.NoError(t, err)
	live.Permissions = []string{identity.PermissionAdmin}
	expect.NoError(t, store.Update(t.Context(), live, version))
	record, err := cached.Get(t.Context(), "seen")
	expect.NoError(t, err)
	if len(record.Permissions) != 1 {
		t.Errorf("permissions are %v", record.Permissions)
	}
	expect.NoError(t, store.End(t.Context(), "seen"))
	if _, err := cached.Get(t.Context(), "seen"); !errors.Is(err, session.ErrEnded) {
		t.Errorf("after its end: %v", err)
	}
}

func TestStoreOutageIsUnavailable(t *testing.T) {
	t.Parallel()
	dapr := daprtest.Start(t, daprtest.Options{
		AppID: "sessions-" + rand.Text(), Resources: []string{daprtest.RedisState(t, "session-store")},
	})
	shared := session.NewStore(dapr.Client().State("session-store"))
	store := sessionstore.New(shared, session.NewCached(shared, time.Now), time.Now)
	dapr.Kill()
	_, _, err := store.Get(t.Context(), "any")
	for name, err := range map[string]error{
		"Get":    err,
		"Create": store.Create(t.Context(), identity.Session{ID: "any", Idle: time.Minute}),
		"Update": store.Update(t.Context(), identity.Session{ID: "any", Idle: time.Minute}, "1"),
		"End":    store.End(t.Context(), "any"),
	} {
		if !errors.Is(err, identity.ErrSessionStore) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dapr.Restart()
	await(t, func() (bool, error) { // until the sidecar's connection is back
		err := store.Create(t.Context(), identity.Session{ID: "any", Idle: time.Minute})
		if errors.Is(err, identity.ErrSessionStore) {
			return false, nil
		}
		return true, err
	})
}

// conflict is a state store that refuses every write.
type conflict struct{ session.State }

// SetIf implements session.State.
func (conflict) SetIf(context.Context, string, []byte, string, time.Duration) error {
	return sidecar.ErrConflict
}

func TestRepeatedWriteOfASessionSucceeds(t *testing.T) {
	t.Parallel()
	shared := session.NewStore(conflict{})
	store := sessionstore.New(shared, session.NewCached(shared, time.Now), time.Now)
	expect.NoError(t, store.Create(t.Context(), identity.Session{ID: "any", Idle: time.Minute}))
	if err := store.Update(t.Context(), identity.Session{ID: "any"}, "1"); !errors.Is(err, identity.ErrSessionChanged) {
		t.Errorf("Update: %v", err)
	}
}
