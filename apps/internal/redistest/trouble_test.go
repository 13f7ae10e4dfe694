package redistest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/phonebill/phonebill/apps/internal/daprtest"
	"github.com/phonebill/phonebill/apps/internal/redistest"
	"github.com/phonebill/phonebill/apps/internal/session"
	"github.com/phonebill/phonebill/apps/internal/sidecar"
)

// world is a sidecar with the repository's own components and policies, on two
// Redis of the test's own, and an app that hears events.
type world struct {
	t            *testing.T
	redis, cache *redistest.Server
	dapr         *daprtest.Sidecar
	client       *sidecar.Client
	sessions     *session.Store

	mu    sync.Mutex
	heard map[string]bool
}

// The app has an id of a real one, which the components' scopes name.
const app = "bill-inquiry-service"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, redis: redistest.Start(t, "maxmemory-policy", "noeviction"), heard: map[string]bool{}}
	w.cache = redistest.Start(t, "maxmemory", "8mb", "maxmemory-policy", "allkeys-lfu")
	id := app + "-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")) // nobody else's on this machine
	var resources []string
	for _, name := range []string{"session-store", "cache-store", "pubsub", "product-changed"} {
		text, err := os.ReadFile("../../../components/local/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		resources = append(resources, strings.NewReplacer(
			"127.0.0.1:16379", w.redis.Address(), "127.0.0.1:16380", w.cache.Address(),
			"- "+app+"\n", "- "+id+"\n",
			"auth-service=user.logged-in.v1;", id+"=product.changed.v1,product.changed.v1.dead;", "auth-service=;", id+"=product.changed.v1;",
		).Replace(string(text)))
	}
	w.dapr = daprtest.Start(t, daprtest.Options{
		AppID: id, AppPort: w.serve(), Resources: resources, ResourceDirs: []string{"../../../resiliency"},
		Secrets: map[string]string{"redis-auth-key": "", "redis-cache-auth-key": ""},
	})
	w.client = w.dapr.Client()
	w.sessions = session.NewStore(w.client.State("session-store"))
	return w
}

// serve is the app.
func (w *world) serve() int {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct{ ID string }
		if r.URL.Path == "/events/product-changed" && json.NewDecoder(r.Body).Decode(&event) == nil {
			w.mu.Lock()
			w.heard[event.ID] = true
			w.mu.Unlock()
		}
	})}
	go func() { _ = server.Serve(listener) }()
	w.t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

// hears publishes until an event comes.
func (w *world) hears(when string) {
	w.t.Helper()
	n := 0
	w.until("an event "+when, func(ctx context.Context) error {
		n++
		id := when + strconv.Itoa(n)
		if err := w.client.Publish(ctx, "pubsub", sidecar.Event{ID: id, Type: "product.changed.v1", Data: map[string]string{}}); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second): // it takes a few milliseconds
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.heard[id] {
			return errors.New("not delivered")
		}
		return nil
	})
}

// logsIn opens a session and sees it.
func (w *world) logsIn(id string) {
	w.t.Helper()
	w.until("a session "+id, func(ctx context.Context) error {
		now := time.Now()
		err := w.sessions.Create(ctx, id, session.Record{UserID: "u", Idle: time.Hour, EndsAt: now.Add(time.Hour), TouchedAt: now})
		if err != nil && !errors.Is(err, session.ErrConflict) {
			return err
		}
		_, _, err = w.sessions.Get(ctx, id)
		return err
	})
}

func (w *world) until(what string, do func(ctx context.Context) error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			w.t.Fatalf("no %s: %v\n%s", what, err, w.dapr.Log())
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// records counts what the sidecar logs while do runs.
func (w *world) records(do func()) int {
	before := strings.Count(w.dapr.Log(), "\n")
	do()
	return strings.Count(w.dapr.Log(), "\n") - before
}

func TestFlushedRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.logsIn("before")
	w.hears("before")
	n := w.records(func() {
		w.redis.Do("FLUSHALL")
		if _, _, err := w.sessions.Get(t.Context(), "before"); !errors.Is(err, session.ErrEnded) {
			t.Errorf("a session that is flushed away: %v", err)
		}
		w.logsIn("after")
		w.logsIn("before") // also under the key that was there
		w.hears("after")
	})
	if n > 20 {
		t.Errorf("the sidecar logged %d records:\n%s", n, w.dapr.Log())
	}
}

// away is how long Redis is gone, and rate how many records a second the sidecar
// may log meanwhile, for its one subscription.
const (
	away = 10 * time.Second
	rate = 5
)

func TestRedisIsKilledAndComesBackEmpty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.logsIn("before")
	w.hears("before")
	n := w.records(func() {
		w.redis.Kill()
		w.withoutWrites()
		w.redis.Restart()
	})
	t.Logf("%d records in %s", n, away)
	if n > rate*int(away/time.Second) {
		t.Errorf("the sidecar logged %d records in %s:\n%.5000s", n, away, w.dapr.Log())
	}
	w.logsIn("after")
	w.hears("after")
}

// A failover leaves connections at a server that is now a replica.
func TestRedisIsDemotedAndPromoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.logsIn("before")
	w.hears("before")
	n := w.records(func() {
		w.redis.Do("REPLICAOF", "127.0.0.1", "1")
		w.withoutWrites()
		w.redis.Do("REPLICAOF", "NO", "ONE")
	})
	t.Logf("%d records in %s", n, away)
	if n > rate*int(away/time.Second) {
		t.Errorf("the sidecar logged %d records in %s:\n%.5000s", n, away, w.dapr.Log())
	}
	if _, _, err := w.sessions.Get(t.Context(), "before"); err != nil {
		t.Errorf("the session of before: %v", err)
	}
	w.logsIn("after")
	w.hears("after")
}

// withoutWrites tries to log in for a while, which is refused in time.
func (w *world) withoutWrites() {
	w.t.Helper()
	for i, end := 0, time.Now().Add(away); time.Now().Before(end); i++ {
		start := time.Now()
		err := w.sessions.Create(w.t.Context(), fmt.Sprint("meanwhile ", i), session.Record{UserID: "u", Idle: time.Hour, EndsAt: start.Add(time.Hour), TouchedAt: start})
		if !errors.Is(err, session.ErrUnavailable) || time.Since(start) > 5*time.Second {
			w.t.Errorf("login while nothing can be written: %v after %s", err, time.Since(start))
		}
		select {
		case <-w.t.Context().Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// TestFullCaches fills the Redis of the caches until it evicts, several times
// over, while sessions and events go on.
func TestFullCaches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cache := w.client.State("cache-store")
	w.logsIn("before")
	for round := range 3 {
		if err := w.cache.Fill(fmt.Sprint("phonebill-cache||bill ", round, " "), 8000); err != nil {
			t.Fatalf("the caches refuse: %v", err)
		}
		w.logsIn(fmt.Sprint("round ", round))
		w.hears(fmt.Sprint("round ", round))
		key := fmt.Sprint("bill ", round)
		if err := cache.SetIf(t.Context(), key, []byte("new"), "", time.Hour); err != nil {
			t.Errorf("a new bill is not cached: %v", err)
		}
	}
	if n := w.cache.Stat("evicted_keys"); n == 0 {
		t.Error("nothing was evicted: the caches were not full")
	}
	if n := w.redis.Stat("evicted_keys"); n != 0 {
		t.Errorf("%d sessions or events were evicted", n)
	}
	for _, id := range []string{"before", "round 0", "round 1", "round 2"} {
		if _, _, err := w.sessions.Get(t.Context(), id); err != nil {
			t.Errorf("session %s: %v", id, err)
		}
	}
}
