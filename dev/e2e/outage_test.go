package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/internal/api"
	"github.com/phonebill/phonebill/dev/system"
)

func TestRedisOutage(t *testing.T) {
	locally(t)
	needs(t, system.Redis, system.RedisCache)
	tests := map[string]struct{ leave, comeBack func(t testing.TB) }{
		"killed": {
			func(t testing.TB) { t.Helper(); kill(t, system.Redis); kill(t, system.RedisCache) },
			func(t testing.TB) { t.Helper(); restart(t, system.Redis, system.RedisCache) },
		},
		"hanging": {
			func(t testing.TB) { t.Helper(); pause(t, system.Redis); pause(t, system.RedisCache) },
			func(t testing.TB) { t.Helper(); resume(t, system.Redis); resume(t, system.RedisCache) },
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			disruptive(t)
			// A logout that was answered 503 may still have taken effect.
			customers, leaver := residentsWithBill(t, 4), residentsWithBill(t, 1)[0]
			before := incarnations(t)
			load := inquiries(customers)
			defer load.Stop()
			awaitSuccesses(t, load, 20)

			test.leave(t)
			withoutSessions(t, leaver)
			awaitSuccesses(t, load, 200)
			test.comeBack(t)

			awaitLogin(t)
			awaitSuccesses(t, load, 20)
			calls := load.Stop()
			wantNoFailures(t, calls)
			recorded(t, customers, acknowledged(calls))
			liveSessions(t, customers)
			sameProcesses(t, before, system.Redis, system.RedisCache)
		})
	}
}

// withoutSessions checks the behaviour without the session store: reads with a token succeed, also
// uncached ones; writes are refused; readiness reports the store.
func withoutSessions(t *testing.T, c customer) {
	t.Helper()
	unavailable(t, anonymous(t).Login(c.UserID, c.Password), "SESSION_STORE_UNAVAILABLE")
	unavailable(t, c.Refresh(c.Tokens.Refresh), "SESSION_STORE_UNAVAILABLE")
	unavailable(t, c.ChangePassword(c.Password, "Another1!"), "SESSION_STORE_UNAVAILABLE")
	unavailable(t, c.Logout(), "SESSION_STORE_UNAVAILABLE")
	c.see(t, api.Month(1))
	misses(t, auth, "session-store", http.StatusOK)
	misses(t, bills, "session-store", http.StatusOK)
}

func TestPostgresRestart(t *testing.T) {
	needs(t, system.Redis, system.RedisCache) // with sessions in PostgreSQL, inquiries fail meanwhile
	disruptive(t)
	customers := residentsWithBill(t, 4)
	before := incarnations(t)
	load := inquiries(customers)
	defer load.Stop()
	awaitSuccesses(t, load, 20)

	if err := whole.parts.Terminate(t.Context(), system.Postgres); err != nil {
		t.Fatal(err)
	}
	withoutDatabase(t, customers[0])
	awaitSuccesses(t, load, 200)
	restart(t, system.Postgres)

	awaitSuccesses(t, load, 20)
	calls := load.Stop()
	wantNoFailures(t, calls)
	recorded(t, customers, acknowledged(calls))
	liveSessions(t, customers)
	awaitLogin(t)
	sameProcesses(t, before, system.Postgres)
}

// withoutDatabase checks the behaviour without PostgreSQL.
func withoutDatabase(t *testing.T, c customer) {
	t.Helper()
	unavailable(t, anonymous(t).Login(c.UserID, c.Password), "DATABASE_UNAVAILABLE")
	unavailable(t, c.History(""), "DATABASE_UNAVAILABLE")
	c.Verify().OK(t)
	for _, app := range apps {
		misses(t, app, "database", http.StatusOK) // each keeps serving what it has cached
	}
}

// pause suspends a part until the test ends or resume is called.
func pause(t testing.TB, role system.Role) {
	t.Helper()
	t.Cleanup(func() { _ = whole.system.Resume(role) }) // no effect on a part that is not paused
	if err := whole.system.Pause(role); err != nil {
		t.Fatal(err)
	}
}

func resume(t testing.TB, role system.Role) {
	t.Helper()
	if err := whole.system.Resume(role); err != nil {
		t.Fatal(err)
	}
}

// awaitLogin waits until logins succeed again, without intervention.
func awaitLogin(t testing.TB) {
	t.Helper()
	c := anonymous(t)
	await(t, healTimeout, "a login", func() error {
		if answer := c.Login("testuser01", password); !answer.Succeeded() {
			return errAwaited(answer.String())
		}
		return nil
	})
}

// incarnations returns an identifier of each part's current process or pod.
func incarnations(t testing.TB) map[system.Role]string {
	t.Helper()
	all := map[system.Role]string{}
	for _, role := range whole.parts.Roles() {
		life, err := whole.parts.Life(role)
		if err != nil {
			t.Fatal(err)
		}
		all[role] = life
	}
	return all
}

// sameProcesses checks that no other part was restarted.
func sameProcesses(t testing.TB, before map[system.Role]string, except ...system.Role) {
	t.Helper()
	after := incarnations(t)
	for _, role := range except {
		delete(before, role)
		delete(after, role)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("processes were replaced: %s", diff)
	}
	for role := range after {
		if gone(role) {
			t.Errorf("%s has ended", role)
		}
	}
}

// report is a service's readiness report.
type report struct {
	Status     string
	Components map[string]struct{ Status, Reason string }
}

// misses waits until readiness reports a missing dependency with a reason and the given status.
func misses(t testing.TB, app system.Role, dependency string, status int) {
	t.Helper()
	await(t, 5*time.Second, string(app)+" misses "+dependency, func() error {
		answered, report, err := readiness(app)
		if err != nil {
			return err
		}
		component := report.Components[dependency]
		if answered != status || component.Status != "DOWN" || component.Reason == "" {
			return errAwaited(fmt.Sprintf("it answers %d %s, %s: %+v", answered, report.Status, dependency, component))
		}
		return nil
	})
}

func readiness(app system.Role) (int, report, error) {
	var said report
	response, err := http.Get(direct(app, "/actuator/health/readiness"))
	if err != nil {
		return 0, said, err
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode, said, json.NewDecoder(response.Body).Decode(&said)
}

// direct returns a URL of a service that bypasses the ingress, which does not route operators'
// paths.
func direct(app system.Role, path string) string {
	if whole.remote != nil {
		return whole.remote.apps[app] + path
	}
	return "http://127.0.0.1:" + strconv.Itoa(portOf[app]) + path
}
