package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/phonebill/phonebill/dev/system"
)

func TestRedisIsAwayForAWhile(t *testing.T) {
	locally(t)
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
			harm(t)
			// A logout that nobody could confirm may still have its effect.
			customers, leaver := audience(t, 4), audience(t, 1)[0]
			before := lives(t)
			load := inquiries(customers)
			defer load.Stop()
			passing(t, load, 20)

			test.leave(t)
			withoutSessions(t, leaver)
			passing(t, load, 200)
			test.comeBack(t)

			awaitLogin(t)
			passing(t, load, 20)
			calls := load.Stop()
			unharmed(t, calls)
			recorded(t, customers, acknowledged(calls))
			liveSessions(t, customers)
			sameProcesses(t, before, system.Redis, system.RedisCache)
		})
	}
}

// withoutSessions checks what happens while the session store is away: who has
// a token reads on, also what no cache has; nothing is written; and the
// services say what they miss.
func withoutSessions(t *testing.T, c customer) {
	t.Helper()
	unavailable(t, nobody(t).Login(c.UserID, c.Password), "SESSION_STORE_UNAVAILABLE")
	unavailable(t, c.Refresh(c.Tokens.Refresh), "SESSION_STORE_UNAVAILABLE")
	unavailable(t, c.ChangePassword(c.Password, "Another1!"), "SESSION_STORE_UNAVAILABLE")
	unavailable(t, c.Logout(), "SESSION_STORE_UNAVAILABLE")
	c.see(t, month(1))
	misses(t, auth, "session-store", http.StatusOK)
	misses(t, bills, "session-store", http.StatusOK)
}

func TestPostgresIsRestarted(t *testing.T) {
	harm(t)
	customers := audience(t, 4)
	before := lives(t)
	load := inquiries(customers)
	defer load.Stop()
	passing(t, load, 20)

	if err := whole.parts.Terminate(t.Context(), system.Postgres); err != nil {
		t.Fatal(err)
	}
	withoutDatabase(t, customers[0])
	passing(t, load, 200)
	restart(t, system.Postgres)

	passing(t, load, 20)
	calls := load.Stop()
	unharmed(t, calls)
	recorded(t, customers, acknowledged(calls))
	liveSessions(t, customers)
	awaitLogin(t)
	sameProcesses(t, before, system.Postgres)
}

// withoutDatabase checks what happens while PostgreSQL is away.
func withoutDatabase(t *testing.T, c customer) {
	t.Helper()
	unavailable(t, nobody(t).Login(c.UserID, c.Password), "DATABASE_UNAVAILABLE")
	unavailable(t, c.History(""), "DATABASE_UNAVAILABLE")
	c.Verify().OK(t)
	for _, app := range apps {
		misses(t, app, "database", http.StatusOK) // each goes on with what it knows
	}
}

// pause stops a part in its tracks until the test, or resume, lets it go on.
func pause(t testing.TB, role system.Role) {
	t.Helper()
	t.Cleanup(func() { _ = whole.system.Resume(role) }) // has no effect on one that is not paused
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

// awaitLogin waits until sessions can be opened again. Nobody is told to do
// anything for that.
func awaitLogin(t testing.TB) {
	t.Helper()
	c := nobody(t)
	await(t, healTimeout, "a login", func() error {
		if answer := c.Login("testuser01", password); !answer.Succeeded() {
			return errAwaited(answer.String())
		}
		return nil
	})
}

// lives tells the present lives of all parts.
func lives(t testing.TB) map[system.Role]string {
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

// sameProcesses checks that no other part had to be started again.
func sameProcesses(t testing.TB, before map[system.Role]string, except ...system.Role) {
	t.Helper()
	after := lives(t)
	for _, role := range except {
		delete(before, role)
		delete(after, role)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("other processes than before: %s", diff)
	}
	for role := range after {
		if gone(role) {
			t.Errorf("%s has ended", role)
		}
	}
}

// report is what a service says about its readiness.
type report struct {
	Status     string
	Components map[string]struct{ Status, Reason string }
}

// misses waits until a service says that it misses a dependency, why, and
// whether it is ready all the same.
func misses(t testing.TB, app system.Role, dependency string, status int) {
	t.Helper()
	await(t, 5*time.Second, string(app)+" misses "+dependency, func() error {
		answered, report, err := readiness(app)
		if err != nil {
			return err
		}
		component := report.Components[dependency]
		if answered != status || component.Status != "DOWN" || component.Reason == "" {
			return errAwaited(fmt.Sprintf("it answers %d %s, and about %s: %+v", answered, report.Status, dependency, component))
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

// direct returns a URL of a service that does not lead through the ingress:
// operators' routes are not behind it.
func direct(app system.Role, path string) string {
	if whole.remote != nil {
		return whole.remote.apps[app] + path
	}
	return "http://127.0.0.1:" + strconv.Itoa(portOf[app]) + path
}
