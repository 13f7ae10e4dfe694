package e2e

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/phonebill/phonebill/dev/internal/secrets"
	"github.com/phonebill/phonebill/dev/system"
)

// remote is a system that runs elsewhere, such as in a cluster, with seeded users.
type remote struct {
	url                    string                 // of the ingress
	apps                   map[system.Role]string // direct URLs
	postgres, redis, cache string                 // addresses, host:port
	secrets                string                 // path of the file

	replicas    int // maximum replicas of a service
	first, last int // range of the seeded users for these tests
	pods        *pods
}

// remoteSystem returns the remote system of PHONEBILL_E2E_URL and related variables, or nil. The
// README describes them.
func remoteSystem() (*remote, error) {
	r := &remote{
		url: os.Getenv("PHONEBILL_E2E_URL"), secrets: os.Getenv("PHONEBILL_E2E_SECRETS"), apps: map[system.Role]string{},
		postgres: os.Getenv("PHONEBILL_E2E_POSTGRES"), redis: os.Getenv("PHONEBILL_E2E_REDIS"), cache: os.Getenv("PHONEBILL_E2E_REDIS_CACHE"),
	}
	if r.url == "" {
		return nil, nil
	}
	var err error
	if r.replicas, err = strconv.Atoi(cmp.Or(os.Getenv("PHONEBILL_E2E_REPLICAS"), "1")); err != nil {
		return nil, fmt.Errorf("PHONEBILL_E2E_REPLICAS: %w", err)
	}
	users := cmp.Or(os.Getenv("PHONEBILL_E2E_USERS"), fmt.Sprintf("1-%d", seededUsers))
	if _, err := fmt.Sscanf(users, "%d-%d", &r.first, &r.last); err != nil {
		return nil, fmt.Errorf("PHONEBILL_E2E_USERS, FIRST-LAST: %w", err)
	}
	for pair := range strings.SplitSeq(os.Getenv("PHONEBILL_E2E_APPS"), ",") {
		app, url, _ := strings.Cut(pair, "=")
		r.apps[system.Role(app)] = url
	}
	for _, app := range apps {
		if r.apps[app] == "" {
			return nil, fmt.Errorf("PHONEBILL_E2E_APPS lacks the URL of %s; want app=URL,app=URL…", app)
		}
	}
	if namespace := os.Getenv("PHONEBILL_E2E_NAMESPACE"); namespace != "" && r.replicas == 1 {
		r.pods = &pods{namespace: namespace}
	}
	return r, nil
}

// visit prepares the use of a remote system.
func (w *world) visit() (err error) {
	if w.secrets, err = secrets.Load(cmp.Or(w.remote.secrets, w.checkout.Secrets())); err != nil {
		return fmt.Errorf("PHONEBILL_E2E_SECRETS: %w", err)
	}
	if w.remote.pods != nil {
		if w.remote.pods.dir, err = os.MkdirTemp("", "phonebill-e2e-"); err != nil {
			return err
		}
		w.parts = w.remote.pods
		healTimeout = 2 * time.Minute // a pod takes longer to start than a process
	}
	seeded.Store(int64(w.remote.first - 1))
	return w.kos.CalmDown()
}

// leave checks the remote system after all tests. It keeps running.
func (w *world) leave() (code int) {
	if w.remote.pods == nil {
		return 0
	}
	for _, leak := range leaks() {
		code = 1
		fmt.Fprintln(os.Stderr, "e2e: after all tests:", leak)
	}
	if err := os.RemoveAll(w.remote.pods.dir); err != nil {
		code = 1
		fmt.Fprintln(os.Stderr, "e2e:", err)
	}
	return code
}

// url returns the URL of the ingress.
func (w *world) url() string {
	if w.remote != nil {
		return w.remote.url
	}
	return w.system.URL()
}

// server returns the address of one of the three servers, host:port.
func server(role system.Role) string {
	switch {
	case whole.remote != nil && role == system.Postgres:
		return whole.remote.postgres
	case whole.remote != nil && role == system.RedisCache:
		return whole.remote.cache
	case whole.remote != nil:
		return whole.remote.redis
	case role == system.Postgres:
		return system.PostgresAddress
	case role == system.RedisCache:
		return system.CacheAddress
	default:
		return system.RedisAddress
	}
}

// replicas returns the maximum number of replicas of a service.
func replicas() int {
	if whole.remote != nil {
		return whole.remote.replicas
	}
	return 1
}

// lastSeeded returns the number of the last seeded user.
func lastSeeded() int {
	if whole.remote != nil {
		return whole.remote.last
	}
	return seededUsers + fuzzUsers
}

// has reports whether the system has a server. A cluster of the tests has those of dev/cluster.
func has(server system.Role) bool {
	if whole.remote != nil {
		return server != system.RabbitMQ
	}
	return slices.Contains(whole.system.Roles(), server)
}

// needs skips the test unless the system has these parts: other components bring other servers.
func needs(t testing.TB, servers ...system.Role) {
	t.Helper()
	for _, role := range servers {
		if !has(role) {
			t.Skipf("these components need no %s", role)
		}
	}
}

// locally skips the test unless the system is local, because it needs its processes or files.
func locally(t testing.TB) {
	t.Helper()
	if whole.remote != nil {
		t.Skip("takes the processes of a system of its own; this one runs elsewhere")
	}
}

// singly skips the test unless there is one accessible replica of each service, because it counts
// what a single process does.
func singly(t testing.TB) {
	t.Helper()
	if whole.parts == nil {
		t.Skip("takes one pod of each service, and access to it")
	}
}
